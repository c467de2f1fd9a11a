"""No spreadsheet runs what stands in our output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.leadfile.cells import guard, guard_parts, unguard


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "+1*2",
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


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("a;=cmd", "a;'=cmd"),
        ("a,+cmd|' /C calc'!A0", "a,'+cmd|' /C calc'!A0"),
        ("a\t@SUM(A1)", "a\t'@SUM(A1)"),
        ("a|-x", "a|'-x"),
        ("a\n=1", "a\n'=1"),
        ("a\r\n=1", "a\r\n'=1"),
        ("a; =1", "a;' =1"),
        ('a;"=1"', 'a;\'"=1"'),
        ("a;\uff1d1", "a;'\uff1d1"),
        (";;=1", ";;'=1"),
        ("=a;=b", "'=a;'=b"),
        ("\t=1", "'\t'=1"),
    ],
)
def test_a_part_that_another_delimiter_makes_a_cell_is_guarded(cell: str, guarded: str) -> None:
    """Quotes of the file's own delimiter do not hold a spreadsheet that parts at another."""
    assert guard_parts(cell) == guarded


@pytest.mark.parametrize("cell", ["a, b; c", "3, -12.50", "call +34 911 234 567; ask", "a=b;c", ""])
def test_a_text_with_delimiters_stays_intact(cell: str) -> None:
    """Most reasons have commas."""
    assert guard_parts(cell) == cell


@given(
    st.text(alphabet="=+-@\t\r\n '\"\uff1da1;,|", max_size=8),
    st.sampled_from(",;|\t\n"),
    st.booleans(),
)
def test_no_delimiter_makes_a_formula(cell: str, delimiter: str, quoted: bool) -> None:  # noqa: FBT001 - of hypothesis
    """However a spreadsheet parts the line that a cell of ours is written in."""
    guarded = guard_parts(cell)
    written = '"' + guarded.replace('"', '""') + '"' if quoted else guarded

    _, *parts = written.split(delimiter)

    assert guard_parts(guarded) == guarded
    assert guard(guarded) == guarded
    for part in parts:
        begins = part.strip(' "\t\r\n')
        assert guard(begins) == begins
