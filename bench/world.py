"""What evidence says about the companies of the sandbox's real world, held against their truth.

All steps are bought of every company, in this process and without HTTP: this measures how evidence
is read; `verdicts` measures what is worth buying. Truth is what the seller alone knows
(`GET /__truth`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from bench.measure import console, grid
from bench.real_world import NOW, JsonObject, Seller, answers_of, domain_of, subject_of
from orchestrator.evidence.hosts import host_of
from orchestrator.evidence.model import Step
from orchestrator.evidence.profile import Assembled, assemble, site_of
from orchestrator.evidence.website import pages_to_read

#: Traits that decide whether and where a company has a site: each has a line of its own.
_SITUATIONS = (
    *("no_website", "parked", "parent_site", "unfindable", "namesakes", "outranked"),
    *("odd_domain", "soft_404", "dirty_text", "maps_other", "maps_missing"),
    # Whether the lead knows more of its company than name and country.
    *("second_fact", "name_alone"),
)
#: Wrong websites that are shown.
_MOST_SHOWN = 20


async def main(repeats: int, *, seed: int = 0) -> None:
    """Print precision and recall of each field, and where another company's site was taken."""
    seller = Seller(repeats, seed)
    scores: defaultdict[str, Counter[str]] = defaultdict(Counter)
    sites: dict[str, Counter[str]] = {each: Counter() for each in ("all", *_SITUATIONS)}
    wrong: list[tuple[str, ...]] = []
    for lead, truth in seller.catalogue():
        found = _research(seller, lead).payload
        for field, score in _scores(truth, found).items():
            scores[field].update(score)
        site = _score_of_site(lead, truth, found)
        known = "second_fact" if subject_of(lead).has_second_fact else "name_alone"
        for situation in {"all", known, *truth["traits"]} & sites.keys():
            sites[situation].update(site)
        if site["wrong"]:
            place = f"{lead.get('city', '')} {lead.get('country', '')}"
            traits = ", ".join(truth["traits"])
            wrong.append((lead["company"], place, host_of(found["website"]["value"]) or "", traits))
    _show_fields(scores)
    _show_sites(sites)
    _show_wrong(wrong)


def _research(seller: Seller, lead: JsonObject) -> Assembled:
    """Return what is known of a company once every step has been bought."""
    subject = subject_of(lead)
    bought = {step: seller.buy(step, subject)[0] for step in (Step.MAPS, Step.SEARCH, Step.JOBS)}
    if site := site_of(subject, answers_of(bought)).url:
        bought[Step.CRAWL], _ = seller.buy(Step.CRAWL, subject, site)
        if pages := pages_to_read(bought[Step.CRAWL], ()):
            bought[Step.PAGES], _ = seller.buy(Step.PAGES, subject, pages=pages)
    return assemble(subject, answers_of(bought), dict.fromkeys(Step, NOW))


def _scores(truth: JsonObject, found: JsonObject) -> dict[str, Counter[str]]:
    """Return of each field: how many values are right and wrong, and whether one can be found."""
    wanted: dict[str, tuple[str, Iterable[object], Callable[[Any], object]]] = {
        "sector": ("sector", [truth["sector"]], _as_it_is),
        "country": ("country", [truth["country"]], _as_it_is),
        "size_band": ("size_band", [truth["size_band"]], _as_it_is),
        "headcount": ("headcount", [truth["headcount"]], _as_it_is),
        "phones": ("phone", truth["phones"], _as_it_is),
        "emails": ("email", truth["emails"], _as_it_is),
        "tax_ids": ("tax_id", [truth["tax_id"]], _letters_and_digits),
    }
    scores = {}
    for field, (name, right, plain) in wanted.items():
        data = found.get(field) or []
        values = [plain(datum["value"]) for datum in (data if isinstance(data, list) else [data])]
        are_right = [value in right for value in values]
        can_be_found = bool(truth["stated"][name])
        scores[field] = Counter(
            right=sum(are_right),
            wrong=len(values) - sum(are_right),
            companies=can_be_found,
            found=can_be_found and any(are_right),
        )
    return scores


def _as_it_is(value: object) -> object:
    return value


def _letters_and_digits(value: str) -> str:
    return "".join(char for char in value if char.isalnum())


def _score_of_site(lead: JsonObject, truth: JsonObject, found: JsonObject) -> Counter[str]:
    """Return whether the website is the company's own; a page of its group is no fault."""
    website = (found.get("website") or {}).get("value")
    accepted = [truth["domain"], *(truth["other_domains"] if _has_group(truth) else [])]
    is_right = website is not None and any(each and each in website for each in accepted)
    can_be_found = bool(truth["stated"]["website"] or domain_of(lead))
    return Counter(
        companies=1,
        with_site=can_be_found,
        right=is_right,
        missed=can_be_found and website is None,
        wrong=website is not None and not is_right,
    )


def _has_group(truth: JsonObject) -> bool:
    return "parent_site" in truth["traits"]


def _show_fields(scores: dict[str, Counter[str]]) -> None:
    head = ("field", "values", "precision", "companies that it can be found of", "recall")
    table = grid("What is said of companies, against the truth", head)
    for field, score in scores.items():
        values = score["right"] + score["wrong"]
        table.add_row(
            field,
            f"{values:,}",
            _share(score["right"], values),
            f"{score['companies']:,}",
            _share(score["found"], score["companies"]),
        )
    console.print(table)


def _show_sites(sites: dict[str, Counter[str]]) -> None:
    head = ("companies", "all", "with a site that can be found", "right", "missed", "wrong")
    table = grid("Their websites, by what is hard about them", head)
    for situation, score in sites.items():
        counts = (score[each] for each in ("companies", "with_site", "right", "missed", "wrong"))
        table.add_row(situation, *(f"{count:,}" for count in counts))
    console.print(table)


def _show_wrong(wrong: list[tuple[str, ...]]) -> None:
    table = grid("Another company's website was taken", ("lead", "where", "website", "traits"))
    for row in wrong[:_MOST_SHOWN]:
        table.add_row(*row)
    console.print(table)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"
