"""Where output goes: results to standard output, everything else to standard error; exit codes.

All of it is data unless it is a `rich.text.Text` with a style: no text is read as markup, and
characters that a terminal would act on are shown as escapes (see `orchestrator.infra.printable`).
Our own texts are given in English and printed in the user's language; numbers and dates are written
as in that language.
"""

import io
import os
import re
import sys
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, TextIO

import orjson
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from orchestrator.cli.spanish import language, translate
from orchestrator.infra.printable import json_escape, printable, printable_json


class Exit(IntEnum):
    """Exit codes of every command. Typer itself exits with 2 for a wrong usage."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    BUDGET = 4


class _SafeConsole(Console):
    """A console that shows any text literally: names, reasons and paths may contain anything."""

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
        """Yield the segments of *renderable*; all output passes here, styled text too."""
        for segment in super().render(renderable, options):
            if segment.control:  # of rich itself: it moves the cursor for a progress bar
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


#: Results, for people.
out = _SafeConsole()
#: Progress, notices and errors.
err = _SafeConsole(stderr=True, soft_wrap=True)


class _UntilClosed(io.FileIO):
    """A descriptor that drops what is written after its reader has closed it."""

    _is_broken = False

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
        """Write *data*, or drop it once the reader has gone (`emasai costs | head -1`).

        Raises:
            OSError: It cannot be written for another reason; raised once, then dropped.
        """
        if not self._is_broken:
            try:
                return super().write(data) or 0
            except BrokenPipeError:
                self._is_broken = True
            except OSError:
                self._is_broken = True
                raise
        return memoryview(data).nbytes


def accept_any_output() -> None:
    """Keep output from ending a command whose work is done, and perhaps paid for.

    Characters that the encoding of standard output or error lacks are written as escapes. Output
    after the reader has gone, or to a closed descriptor, is dropped.
    """
    sys.stdout = _tolerant(sys.stdout, 1)
    sys.stderr = _tolerant(sys.stderr, 2)


def flush() -> None:
    """Write what is still buffered.

    Raises:
        OSError: The disk is full, for instance; raised here, while it can still be reported.
    """
    sys.stdout.flush()


def _tolerant(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # it was closed when the command started
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        is_ours = stream.fileno() == descriptor
    except OSError:
        is_ours = False
    if not is_ours:  # the output is captured
        stream.reconfigure(errors="backslashreplace")
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_UntilClosed(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
    )


def print_sentence(sentence: str, *values: object, style: str | None = None) -> None:
    """Write a *sentence* with *values* to standard output, in the user's language."""
    out.print(translate(sentence, *values), style=style, soft_wrap=True)


def print_error(sentence: str) -> None:
    """Write to standard error why a command has failed, or what it could not do."""
    err.print(f"emasai: {sentence}", style="red")


def notice(headline: str, details: str) -> None:
    """Write a sentence to standard error, its *headline* highlighted."""
    err.print(Text.assemble((headline, "yellow"), " ", details))


def table(*columns: str, right: Collection[str] = (), gap: int = 3) -> Table:
    """Return an empty table of *columns*, those in *right* aligned for numbers."""
    new = Table(box=None, padding=(0, gap, 0, 0))
    for column in columns:
        new.add_column(translate(column), justify="right" if column in right else "left")
    return new


def figures(rows: Iterable[tuple[str, str, str]]) -> Table:
    """Return a table of *rows*: a name in English, a number, a remark in the user's language."""
    new = Table(show_header=False, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    new.add_column(style="bold")
    new.add_column(justify="right")
    new.add_column(style="dim")
    for name, count, remark in rows:
        new.add_row(translate(name), count, remark)
    return new


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
_SPANISH_SIGNS = str.maketrans(",.", ".,")


def number(value: float, decimals: int = 0) -> str:
    """Return *value* with separators: `1,234.5`, or `1.234,5` in Spanish."""
    text = f"{value:,.{decimals}f}"
    return text.translate(_SPANISH_SIGNS) if language() == "es" else text


def percent(share: float) -> str:
    """Return a *share*, 0 to 1, in whole percents."""
    return f"{share * 100:.0f} %" if language() == "es" else f"{share:.0%}"


def dollars(micros: int) -> str:
    """Return micro-USD as dollars: two decimals for large sums, four for small ones."""
    amount = number(abs(micros) / _DOLLAR, 2 if abs(micros) >= _DOLLAR or not micros else 4)
    sign = "-" if micros < 0 else ""
    return f"{sign}{amount} US$" if language() == "es" else f"{sign}${amount}"


def day(at: datetime) -> str:
    """Return the day of *at* as numbers: `2026-11-30`, or `30/11/2026` in Spanish."""
    return f"{at:%d/%m/%Y}" if language() == "es" else f"{at:%Y-%m-%d}"


def instant(at: datetime) -> str:
    """Return day and time of *at*, to the second."""
    return f"{day(at)} {at:%H:%M:%S}"


def span(length: timedelta) -> str:
    """Return *length* in one unit, the largest that it has twice or exactly: `7d`, `90min`."""
    for unit, name in _UNITS:
        if length >= 2 * unit or (length and not length % unit):
            return f"{length // unit}{name}"
    return f"{max(0, round(length.total_seconds()))}s"


_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))
