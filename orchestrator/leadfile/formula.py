"""Cells that a spreadsheet would run as a formula (CSV injection, as OWASP describes it).

A cell that starts with `=`, `+`, `-`, `@`, a tab or a line break (or the full-width form of
the signs) is written with a leading apostrophe. Cells of digits and punctuation alone stay
as they are: a phone number (+34 91 ...), a negative amount and a dash can call nothing.
"""

import re

_TRIGGERS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf" *[{_TRIGGERS}]")
_HARMLESS = re.compile(r" *[+-][\d\s().,:/%-]*(?:[eE][+-]?\d+)?\Z")
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


def unguard(cell: str) -> str:
    """Undo `guard`, so that an output read as input names the same companies."""
    return _GUARDED.sub("", cell, count=1) if cell.startswith("'") else cell
