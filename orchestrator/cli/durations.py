"""Lengths of time on the command line."""

import re
from datetime import timedelta
from types import MappingProxyType

import typer

_UNITS = MappingProxyType(
    {
        "ms": timedelta(milliseconds=1),
        "s": timedelta(seconds=1),
        "": timedelta(seconds=1),
        "m": timedelta(minutes=1),
    }
)
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s|m|)")


def parse_duration(text: str | None) -> timedelta | None:
    """Return a length of time; seconds where no unit is named.

    Raises:
        typer.BadParameter: Not a length of time.
    """
    if text is None:
        return None
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a length of time, such as 5s, 500ms or 2m")
    return float(found[1]) * _UNITS[found[2]]
