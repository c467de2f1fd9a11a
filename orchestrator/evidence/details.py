"""What pages, places, hits and job ads say about the company, beside its website and sector.

The caller passes only what passed the identity gate. Personal data is left out.
"""

from collections.abc import Sequence
from typing import Final

from agents.case import ClaimField

from .contacts import contacts_in, is_company_mailbox
from .model import Hit, JobAd, Method, Observed, Page, Place, Step, Subject
from .passages import fold, plain

_CLOSED: Final = "is marked as permanently closed on Google Maps"


def of_pages(pages: Sequence[Page], country: str | None) -> list[Observed]:
    """Return what the company's own *pages* say, the home page first.

    Args:
        pages: As crawled; nothing is taken from another company's.
        country: ISO 3166-1 alpha-2, for phone numbers without a country code.
    """
    return [value for page in pages for value in _of_page(page, country)]


def of_places(places: Sequence[Place]) -> list[Observed]:
    """Return what the fields of the company's *places* on Google Maps say."""
    return [value for place in places for value in _of_place(place)]


def of_hits(hits: Sequence[Hit], subject: Subject, website: str | None) -> list[Observed]:
    """Return the description of the *website*'s hit and the news that name the company.

    Args:
        hits: One page of results or several.
        subject: Whom the headlines must name.
        website: Host of the company's own site, where it is known.
    """
    del subject
    return [
        Observed(
            field=ClaimField.DESCRIPTION,
            value=plain(hit.description),
            quote=fold(hit.description),
            method=Method.SEARCH_RESULT,
            step=Step.SEARCH,
            source_url=hit.url,
        )
        for hit in hits
        if website and website in hit.url and plain(hit.description)
    ][:1]


def of_jobs(jobs: Sequence[JobAd], name: str) -> list[Observed]:
    """Return the open positions at the company called *name*: their number, then their titles."""
    own = [job for job in jobs if job.company.casefold() == name.casefold() and not job.is_expired]
    return [
        Observed(
            field=ClaimField.HIRING,
            value=plain(job.title),
            quote=fold(job.title),
            method=Method.JOB_AD,
            step=Step.JOBS,
            source_url=job.url,
            as_of=job.published_at,
        )
        for job in own
    ]


def _of_page(page: Page, country: str | None) -> list[Observed]:
    contacts = contacts_in(page.text, country)
    found = [
        (ClaimField.EMAIL, Method.PAGE_CONTACT, email.value, email.quote)
        for email in contacts.emails
        if is_company_mailbox(email.value)
    ]
    found += [
        (ClaimField.PHONE, Method.PAGE_CONTACT, phone.value, phone.quote)
        for phone in contacts.phones
    ]
    found += [
        (ClaimField.TAX_ID, Method.CHECK_DIGIT, tax_id.value, tax_id.quote)
        for tax_id in contacts.tax_ids
    ]
    return [
        Observed(
            field=field,
            value=value,
            quote=quote,
            method=method,
            step=Step.CRAWL,
            source_url=page.url,
        )
        for field, method, value, quote in found
    ]


def _of_place(place: Place) -> list[Observed]:
    title = fold(place.title)
    stated = (
        (ClaimField.COUNTRY, place.country),
        (ClaimField.WEBSITE, place.website),
        (ClaimField.PHONE, place.phone),
        (ClaimField.DESCRIPTION, place.description),
        (ClaimField.NEWS, f"closure: {title} {_CLOSED}" if place.permanently_closed else None),
    )
    return [
        Observed(
            field=field,
            value=plain(value),
            quote=fold(value),
            method=Method.MAPS_FIELD,
            step=Step.MAPS,
            source_url=place.url,
        )
        for field, value in stated
        if value and plain(value)
    ]
