"""Invented evidence is deterministic, plausible, and says that it is invented."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.case import ClaimField
from orchestrator.embedded.sandbox.fake_data import (
    OLDEST_DAYS,
    invent,
    simple_world,
)
from orchestrator.surfsense import evidence_from

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
MANY = [f"empresa {number}" for number in range(400)]


def invented(key: str, now: datetime = NOW) -> dict[str, Any]:
    """Return the answer about a company that is certainly found."""
    return invent(key.upper(), key, now, not_found_rate=0, ambiguous_rate=0)


@given(st.text(min_size=1))
def test_any_company_has_evidence_that_our_reader_understands(key: str) -> None:
    """Whatever the name, the answer is JSON, and every value becomes a claim in range."""
    answer = orjson.loads(orjson.dumps(invented(key)))

    evidence = evidence_from(key, answer, NOW)

    assert evidence.simulated
    assert all(0.5 <= claim.confidence < 1 for claim in evidence.claims)
    assert all(
        NOW - timedelta(days=OLDEST_DAYS + 1) <= claim.as_of <= NOW for claim in evidence.claims
    )


def test_the_same_company_is_invented_once() -> None:
    """Spelling and hour change nothing; another day only moves the dates."""
    first = invented("acme")

    later_today = invent(
        "acme", "acme", NOW + timedelta(hours=5), not_found_rate=0, ambiguous_rate=0
    )
    tomorrow = invented("acme", NOW + timedelta(days=1))

    assert later_today == first | {"empresa": "acme"}
    assert tomorrow["sector"]["value"] == first["sector"]["value"]
    assert tomorrow["sector"]["as_of"] != first["sector"]["as_of"]


def test_companies_differ() -> None:
    """A file of leads does not get one answer over and over."""
    sectors = {invented(key)["sector"]["value"] for key in MANY if "sector" in invented(key)}

    assert sectors == {sector.name for sector in simple_world().sectors}


@pytest.mark.parametrize("key", MANY[:50])
def test_an_answer_is_openly_invented(key: str) -> None:
    """It says so in words, and every address in it is reserved for examples."""
    answer = invented(key)

    claims = evidence_from(key, answer, NOW).claims
    addresses = [claim.source_url for claim in claims] + [
        str(claim.value)
        for claim in claims
        if claim.field in {ClaimField.WEBSITE, ClaimField.SOCIAL}
    ]
    assert answer["simulated"] is True
    assert "inventados" in answer["aviso"]
    assert addresses
    assert all(str(urlsplit(address or "").hostname).endswith(".example") for address in addresses)
    assert all(
        str(claim.value).endswith(".example") for claim in claims if claim.field == ClaimField.EMAIL
    )


def test_an_answer_is_consistent() -> None:
    """A headcount lies within its band, and words are of the common vocabulary."""
    bands = {band: range(low, high + 1) for band, low, high in simple_world().size_bands}
    countries = {country.code for country in simple_world().countries}

    for key in MANY:
        values = {
            claim.field: claim.value for claim in evidence_from(key, invented(key), NOW).claims
        }
        band = values.get(ClaimField.SIZE_BAND)
        if band is not None and ClaimField.HEADCOUNT in values:
            assert values[ClaimField.HEADCOUNT] in bands[str(band)]
        assert values.get(ClaimField.COUNTRY, "ES") in countries
        assert values.get(ClaimField.TECHNOLOGY, "Odoo") in simple_world().technologies


def test_some_fields_are_unknown_of_some_companies() -> None:
    """No field is always there, and none always missing."""
    answers = [invented(key) for key in MANY]

    for field in ("sector", "headcount", "size_band", "country", "emails", "news"):
        known = sum(field in answer for answer in answers)
        assert 0 < known < len(answers)


def test_a_name_hints_at_its_sector() -> None:
    """A bank is a bank, even an invented one."""
    known = [invented(f"banco {number}") for number in range(20)]

    assert {a["sector"]["value"] for a in known if "sector" in a} == {"banking"}


def test_costs_vary_and_add_up() -> None:
    """Each answer tells its own price, made of pages and jobs, within the known bounds."""
    costs = [invented(key)["cost_micros"] for key in MANY]

    assert (min(costs), max(costs)) == (22_000, 46_500)
    assert all(
        sum(answer["cost_items"].values()) == answer["cost_micros"]
        for answer in map(invented, MANY)
    )


def test_some_companies_are_unknown_and_some_ambiguous() -> None:
    """Their shares are as ordered; an unknown one costs a search, an ambiguous one two."""
    answers = [invent(key, key, NOW, not_found_rate=0.2, ambiguous_rate=0.1) for key in MANY]

    estados = [answer["estado"] for answer in answers]
    unknown = next(a for a in answers if a["estado"] == "no_encontrada")
    ambiguous = next(a for a in answers if a["estado"] == "ambigua")

    assert estados.count("no_encontrada") / len(MANY) == pytest.approx(0.2, abs=0.06)
    assert estados.count("ambigua") / len(MANY) == pytest.approx(0.1, abs=0.05)
    assert (unknown["cost_micros"], ambiguous["cost_micros"]) == (5_500, 11_000)
    assert len(ambiguous["candidates"]) == 3
    assert unknown["simulated"] is ambiguous["simulated"] is True


def test_sources_are_dated_by_the_day() -> None:
    """Dates are aware instants at the start of a UTC day."""
    as_of = datetime.fromisoformat(invented("acme")["sector"]["as_of"])

    assert as_of.utcoffset() == timedelta(0)
    assert (as_of.hour, as_of.minute) == (0, 0)
