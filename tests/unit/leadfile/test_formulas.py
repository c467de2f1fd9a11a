"""No spreadsheet runs what stands in our output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.leadfile.formula import guard, unguard


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(A1:A9)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1+1",
        "\uff1d1",
        "- llamar mañana",
        "+34 911 234 567 ext 3",
    ],
)
def test_a_cell_that_a_spreadsheet_could_run_is_guarded(cell: str) -> None:
    """What OWASP lists gets a leading apostrophe, and nothing else changes."""
    assert guard(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    [
        "+34 911 234 567",
        "+1 (415) 555-0100",
        "-12.50",
        "-1,5",
        "-1.5e-3",
        "-",
        "--",
        "a=b",
        "",
        "3",
    ],
)
def test_phones_numbers_and_dashes_stay_intact(cell: str) -> None:
    """Digits and punctuation can call nothing, and a guarded phone could not be dialled."""
    assert guard(cell) == cell


@given(st.text(alphabet="=+-@\t\r\n '\uff1da1", max_size=6))
def test_guarding_is_idempotent_and_undone_by_unguarding(cell: str) -> None:
    """An output that becomes an input again neither grows apostrophes nor changes its names."""
    assert guard(guard(cell)) == guard(cell)
    assert unguard(guard(cell)) == unguard(cell)
