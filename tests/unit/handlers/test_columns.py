"""The best values of an evidence, as result files have them."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.case import Claim, ClaimField, Evidence
from orchestrator.handlers.result import LONGEST_URL, LONGEST_VALUE, CompanyColumns, columns_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PAGE = "https://acme.example/"


def claim(
    field: ClaimField, value: str | int, confidence: float = 0.9, url: str | None = PAGE
) -> Claim:
    """Return what a source says."""
    return Claim(field=field, value=value, confidence=confidence, source_url=url, as_of=NOW)


def of(*claims: Claim) -> CompanyColumns:
    """Return the columns of *claims*."""
    return columns_of(Evidence(company="Acme", claims=claims))


def test_each_column_has_the_most_believed_value_in_the_agent_s_words() -> None:
    """Whatever the case, language or number was."""
    found = of(
        claim(ClaimField.WEBSITE, PAGE, 0.97),
        claim(ClaimField.SECTOR, "Manufacturing", 0.8, "https://maps.example/1"),
        claim(ClaimField.SECTOR, "retail", 0.4, "https://other.example/"),
        claim(ClaimField.HEADCOUNT, 120, 0.85),
        claim(ClaimField.COUNTRY, "España", 0.95),
        claim(ClaimField.PHONE, "+34944000111"),
        claim(ClaimField.EMAIL, "info@acme.example"),
    )

    assert found == CompanyColumns(
        website=PAGE,
        sector="manufacturing",
        size="51-200",
        country="ES",
        phone="+34944000111",
        email="info@acme.example",
        confidence="0.80",
        source_urls=f"{PAGE} https://maps.example/1",
    )


def test_what_is_not_known_is_blank() -> None:
    """Also what cannot be read; nothing is made up, and no confidence is given for nothing."""
    assert of() == CompanyColumns()
    assert (
        of(
            claim(ClaimField.SECTOR, "hobby"),
            claim(ClaimField.COUNTRY, 7),
            claim(ClaimField.HEADCOUNT, "many"),
            claim(ClaimField.HEADCOUNT, 0),
        )
        == CompanyColumns()
    )


def test_a_newer_value_wins_over_an_equally_believed_one() -> None:
    """And of equals the first, so that the order of an answer stands."""
    old = claim(ClaimField.PHONE, "1").model_copy(update={"as_of": NOW - timedelta(days=9)})

    assert of(old, claim(ClaimField.PHONE, "2"), claim(ClaimField.PHONE, "3")).phone == "2"


@pytest.mark.parametrize(
    "url", [None, "", "javascript:alert(1)", "https://x.example/a b", "https://x/" + "a" * 3_000]
)
def test_an_address_that_is_none_is_left_out(url: str | None) -> None:
    """The addresses stay apart, and each can be opened."""
    found = of(claim(ClaimField.PHONE, "+34944000111", url=url))

    assert (found.phone, found.source_urls) == ("+34944000111", "")


@given(
    st.lists(
        st.builds(
            claim,
            st.sampled_from(ClaimField),
            st.text() | st.integers(-5, 10**9),
            st.floats(0, 1),
            st.none() | st.text() | st.just(PAGE),
        )
    )
)
def test_any_evidence_makes_short_cells_of_one_line(claims: list[Claim]) -> None:
    """Whatever the web says; the confidence is that of a claim, and never of more than is shown."""
    found = of(*claims)

    values = [getattr(found, field.name) for field in fields(found)]
    assert all(isinstance(value, str) for value in values)
    assert all(len(value) <= LONGEST_VALUE for value in values[:6])
    assert not any("\n" in value or "\r" in value for value in values)
    assert len(found.source_urls) <= 6 * (LONGEST_URL + 1)
    assert bool(found.confidence) == any(values[:6])
