"""The example file is what the demo runs on, so what it holds is a promise, too."""

from collections import Counter
from pathlib import Path

import pytest

from orchestrator.leadfile import LeadFile, Level, read_lead_file
from tests.support.lead_files import problems_of

EXAMPLE = Path(__file__).parents[3] / "examples" / "leads.csv"
RESERVED = (".example", "example.com", "example.org", "example.net")


@pytest.fixture(scope="module")
def example() -> LeadFile:
    """Read the example as `emasai run` does."""
    return read_lead_file(EXAMPLE)


def test_the_example_is_large_enough_to_show_what_is_saved(example: LeadFile) -> None:
    """Hundreds of rows over far fewer companies: the difference is never paid for."""
    companies = {row.lead.company_key for row in example.rows() if row.lead}

    assert example.length >= 300
    assert len(companies) >= 140
    assert example.length > 2 * len(companies)


def test_spellings_of_one_company_in_the_example_are_one_company(example: LeadFile) -> None:
    """Its websites, one for each company, agree with the company keys."""
    leads = [row.lead for row in example.rows() if row.lead and row.lead.website]
    sites = {
        (lead.company_key, (lead.website or "").split("//")[-1].removeprefix("www."))
        for lead in leads
    }

    assert len(sites) == len({key for key, _ in sites}) == len({site for _, site in sites})


def test_people_of_the_example_live_on_reserved_domains(example: LeadFile) -> None:
    """The demo names no real mailbox."""
    leads = [row.lead for row in example.rows() if row.lead]

    assert all(lead.email.lower().endswith(RESERVED) for lead in leads if lead.email)
    assert all(".example" in lead.website for lead in leads if lead.website)


def test_the_example_holds_bad_rows_of_every_kind(example: LeadFile) -> None:
    """The demo shows the reports about bad rows, and that the good ones go through."""
    levels = Counter(problem.level for problem in problems_of(example))
    sentences = " ".join(map(str, problems_of(example)))

    assert sum(row.lead is None for row in example.rows()) == levels[Level.ERROR] == 6
    assert levels[Level.WARNING] == 3
    for kind in (
        "company is missing",
        "company holds only invisible characters",
        "could be any of many companies",
        "email is not an e-mail address",
        "contact is missing",
        "cells, but the header names 8 columns",
        "is no country that is known",
        "does not look like a phone number",
        "looks like a formula",
    ):
        assert kind in sentences


def test_some_rows_of_the_example_repeat_a_lead(example: LeadFile) -> None:
    """Exact repetitions, and the same person with the company typed otherwise."""
    first_of = {row.lead_number: row for row in example.rows() if not row.is_repetition}
    pairs = [(row, first_of[row.lead_number]) for row in example.rows() if row.is_repetition]

    assert sum(row.cells == first.cells for row, first in pairs) == 5
    assert sum(row.cells != first.cells for row, first in pairs) == 2
