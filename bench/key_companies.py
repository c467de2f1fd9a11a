"""Companies with their country and domain, to see which of them a company index tells apart.

Three sources. `known`: a file of this folder, written by hand. `registered`: the `negatives.csv` of
`bench/key_quality.py`, whose names and countries are real and which has no domains; they are made,
in ways that `MODELS` explains. `listed`: the equities of FinanceDatabase (MIT;
github.com/JerBouma/FinanceDatabase, its folder `database/equities`), all of whose facts are real.
"""

import csv
import itertools
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.identity import company_domain, company_key, parse_name

KNOWN: Final = Path(__file__).with_name("data") / "known_companies.tsv"


@dataclass(frozen=True, slots=True)
class Company:
    """A company as its leads know it.

    `core` is shared by companies whose names differ in writing or legal form only, `homonym` by
    those whose names differ in writing only. `seat` (city, trade) is known of listed ones.
    """

    name: str
    country: str
    domain: str
    core: str
    homonym: str
    others: tuple[str, ...] = ()
    seat: tuple[str, str] | None = None

    @property
    def id(self) -> str:
        """What no other company of its source has."""
        return f"{self.core} {self.country} {self.domain}"

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way to write its name that is known."""
        return (self.name, *self.others)

    def is_surely_another_than(self, other: "Company") -> bool:
        """Say whether the two are two; of listed ones if neither city nor trade is shared.

        That is independent of what the index reads, except for the site: companies that share it
        are one company here.
        """
        if self.domain == other.domain:
            return False
        if self.seat is None or other.seat is None:
            return True
        return all(mine != theirs for mine, theirs in zip(self.seat, other.seat, strict=True))

    def is_surely_the_same_as(self, other: "Company") -> bool:
        """Say whether two listed rows are one company: one name key, one city and trade."""
        return self.seat is not None and self.seat == other.seat and self.core == other.core


def known() -> list[Company]:
    """Return the companies of the file by hand."""
    lines = KNOWN.read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return [_known(*row) for row in rows]


def _known(country: str, domain: str, spellings: str, group: str = "") -> Company:
    name, *others = spellings.split(" | ")
    return Company(name, country, domain, group or domain, domain, tuple(others))


def registered(folder: Path, domain_of: "Model") -> list[Company]:
    """Return the companies of `negatives.csv`, each with a domain of its own."""
    taken: set[str] = set()
    companies = []
    for number, row in enumerate(_rows(folder / "negatives.csv")):
        wished = domain_of(row["name"], row["country"].lower(), number)
        domain = next(each for each in wished if each not in taken)
        taken.add(domain)
        core, homonym = row["core"] or row["id"], row["homonym"] or row["id"]
        companies.append(Company(row["name"], row["country"], domain, core, homonym))
    return companies


#: Domains that a company of a name, a country and a number would like, the dearest first.
Model = Callable[[str, str, int], Iterator[str]]


def _of_its_own(_: str, country: str, number: int) -> Iterator[str]:
    yield f"c{number}.{country}"


def _of_its_name(name: str, country: str, number: int) -> Iterator[str]:
    word, form = _letters(company_key(name)), _letters(parse_name(name).legal_form or "")
    yield from (f"{word}.{country}", f"{word}{form}.{country}", f"{word}{number}.{country}")


def _of_its_name_only(name: str, _: str, number: int) -> Iterator[str]:
    tops = ("".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=4))
    yield f"{_letters(company_key(name))}.{next(itertools.islice(tops, number, None))}"


NEVER_TELLS: Final = "name only"
MODELS: Final[dict[str, Model]] = {
    "own domain": _of_its_own,
    "name.country": _of_its_name,
    NEVER_TELLS: _of_its_name_only,
}
"""`own domain`: no two companies' domains are alike. `name.country`: a company is `acme.es`, and in
the same country the next of the name `acmesl.es`. `name only`: all of a name are `acme`, and only
what stands behind the dot differs, so that the domain never tells anything: the worst case."""


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isascii() and c.isalnum())[:40] or "x"


def listed(folder: Path) -> list[Company]:
    """Return the listed companies whose row is complete and speaks of one company.

    Some rows have one company's name and another one's description, so the name's first word must
    be in the description. Countries are names there: each stands for two letters of its own.
    """
    codes: dict[str, str] = {}
    pairs = ("".join(letters) for letters in itertools.product(string.ascii_uppercase, repeat=2))
    found: dict[tuple[str, str, str], Company] = {}
    for path in sorted(folder.glob("*.csv")):
        for row in _rows(path):
            domain = company_domain(row["website"])
            if domain is None or not all(row[each] for each in ("name", "country", "city")):
                continue
            core = company_key(row["name"])
            if core.split("_")[0] not in company_key(row["summary"][:200] or "-").split("_"):
                continue
            country = codes.get(row["country"]) or codes.setdefault(row["country"], next(pairs))
            homonym = f"{core} {parse_name(row['name']).legal_form}"
            seat = (company_key(row["city"]), row["industry"])
            company = Company(row["name"], country, domain, core, homonym, seat=seat)
            found.setdefault((core, country, domain), company)
    return list(found.values())


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
