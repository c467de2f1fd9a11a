"""Cells that a spreadsheet would run as a formula (CSV injection, as OWASP describes it).

A cell that starts with `=`, `+`, `-`, `@`, a tab or a line break (or the full-width form of
the signs) is written with a leading apostrophe. Cells of digits and punctuation alone stay
as they are: a phone number (+34 91 ...), a negative amount and a dash can call nothing.

A spreadsheet of another country parts cells at another delimiter, inside quotes, too: of `a;=cmd`
in a file with commas it makes a cell `=cmd`. In the columns that we add every such part is
guarded (`guard_parts`); the columns of the user are not ours to change so far.
"""

import re

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_TRIGGERS = f"{_SIGNS}\t\r\n"
_FORMULA = re.compile(rf" *[{_TRIGGERS}]")
_HARMLESS = re.compile(r" *[+-][\d\s().,:/%-]*(?:[eE][+-]?\d+)?\Z")
#: Where a part begins for some delimiter of lead files, or at a line end. A quote may open or close
#: the cell that it makes, so that what follows the quote is its beginning.
_BEGINNINGS = re.compile(rf'(?<=[,;|\t\r\n])(?=[ "]*[{_SIGNS}])')
_GUARDED = re.compile(rf"'(?= *[{_TRIGGERS}])")


def looks_like_formula(cell: str) -> bool:
    """Say whether a spreadsheet could run *cell* instead of showing it."""
    return _FORMULA.match(cell) is not None and _HARMLESS.match(cell) is None


def guard(cell: str) -> str:
    """Return *cell* such that no spreadsheet runs it. Guarding twice changes nothing.

    >>> guard("=HYPERLINK(1)"), guard("+34 911 234 567"), guard("-12.50")
    ("'=HYPERLINK(1)", '+34 911 234 567', '-12.50')
    """
    return f"'{cell}" if looks_like_formula(cell) else cell


def guard_parts(cell: str) -> str:
    r"""Return *cell* such that no spreadsheet runs it or a part of it, whatever its delimiter is.

    >>> guard_parts("a;=cmd"), guard_parts("3, -12.50"), guard_parts('a;"=cmd"')
    ("a;'=cmd", '3, -12.50', 'a;\'"=cmd"')
    """

    def guarded(found: re.Match[str]) -> str:
        return "'" if looks_like_formula(cell[found.start() :].lstrip(' "')) else ""

    return guard(_BEGINNINGS.sub(guarded, cell))


def unguard(cell: str) -> str:
    """Undo `guard`, so that an output read as input names the same companies."""
    return _GUARDED.sub("", cell, count=1) if cell.startswith("'") else cell
