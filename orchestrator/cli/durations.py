"""Lengths of time on the command line."""

from datetime import timedelta

import durationpy
import typer


def parse_duration(text: str) -> timedelta:
    """Return a length of time as people write it: `500ms`, `5s`, `1h30m`, `7d`, `2w`.

    A number alone is seconds.

    Raises:
        typer.BadParameter: Not a length of time, or below zero.
    """
    unit = "s" if text.replace(".", "", 1).isdecimal() else ""
    try:
        length = read_duration(f"{text}{unit}")
    except ValueError:
        length = timedelta(-1)
    if length < timedelta(0):
        example = "such as 5s, 1h30m or 7d"
        raise typer.BadParameter(f"{text!r} is not a length of time, {example}")
    return length


def read_duration(text: str) -> timedelta:
    """Return what `parse_duration` returns, but also a length below zero, and no number alone.

    Raises:
        ValueError: Not a length of time with its unit.
    """
    length: timedelta = durationpy.from_str(text)
    return length
