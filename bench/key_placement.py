"""How well a company index tells companies apart by all that is known, and keeps each in one.

Every company comes as one lead, in the file's order and in two shuffled ones, to a fresh index on
SQLite, as a worker would ask it. *Merged* are companies that share a key with another one: form
(their names differ in the legal form only), homonym (in nothing), false (in more). The worst of
the orders is shown. *Split* is a lead that gets a key which no company has.
"""

import asyncio
import itertools
import random
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.key_companies import MODELS, NEVER_TELLS, Company, known, listed, registered
from bench.measure import console, grid, judge
from orchestrator.database import open_engine, upgrade
from orchestrator.identity import company_key, identify
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now

#: What the project promises where country and domain are known: the largest share of companies.
FORM_MERGES: Final = 0.001
_ORDERS: Final = 3
#: What leads of known companies say: country, domain.
_KNOWN_LEADS: Final = (
    ("name, country, domain", True, True),
    ("name, country", True, False),
    ("name", False, False),
)

Keys = list[str | None]


class Merged(NamedTuple):
    """How many companies share a key with another one, by how their names differ."""

    false: int
    form: int
    homonym: int

    def shown(self, total: int) -> str:
        """Return the shares of *total* companies."""
        return " / ".join(f"{number / total:.3%}" for number in self)


class Fates(NamedTuple):
    """What became of leads whose company is known."""

    leads: int
    split: int
    ambiguous: int
    of_another: int


async def show_placement(names: Path | None, equities: Path | None) -> None:
    """Print who is told apart, a line a source, and whether a company's leads stay together."""
    sources: dict[str, list[Company]] = {"known": known()}
    if names is not None:
        sources |= {f"registered, {what}": registered(names, of) for what, of in MODELS.items()}
    if equities is not None:
        sources["listed"] = listed(equities)
    table = grid(
        "false / form / homonym merges, of all companies",
        ("source", "companies", "by name", "by name, country, domain"),
    )
    for source, companies in sources.items():
        alone = merged(companies, [company_key(company.name) for company in companies])
        told = Merged(*map(max, *[merged(*each) async for each in placed(companies)]))
        total = len(companies)
        table.add_row(source, f"{total:,}", alone.shown(total), told.shown(total))
        if not source.endswith(NEVER_TELLS):
            is_met = told.form <= FORM_MERGES * total and not told.false
            judge(f"{source}: form merges <= {FORM_MERGES:.1%}, no false one", [is_met])
    console.print(table)
    table = grid("leads of these companies", ("source", "leads", "split", "ambiguous", "another's"))
    for what, fates in await fates_of_known(sources["known"]):
        table.add_row(f"known, by {what}", f"{fates.leads:,}", *_shares(fates))
    if equities is not None:
        fates = await fates_of_listed(sources["listed"])
        table.add_row("listed, of another site", f"{fates.leads:,}", *_shares(fates))
    console.print(table)


def merged(companies: Sequence[Company], keys: Keys) -> Merged:
    """Count the companies that share a key with one that is surely another."""
    found: dict[str, set[str]] = {kind: set() for kind in Merged._fields}
    for one, other in _pairs(companies, keys):
        if one.is_surely_another_than(other):
            kind = "homonym" if one.homonym == other.homonym else "form"
            found[kind if one.core == other.core else "false"] |= {one.id, other.id}
    return Merged(*(len(found[kind]) for kind in Merged._fields))


async def placed(companies: list[Company]) -> AsyncIterator[tuple[list[Company], Keys]]:
    """Yield the companies in several orders, with the keys that they get when they come so."""
    for turn in range(_ORDERS):
        dice = random.Random(turn)  # noqa: S311  # the same orders in every run
        order = dice.sample(companies, len(companies)) if turn else companies
        yield order, await _keys_of(order)


async def _keys_of(companies: list[Company]) -> Keys:
    """Return the keys of companies that come one after another to a new index."""
    async with _fresh_indexes() as open_index:
        return await _keys(open_index(), [(c.name, c.country, c.domain) for c in companies])


async def fates_of_known(companies: list[Company]) -> list[tuple[str, Fates]]:
    """Return what becomes of leads in all spellings, by what they say beside the name."""
    found = []
    async with _fresh_indexes() as open_index:
        own = await _keys(open_index(), [(c.name, c.country, c.domain) for c in companies])
        right = [
            key for company, key in zip(companies, own, strict=True) for _ in company.spellings
        ]
        for what, has_country, has_domain in _KNOWN_LEADS:
            leads = [
                (name, c.country if has_country else None, c.domain if has_domain else None)
                for c in companies
                for name in c.spellings
            ]
            found.append((what, _fates(right, await _keys(open_index(), leads), own)))
    return found


async def fates_of_listed(companies: list[Company]) -> Fates:
    """Return what becomes of rows that are surely a company met before, under another site."""
    keys = await _keys_of(companies)
    of = {company.id: key for company, key in zip(companies, keys, strict=True)}
    names = [company.core for company in companies]
    same = [pair for pair in _pairs(companies, names) if pair[0].is_surely_the_same_as(pair[1])]
    return _fates([of[one.id] for one, _ in same], [of[other.id] for _, other in same], keys)


def _fates(right: Keys, keys: Keys, owned: Keys) -> Fates:
    """Sort leads by whether they have the *right* one of the keys that companies own."""
    wrong = [key for expected, key in zip(right, keys, strict=True) if key != expected]
    ambiguous = wrong.count(None)
    of_another = sum(key is not None and key in owned for key in wrong)
    return Fates(len(keys), len(wrong) - ambiguous - of_another, ambiguous, of_another)


def _shares(fates: Fates) -> Iterator[str]:
    return (f"{number / max(1, fates.leads):.2%}" for number in fates[1:])


def _pairs(
    companies: Iterable[Company], groups: Iterable[str | None]
) -> Iterator[tuple[Company, Company]]:
    """Yield all pairs of companies that are of one group."""
    by_group: dict[str | None, list[Company]] = defaultdict(list)
    for company, group in zip(companies, groups, strict=True):
        by_group[group].append(company)
    for group, members in by_group.items():
        if group is not None:
            yield from itertools.combinations(members, 2)


async def _keys(index: CompanyIndex, leads: Iterable[tuple[str, str | None, str | None]]) -> Keys:
    found = await asyncio.gather(
        *(
            index.resolve_all([identify(name, country=where, domain=site)])
            for name, where, site in leads
        )
    )
    return [None if each.is_ambiguous else each.key for (each,) in found]


@asynccontextmanager
async def _fresh_indexes() -> AsyncIterator[Callable[[], CompanyIndex]]:
    """Yield what opens an index of a new database, each as in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/index.sqlite"
        await upgrade(url)
        engine = open_engine(url)
        try:
            yield lambda: CompanyIndex(engine, utc_now)
        finally:
            await engine.dispose()
