"""From the payload to claims."""

from datetime import UTC, datetime

from agents.case import Claim, ClaimField
from orchestrator.surfsense import evidence_from

PURCHASED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PAYLOAD = {
    "empresa": "ACME S.L.",
    "simulated": True,
    "sector": {"value": "retail", "confidence": 0.8, "source_url": "https://acme.example/"},
    "headcount": "many",
    "hiring": 4,
    "emails": ["info@acme.example", "ventas@acme.example"],
    "news": [
        {
            "value": {"category": "expansion", "headline": "Acme abre en Lima"},
            "as_of": "2026-05-01T00:00:00Z",
            "confidence": 0.0,
        },
        "Acme cumple años",
    ],
}


def claims_of(field: ClaimField) -> list[Claim]:
    """Return what the payload claims about one field."""
    evidence = evidence_from("Acme", PAYLOAD, PURCHASED_AT)
    return [claim for claim in evidence.claims if claim.field is field]


def test_a_value_becomes_a_claim_with_its_provenance() -> None:
    """Confidence and source are the payload's, the date is the purchase's when none is told."""
    assert claims_of(ClaimField.SECTOR) == [
        Claim(
            field=ClaimField.SECTOR,
            value="retail",
            confidence=0.8,
            source_url="https://acme.example/",
            as_of=PURCHASED_AT,
        )
    ]


def test_a_bare_value_is_a_claim_of_middling_confidence() -> None:
    """A value without provenance is neither trusted nor thrown away."""
    (hiring,) = claims_of(ClaimField.HIRING)

    assert (hiring.value, hiring.confidence, hiring.source_url) == (4, 0.5, None)


def test_each_item_of_a_list_is_a_claim() -> None:
    """Two addresses are two claims, in the payload's order."""
    emails = [claim.value for claim in claims_of(ClaimField.EMAIL)]

    assert emails == ["info@acme.example", "ventas@acme.example"]


def test_news_carry_their_category() -> None:
    """A headline with a category says both; told confidence, even 0, and date are kept."""
    categorized, bare = claims_of(ClaimField.NEWS)

    assert categorized.value == "expansion: Acme abre en Lima"
    assert categorized.confidence == 0.0
    assert categorized.as_of == datetime(2026, 5, 1, tzinfo=UTC)
    assert bare.value == "Acme cumple años"


def test_an_odd_field_claims_nothing() -> None:
    """What cannot be read is unknown, not wrong."""
    assert claims_of(ClaimField.HEADCOUNT) == []


def test_every_field_of_the_vocabulary_can_be_claimed() -> None:
    """No kind of claim is forgotten on the way."""
    payload = {
        "sector": "retail",
        "headcount": 320,
        "size_band": "201-1000",
        "country": "ES",
        "website": "https://acme.example",
        "description": "Comercio",
        "emails": "info@acme.example",
        "phones": "+34 91 000 0001",
        "socials": "https://x.example/acme",
        "hiring": 4,
        "news": "Acme cumple años",
        "technologies": "Odoo",
    }

    evidence = evidence_from("Acme", payload, PURCHASED_AT)

    assert {claim.field for claim in evidence.claims} == set(ClaimField)
    assert {claim.value for claim in evidence.claims} == set(payload.values())


def test_invented_evidence_says_so() -> None:
    """The mark of the sandbox reaches the agents."""
    assert evidence_from("Acme", PAYLOAD, PURCHASED_AT).simulated
    assert not evidence_from("Acme", {}, PURCHASED_AT).simulated
    assert evidence_from("Acme", PAYLOAD, PURCHASED_AT).company == "Acme"
