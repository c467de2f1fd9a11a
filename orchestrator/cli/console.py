"""Where output goes: results to standard output, everything said about them to standard error.

All of it is data unless it is a `rich.text.Text` with a style: no text is read as markup, and
what a terminal could act on is shown as an escape (see `orchestrator.printable`).
"""

import io
import re
import sys
from collections.abc import Iterable
from typing import Any

import orjson
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from orchestrator.printable import json_escape, printable, printable_json


class _SafeConsole(Console):
    """A console on which names, reasons and paths may say anything."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(
            stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False
        )

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has them
        """Return *text* with its escapes, before its width is measured."""
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of *renderable*: everything printed passes here, styled text too."""
        for segment in super().render(renderable, options):
            if segment.control:  # of rich itself: it moves the cursor for a progress bar
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


#: What was asked for: tables for people.
out = _SafeConsole()
#: Progress, notices and errors.
err = _SafeConsole(stderr=True, soft_wrap=True)


def accept_any_encoding() -> None:
    """Let characters that a terminal's encoding lacks be shown as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def notice(headline: str, details: str) -> None:
    """Write a sentence to standard error whose beginning stands out."""
    err.print(Text.assemble((headline, "yellow"), " ", details))


def print_json(value: object) -> None:
    """Write *value* to standard output as JSON, whatever the terminal."""
    write_json(json_text(value, orjson.OPT_INDENT_2) + "\n")


def json_text(value: object, option: int = 0) -> str:
    """Return *value* as JSON."""
    return orjson.dumps(value, option=option, default=str).decode()


def write_json(text: str) -> None:
    """Write a piece of JSON to standard output, with escapes for what cannot be shown there."""
    text = printable_json(text)
    if not out.encoding.startswith("utf"):
        text = _NOT_ASCII.sub(json_escape, text)
    out.file.write(text)


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_DOLLAR = 1_000_000


def dollars(micros: int) -> str:
    """Return micro-USD as people read them: cents for large sums, more digits for small ones."""
    whole = micros >= _DOLLAR or not micros
    return f"${micros / _DOLLAR:,.2f}" if whole else f"${micros / _DOLLAR:.4f}"
