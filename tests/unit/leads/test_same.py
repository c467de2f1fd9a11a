"""Who is the same lead when a person comes again."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest

from agents.case import Lead
from orchestrator.leads import OnConflict
from orchestrator.leads.models import merge_leads
from orchestrator.leads.same import Marks, Match, match_all
from tests.support.cases import lead_of_row as row

ana = partial(row, "Acme S.A.", "Ana Ruiz")
ANA, UNADDRESSED = ana("ana@acme.test"), ana()


def _known_by_another_id(lead: Lead) -> Lead:
    """Return *lead* as it is stored under an id that none of its fields makes."""
    return lead.model_copy(update={"id": UUID(int=7)})


def _match(lead: Lead, stored: Sequence[Lead]) -> Match:
    return match_all([Marks.of(lead)], stored)[0]


@pytest.mark.parametrize(
    ("stored", "again"),
    [
        (ana(), ana("ana@acme.test")),
        (ana("ana@acme.test"), ana()),
        (ana("ana@acme.test"), row("ACME, S.A.", "RUIZ, Ana", "ANA@acme.test")),
        (ana("ana@acme.test"), row("Acme", "Ana María Ruiz", "ana@acme.test")),
        (ana("ana@acme.test"), row("Acme Ibérica", "Ana Ruíz", "ana@acme.test")),
        (ana("ana@acme.test"), row("Acme Ibérica", "Ana Ruiz", website="www.acme.test")),
        (ana("ana@acme.test"), ana("info@acme.test")),
        (ana("info@acme.test"), ana("ana@acme.test")),
        (ana("info@acme.test"), row("ACME", "Ana Ruíz", "Info@acme.test")),
        (ana("ana@acme.test"), ana("mailto:ana+crm@acme.test")),
        (ana("ana@gmail.com"), ana("a.na@googlemail.com")),
        (ana("ana@ñandú.test"), ana("ana@xn--and-6ma2c.test")),
        (ana("anna@acme.test", phone="+34 600 111 222"), ana("ana@acme.test", phone="600111222")),
    ],
)
def test_the_same_person_at_the_same_company_is_found(stored: Lead, again: Lead) -> None:
    """Whatever is written otherwise, missing or corrected, and whatever made the stored id."""
    stored = _known_by_another_id(stored)

    assert _match(again, [stored]) == Match(stored)


@pytest.mark.parametrize(
    ("stored", "again"),
    [
        (row("Acme", "Ana", "ana@acme.test"), row("Acme", "Ana")),
        (ana(), row("Acme", "Ana María Ruiz")),
        (ana(), row("Zara", "Ana Ruiz", "ana@zara.test")),
        (ana("info@acme.test"), row("Acme", "Luis Gil", "info@acme.test")),
        (ana("ana@gmail.com"), row("Zara", "Ana Ruiz", "ana@gmail.com")),
        (ana("ana@acme.test"), ana(website="acme.example")),
        (ana("ana@acme.test", country="ES"), ana(country="MX")),
    ],
)
def test_another_person_or_another_company_is_another_lead(stored: Lead, again: Lead) -> None:
    """A first name alone names no person; mail of a free provider belongs to no company."""
    assert _match(again, [stored]) == Match()


@pytest.mark.parametrize(
    ("stored", "again"),
    [
        (ana("ana@acme.test"), ana("ana.ruiz@acme.test")),
        (ana("a@acme.test", phone="+34 600 111 222"), ana("b@acme.test", phone="+34 600 111 333")),
        (ana("ana@acme.test"), row("Acme Ibérica", "Luis Gil", "ana@acme.test")),
    ],
)
def test_a_doubt_is_another_lead_and_is_said(stored: Lead, again: Lead) -> None:
    """Two addresses, or two names, may be two people's."""
    assert _match(again, [stored]) == Match(None, is_doubtful=True)


def test_of_two_namesakes_none_is_taken_for_the_person() -> None:
    """Neither where two are stored, nor where two come in one file; each is a lead of its own."""
    other = row("Acme", "Ana Ruiz", "ana.ruiz@acme.test")

    assert _match(UNADDRESSED, [ANA, other]) == Match(None, is_doubtful=True)
    for rows in ([ANA, other], [other, ANA]):
        matches = match_all([Marks.of(each) for each in rows], [UNADDRESSED])
        assert matches == [Match(None, is_doubtful=True)] * 2


def test_a_lead_with_an_id_of_its_own_is_nobody_else() -> None:
    """Who gives a lead an id says who it is."""
    assert _match(_known_by_another_id(ANA), [ANA, UNADDRESSED]) == Match()


@pytest.mark.parametrize(
    ("before", "later", "after"),
    [
        ("", "ana@acme.test", ("ana@acme.test", "ana@acme.test")),
        ("ana@acme.test", "", ("ana@acme.test", "ana@acme.test")),
        ("anna@acme.test", "ana@acme.test", ("ana@acme.test", "anna@acme.test")),
        ("info@acme.test", "ana@acme.test", ("ana@acme.test", "info@acme.test")),
        ("ana@acme.test", "info@acme.test", ("ana@acme.test", "ana@acme.test")),
        ("ana@acme.test", "ana+crm@acme.test", ("ana@acme.test", "ana@acme.test")),
    ],
)
def test_a_later_address_counts_by_the_rule_of_conflicts(
    before: str, later: str, after: tuple[str, str]
) -> None:
    """A missing one, or one that several people read, takes the place of none."""
    stored, again = ana(before), ana(later)
    rules = (OnConflict.REPLACE, OnConflict.FILL)

    assert tuple(merge_leads(stored, again, rule).email for rule in rules) == after
    assert merge_leads(stored, again, OnConflict.KEEP) == stored


def test_an_address_that_was_corrected_does_not_come_back() -> None:
    """The first file, run again, finds the lead by its id, and leaves the address alone."""
    first, second = ana("anna@acme.test"), ANA
    corrected = merge_leads(first, second, OnConflict.REPLACE)

    assert merge_leads(corrected, first, OnConflict.REPLACE) == corrected
