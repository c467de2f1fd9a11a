"""What the evaluators of evidence call: each function calls what the pipeline calls, and no more.

The arguments and results have the shapes of the evaluators, which know nothing of this project.
"""

from collections.abc import Mapping
from typing import Any

from orchestrator.evidence import sectors as _sectors
from orchestrator.evidence import website as _website
from orchestrator.evidence.agreement import place_belongs
from orchestrator.evidence.contacts import contacts_in
from orchestrator.evidence.hosts import kind_of
from orchestrator.evidence.model import Agreement, Hit, Subject
from orchestrator.surfsense.verbs import hits_in, places_in


def hosts(host: str) -> bool:
    """Return whether *host* is never a company's own site."""
    return kind_of(host) is not None


def pages(text: str, country: str | None) -> dict[str, list[object]]:
    """Return the contacts in the *text* of a page, as the evaluator compares them."""
    found = contacts_in(text, country)
    return {
        "emails": [email.value for email in found.emails],
        "phones": [phone.value for phone in found.phones],
        "tax_ids": [{"type": tax.type, "value": tax.value} for tax in found.tax_ids],
    }


def pairs(company: str, city: str, country: str, place: Mapping[str, Any]) -> bool:
    """Return whether *place* is the company's."""
    subject = Subject(company, city=city or None, country=country or None)
    return any(
        place_belongs(subject, found).agreement is Agreement.AGREE for found in places_in((place,))
    )


def sector(text: str, lang: str, company: str, country: str) -> tuple[str, float] | None:
    """Return the sector that *text* speaks of, and the confidence in it."""
    del country
    return _answer(_sectors.sector_in_text(text, language=lang, name=company))


def category(category: str, lang: str) -> tuple[str, float] | None:
    """Return the sector of the category of a place, and the confidence in it."""
    return _answer(_sectors.sector_of_category(category, language=lang))


def _answer(guess: _sectors.SectorGuess | None) -> tuple[str, float] | None:
    return (guess.sector.value, guess.confidence) if guess else None


def website(company: str, city: str, country: str, page: Mapping[str, Any]) -> str | None:
    """Return the company's website among the results of *page*; None if none is sure enough."""
    subject = Subject(company, city=city or None, country=country or None)
    return _website.choose(subject, hits_of(page), ()).domain


def hits_of(page: Mapping[str, Any]) -> tuple[Hit, ...]:
    """Return the organic results of a *page* in SurfSense's shape."""
    return hits_in((page,))
