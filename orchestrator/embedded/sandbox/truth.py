"""What the seller alone knows: the truth about a company, and what leads say of the catalogue."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.company import Company, Trait
from orchestrator.embedded.sandbox.pages import pages_of
from orchestrator.embedded.sandbox.sources import Query, result_page
from orchestrator.embedded.sandbox.wording import wording_of, written_phones, written_tax_id


def truth_about(world: World, name: str) -> dict[str, Any] | None:
    """Return the truth about the company of *name*, as JSON; None if it is no name.

    Beside what is true of it: `closed`; `findable`, whether a source other than directories says
    anything of it; `stated`, by field, the steps that can find it at all; and its `namesakes`,
    whose evidence is never about it.
    """
    key = world.key_of(name)
    if key is None:
        return None
    company = world.company(key)
    return {
        "key": key,
        **_as_json(company),
        "findable": company.is_findable,
        "stated": stated(world, company),
        "namesakes": [_as_json(each) for each in world.namesakes(key)],
        "neighbour": _as_json(world.neighbour(company)),
    }


def catalogue_of(world: World) -> list[dict[str, Any]]:
    """Return the catalogue as leads know companies: names, and some facts of some of them.

    Keys are `company`, `country`, `city`, `website`, `email_domain` and `phone`; of these
    `company` is always there. Nothing says whether other companies have its name.
    """
    return [_lead(company, given.typed) for company, given in world.listed()]


def stated(world: World, company: Company) -> dict[str, list[str]]:
    """Return by field which of the steps search, maps and crawl can find it, walls apart."""
    by_step = {
        "search": _stated_by_search(world, company),
        "maps": _stated_by_maps(company),
        "crawl": _stated_by_crawl(company),
    }
    fields = ("website", "phone", "email", "tax_id", "headcount", "size_band", "sector", "country")
    return {
        field: [step for step, found in by_step.items() if field in found]
        for field in (*fields, "closed")
    }


def _stated_by_search(world: World, company: Company) -> set[str]:
    if Trait.UNFINDABLE in company.traits or Trait.WALLED in company.traits:
        return set()
    query = Query(f'"{company.brand}"', company.country, company.language, None)
    page = result_page(world, company.id, None, query, page=1, is_searxng=False)
    hits = page["organicResults"]
    texts = " ".join(hit["description"] for hit in hits)
    stated_fields = {"sector"}
    if any(f"//www.{company.domain}/" in hit["url"] for hit in hits):
        stated_fields.add("website")
    if company.size_band in texts:
        stated_fields.add("size_band")
    if _any_in(written_phones(company), texts):
        stated_fields.add("phone")
    return stated_fields


def _stated_by_maps(company: Company) -> set[str]:
    if not company.has_place:
        return set()
    is_site_shown = company.domain and Trait.FACEBOOK_ON_MAPS not in company.traits
    return {"phone", "sector", "country", "closed"} | ({"website"} if is_site_shown else set())


def _stated_by_crawl(company: Company) -> set[str]:
    pages = pages_of(company)
    if not pages:
        return set()
    text, said = "\n".join(page.text for page in pages), wording_of(company)
    evidence = {
        "email": company.emails,
        "phone": written_phones(company),
        "country": (company.address, *written_phones(company)),
        "tax_id": (written_tax_id(company),),
        "headcount": (said.say("headcount"), said.say("headcount", "home")),
        "closed": (said.say("closed"),),
    }
    found = {field for field, values in evidence.items() if _any_in(values, text)}
    if any(page.phones for page in pages):
        found |= {"phone", "country"}
    if "headcount" in found:
        found.add("size_band")
    return found | {"sector"}


def _any_in(values: Iterable[str], text: str) -> bool:
    return any(value in text for value in values if value)


def _as_json(company: Company) -> dict[str, Any]:
    return asdict(company) | {
        "traits": sorted(company.traits),
        "closed": Trait.CLOSED in company.traits,
        "news": [item._asdict() for item in company.news],
    }


def _lead(company: Company, typed: str) -> dict[str, Any]:
    random = company.random("lead")
    site = company.domain and f"https://www.{company.domain}/"
    known = {
        "country": (0.85, company.country),
        "city": (0.5, company.city),
        "website": (0.35, site),
        "email_domain": (0.6, company.domain or "gmail.com"),
        "phone": (0.15, company.phones[0]),
    }
    facts: dict[str, Any] = {"company": typed}
    for fact, (share, value) in known.items():
        if random.chance(share) and value is not None:
            facts[fact] = value
    return facts
