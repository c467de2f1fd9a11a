"""Leads and claims of every kind, for what holds for all of them."""

from datetime import UTC, timedelta, timezone

from hypothesis import strategies as st

from agents.case import Claim, ClaimField
from agents.cdao import NewsCategory, Sector, SizeBand
from tests.unit.agents.builders import NOW

VALUES: dict[ClaimField, st.SearchStrategy[str | int]] = {
    ClaimField.SECTOR: st.sampled_from([*Sector, "astrology"]),
    ClaimField.HEADCOUNT: st.integers(-1, 10_000),
    ClaimField.SIZE_BAND: st.sampled_from([*SizeBand, "huge"]),
    ClaimField.COUNTRY: st.sampled_from(["ES", "mexico", "DE", "Atlantis"]),
    ClaimField.WEBSITE: st.sampled_from(
        ["acme.example", "shop.acme.example", "bolt.example", "emasai.example", "apollo.io"]
    ),
    ClaimField.DESCRIPTION: st.text(max_size=5),
    ClaimField.EMAIL: st.sampled_from(["info@acme.example", "hi@acme.example"]),
    ClaimField.PHONE: st.sampled_from(["+34 900", "+52 55"]),
    ClaimField.SOCIAL: st.sampled_from(["@acme", "@acme_es"]),
    ClaimField.HIRING: st.integers(0, 20) | st.sampled_from(["Analyst", "Engineer", "CTO"]),
    ClaimField.NEWS: st.sampled_from(
        [f"{category}: {text}" for category in NewsCategory for text in "AB"]
    ),
    ClaimField.TECHNOLOGY: st.sampled_from(["SAP", "sap", "Odoo", "Salesforce", "Excel"]),
    ClaimField.TAX_ID: st.sampled_from(["B12345674", "A58818501"]),
}


_CLAIMS: dict[ClaimField, st.SearchStrategy[Claim]] = {
    field: st.builds(
        Claim,
        field=st.just(field),
        value=values,
        # Few values, so that ties are common.
        confidence=st.sampled_from([0, 0.4, 0.5, 0.9, 1]) | st.floats(0, 1),
        source_url=st.sampled_from([None, "https://a.example", "https://b.example"]),
        as_of=st.builds(
            lambda days, zone: (NOW - timedelta(days=days)).astimezone(zone),
            st.sampled_from([0, 0, 100, 500]) | st.integers(-10, 2500),
            st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
        ),
    )
    for field, values in VALUES.items()
}


def claims_about(fields: list[ClaimField]) -> st.SearchStrategy[Claim]:
    """Return claims about *fields*, of every trust and age."""
    return st.one_of([_CLAIMS[field] for field in fields])


CLAIMS = st.lists(claims_about(list(VALUES)), max_size=14)
EMAILS = st.sampled_from(["ana@acme.example", "ana@gmail.com", "ana@other.example", "nonsense"])
COUNTRIES = st.sampled_from([None, "ES", "DE"])
