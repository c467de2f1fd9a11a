"""From the payload to claims: an odd field claims nothing, and never raises."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.case import Claim, ClaimField
from orchestrator.surfsense import evidence_from
from orchestrator.surfsense.evidence import FIELDS, Envelope, Estado

PURCHASED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PAYLOAD: dict[str, object] = {
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = [name for row in FIELDS for name in (row.name, *row.spanish)]
ENVELOPE_NAMES = ["estado", "status", "cost_micros", "costo_micros", "candidates", "candidatas"]


def claims_of(field: ClaimField, payload: dict[str, object] = PAYLOAD) -> list[Claim]:
    """Return what the payload claims about one field."""
    evidence = evidence_from("Acme", payload, PURCHASED_AT)
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
        "tax_ids": "B58818501",
    }

    evidence = evidence_from("Acme", payload, PURCHASED_AT)

    assert {claim.field for claim in evidence.claims} == set(ClaimField)
    assert {claim.value for claim in evidence.claims} == set(payload.values())


def test_invented_evidence_says_so() -> None:
    """The mark of the sandbox reaches the agents."""
    assert evidence_from("Acme", PAYLOAD, PURCHASED_AT).simulated
    assert not evidence_from("Acme", {}, PURCHASED_AT).simulated
    assert evidence_from("Acme", PAYLOAD, PURCHASED_AT).company == "Acme"


def test_english_and_spanish_names_mean_the_same() -> None:
    """A field is understood under either of its names."""
    english = {
        "headcount": 320,
        "size_band": "201-1000",
        "country": "ES",
        "website": "https://acme.example",
        "description": "Comercio",
        "emails": ["info@acme.example"],
        "phones": ["+34 91 000 0001"],
        "socials": ["https://x.example/acme"],
        "hiring": 4,
        "news": [{"category": "award", "headline": "Premiada"}],
        "technologies": ["Odoo"],
        "tax_ids": ["B58818501"],
    }
    spanish = {
        "empleados": 320,
        "tamano": "201-1000",
        "pais": "ES",
        "sitio_web": "https://acme.example",
        "descripcion": "Comercio",
        "correos": ["info@acme.example"],
        "telefonos": ["+34 91 000 0001"],
        "redes": {"x": "https://x.example/acme"},
        "vacantes": 4,
        "noticias": [{"categoria": "award", "titular": "Premiada"}],
        "tecnologias": ["Odoo"],
        "identificaciones_fiscales": ["B58818501"],
    }

    evidence = evidence_from("Acme", english, PURCHASED_AT)

    assert len(evidence.claims) == len(english)
    assert evidence_from("Acme", spanish, PURCHASED_AT) == evidence


def test_a_value_comes_bare_or_with_its_provenance() -> None:
    """Both forms are the same value; only one names its source."""
    sourced = {
        "value": "retail",
        "confidence": 0.8,
        "source_url": "https://acme.example/",
        "as_of": "2026-05-01T10:00:00+02:00",
    }

    (with_source,) = claims_of(ClaimField.SECTOR, {"sector": sourced})
    (bare,) = claims_of(ClaimField.SECTOR, {"sector": "retail"})

    assert with_source.value == bare.value == "retail"
    assert (with_source.confidence, bare.confidence) == (0.8, 0.5)
    assert with_source.as_of == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert bare.as_of == PURCHASED_AT


def test_a_value_comes_with_what_a_person_judges_it_by() -> None:
    """Quote, method, status and what other sources state reach the claim, in either language."""
    english = {
        "value": 40,
        "quote": "Somos 40 personas.",
        "method": "page_text",
        "status": "conflicting",
        "alternatives": [35, "unas 50"],
    }
    spanish = {
        "valor": 40,
        "cita": "Somos 40 personas.",
        "metodo": "page_text",
        "estado": "conflicting",
        "alternativas": [35, "unas 50"],
    }

    (claim,) = claims_of(ClaimField.HEADCOUNT, {"headcount": english})

    assert claim.quote == "Somos 40 personas."
    assert (claim.method, claim.status) == ("page_text", "conflicting")
    assert claim.alternatives == (35, "unas 50")
    assert claims_of(ClaimField.HEADCOUNT, {"headcount": spanish}) == [claim]


def test_alternatives_made_of_digits_stay_text() -> None:
    """A tax id is not a number, and odd alternatives leave the others."""
    datum: dict[str, object] = {"value": "B58818501", "alternatives": ["090274156", "", None, []]}

    (claim,) = claims_of(ClaimField.TAX_ID, {"tax_ids": [datum]})

    assert claim.alternatives == ("090274156",)


def test_a_date_without_zone_is_utc() -> None:
    """An instant is aware whatever the source omitted."""
    (sector,) = claims_of(ClaimField.SECTOR, {"sector": {"valor": "retail", "fecha": "2026-05-01"}})

    assert sector.as_of == datetime(2026, 5, 1, tzinfo=UTC)


def test_odd_provenance_does_not_cost_the_value() -> None:
    """A confidence of "high" is dropped, the value it belongs to is not."""
    odd = {
        "value": "retail",
        "confidence": "high",
        "source_url": [],
        "as_of": "yesterday",
        "quote": 0.5,
        "method": {},
        "status": [],
        "alternatives": "none",
    }

    (sector,) = claims_of(ClaimField.SECTOR, {"sector": odd})

    assert sector.value == "retail"
    assert (sector.confidence, sector.source_url, sector.as_of) == (0.5, None, PURCHASED_AT)
    assert (sector.method, sector.status, sector.alternatives) == (None, None, ())


@pytest.mark.parametrize("odd", ["many", True, -3, 2.5, None, [], {}, {"value": {}}])
def test_an_odd_field_is_absent(odd: object) -> None:
    """A headcount that is no whole number reads as unknown, and nothing else is lost."""
    payload: dict[str, object] = {"headcount": odd, "sector": "retail"}

    assert claims_of(ClaimField.HEADCOUNT, payload) == []
    assert len(claims_of(ClaimField.SECTOR, payload)) == 1


def test_odd_items_leave_the_others() -> None:
    """One bad item does not take the list with it."""
    payload: dict[str, object] = {"technologies": ["SAP", "", None, [], {"value": "Odoo"}]}

    assert [item.value for item in claims_of(ClaimField.TECHNOLOGY, payload)] == ["SAP", "Odoo"]


@pytest.mark.parametrize(
    ("hiring", "read"), [(12, [12]), ("12", [12]), (["Chef", 3, True], ["Chef", 3]), (None, [])]
)
def test_hiring_is_a_number_or_titles(hiring: object, read: list[int | str]) -> None:
    """Open positions come counted or named."""
    assert [item.value for item in claims_of(ClaimField.HIRING, {"hiring": hiring})] == read


@pytest.mark.parametrize(
    "news",
    [
        {"category": "award", "headline": "Premiada", "as_of": "2026-05-01"},
        {"value": {"category": "award", "headline": "Premiada"}, "as_of": "2026-05-01"},
        [{"valor": {"categoria": "award", "titular": "Premiada"}, "fecha": "2026-05-01"}],
    ],
)
def test_news_come_flat_or_nested(news: object) -> None:
    """A category and a headline are found in either shape, with their date."""
    (item,) = claims_of(ClaimField.NEWS, {"news": news})

    assert item.value == "award: Premiada"
    assert item.as_of == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "estado"),
    [
        ({}, Estado.FOUND),
        ({"estado": "no_encontrada"}, Estado.NOT_FOUND),
        ({"status": "Ambiguous"}, Estado.AMBIGUOUS),
        ({"estado": "activa"}, Estado.FOUND),
        ({"estado": 5}, Estado.FOUND),
    ],
)
def test_an_estado_is_found_unless_it_says_otherwise(
    answer: dict[str, object], estado: Estado
) -> None:
    """The documents do not name the field, so only the known words change the meaning."""
    assert Envelope.model_validate(answer).estado is estado


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES + ENVELOPE_NAMES) | st.text(), JSON))
def test_every_json_object_can_be_read(answer: dict[str, object]) -> None:
    """No object that a server may send raises."""
    evidence_from("Acme", answer, PURCHASED_AT)
    Envelope.model_validate(answer)


@given(
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6),
    st.frozensets(st.sampled_from(ClaimField)),
)
def test_some_fields_are_read_as_all_are(
    payload: dict[str, object], only: frozenset[ClaimField]
) -> None:
    """What is left out is left out alone, under each of its names."""
    every = evidence_from("ACME", payload, PURCHASED_AT)
    some = evidence_from("ACME", payload, PURCHASED_AT, only)

    assert some.claims == tuple(claim for claim in every.claims if claim.field in only)
    assert some.simulated == every.simulated
