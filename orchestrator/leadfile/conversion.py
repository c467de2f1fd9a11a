"""Files that are no text: workbooks, compressed files and JSON, as the CSV that they would be.

The result is a private copy in UTF-8, with the mark by which spreadsheet programs know it.
"""

import codecs
import gzip
import io
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, TextIO

import orjson

from agents.case import Localized

from . import file_flaws, sheet_process
from .cells import shown
from .columns import LeadField
from .csv_format import MAX_RECORD
from .files import LeadFileError, Spool
from .flaws import Kind, filled
from .sheet_process import UNREADABLE

#: Bytes that a compressed file may become: a few kilobytes can be made to fill any disk.
_MOST_UNPACKED: Final = 2 << 30
#: Names of fields of JSON objects; a spreadsheet has room for few more.
_MOST_NAMES: Final = 1_000
#: Bytes of JSON that is one array and has to be in memory.
_MOST_JSON: Final = 100 << 20
_PIECE: Final = 1 << 16
#: What a damaged archive raises while it is unpacked.
_UNSOUND: Final = (gzip.BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)
#: The program that reads workbooks.
_READER: Final = Path(sheet_process.__file__)
#: How it writes what JSON has not.
_TAGGED: Final[dict[str, Callable[[Any], object]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
}


@dataclass(frozen=True, slots=True)
class Converted:
    """The text of a file, and what is in it and was not taken."""

    spool: Spool
    left_out: tuple[Localized, ...] = ()
    is_workbook: bool = False


def converted(path: Path, spool: Spool, *, is_json: bool = False) -> Converted:
    """Return the text of *spool*, the copy of *path*; of text, the same.

    Raises:
        LeadFileError: It cannot be unpacked, or has no table.
    """
    for _ in range(2):  # a workbook may be compressed once more
        beginning = next(spool.chunks(), b"")
        if beginning.startswith(b"\x1f\x8b"):
            spool = _unpacked(path, partial(gzip.open, spool.reader()))
        elif not beginning.startswith(b"PK\x03\x04"):
            break
        else:
            inside = _inside(path, spool)
            if inside is None:
                return _workbook(path, spool)
            archive, name = inside
            with archive:
                spool = _unpacked(path, partial(archive.open, name))
    beginning = next(spool.chunks(), b"")
    start = beginning[:200].decode("utf-8-sig", "ignore").lstrip()
    looks_json = start.startswith("{") or re.match(r"\[\s*\{", start) is not None
    if looks_json or (is_json and start):
        return Converted(_json(path, spool, is_array=start.startswith("[")))
    return Converted(spool)


def _unpacked(path: Path, open_packed: Callable[[], IO[bytes] | gzip.GzipFile]) -> Spool:
    def pieces() -> Iterator[bytes]:
        size = 0
        # Here, since a `BadGzipFile` outside would count as an error of the disk.
        try:
            with open_packed() as packed:
                while piece := packed.read(_PIECE):
                    size += len(piece)
                    if size > _MOST_UNPACKED:
                        raise LeadFileError.of(path, file_flaws.UNPACKS_TOO_LARGE)
                    yield piece
        except _UNSOUND as error:
            raise LeadFileError.of(path, file_flaws.DAMAGED_ARCHIVE) from error

    return Spool(path, pieces())


def _inside(path: Path, spool: Spool) -> tuple[zipfile.ZipFile, str] | None:
    """Return the one file of an archive; None of a workbook, which is an archive, too."""
    try:
        archive = zipfile.ZipFile(spool.reader())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise LeadFileError.of(path, file_flaws.CUT_WORKBOOK) from error
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]
    if any(name.startswith("xl/workbook.") or name == "content.xml" for name in names):
        return None
    if len(names) != 1:
        raise LeadFileError.of(path, file_flaws.SEVERAL_FILES, count=len(names))
    return archive, names[0]


def _workbook(path: Path, spool: Spool) -> Converted:
    command = [sys.executable, "-P", str(_READER)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=spool.file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as reader:
        lines = map(orjson.loads, reader.stdout or ())
        try:
            sheets = next(lines, None)
            text = _as_csv(path, (map(_cell, row) for row in lines), most=_MOST_UNPACKED)
        except orjson.JSONDecodeError as error:
            # The reader has died in the middle of a line.
            raise LeadFileError.of(path, file_flaws.LARGE_WORKBOOK) from error
    if reader.returncode == UNREADABLE:
        raise LeadFileError.of(path, file_flaws.UNREADABLE_WORKBOOK)
    if reader.returncode:
        raise LeadFileError.of(path, file_flaws.LARGE_WORKBOOK)
    if sheets is None:
        raise LeadFileError.of(path, file_flaws.EMPTY_WORKBOOK)
    name, *others = (shown(each, 30) for each in sheets)
    if not others:
        return Converted(text, is_workbook=True)
    unread = filled(file_flaws.OTHER_SHEETS, name=name, others=", ".join(others[:5]))
    return Converted(text, (unread,), is_workbook=True)


def _cell(value: object) -> object:
    """Return a cell of a workbook from its form in JSON."""
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    return _TAGGED[tag](content)


def _text(value: object) -> str:
    """Return the cell of a workbook as people see it.

    >>> _text(34911234567.0), _text(True), _text(1.5), _text("x")
    ('34911234567', 'TRUE', '1.5', 'x')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _json(path: Path, spool: Spool, *, is_array: bool) -> Spool:
    names: dict[str, None] = {}
    for each in _objects(path, spool, is_array=is_array):
        names |= dict.fromkeys(each)
        if len(names) > _MOST_NAMES:  # each of them is a column of each row
            raise LeadFileError.of(path, file_flaws.MANY_NAMES, most=_MOST_NAMES)

    def rows() -> Iterator[Sequence[str]]:
        yield tuple(names)
        for row in _objects(path, spool, is_array=is_array):
            yield tuple(_json_text(row.get(name)) for name in names)

    return _as_csv(path, rows())


def _json_text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value).decode()


def _objects(path: Path, spool: Spool, *, is_array: bool) -> Iterator[dict[str, Any]]:
    """Yield the objects; a mere text is one with the name of a company."""
    with io.TextIOWrapper(spool.reader(), encoding="utf-8-sig", errors="replace") as text:
        values = _array(path, text) if is_array else _by_line(path, text)
        for number, each in enumerate(values, start=1):
            if isinstance(each, str):
                yield {LeadField.COMPANY: each}
            elif isinstance(each, dict):
                yield each
            else:
                raise LeadFileError.of(path, file_flaws.NO_OBJECT, number=number)


def _array(path: Path, text: TextIO) -> Iterator[object]:
    whole = text.read(_MOST_JSON + 1)
    if len(whole) > _MOST_JSON:
        raise LeadFileError.of(path, file_flaws.LONG_ARRAY)
    yield from _parsed(path, whole, file_flaws.UNSOUND_ARRAY)


def _by_line(path: Path, text: TextIO) -> Iterator[object]:
    for number, line in enumerate(iter(lambda: text.readline(MAX_RECORD + 1), ""), start=1):
        if len(line) > MAX_RECORD:
            raise LeadFileError.of(path, file_flaws.LONG_OBJECT, most=MAX_RECORD, line=number)
        if line.strip():
            yield _parsed(path, line, file_flaws.UNSOUND_LINE, line=number)


def _parsed(path: Path, text: str, unsound: Kind, **place: int) -> Any:  # noqa: ANN401 - of JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise LeadFileError.of(path, unsound, **place) from error


def _as_csv(path: Path, rows: Iterable[Iterable[object]], most: int | None = None) -> Spool:
    def pieces() -> Iterator[bytes]:
        yield codecs.BOM_UTF8
        size = 0
        for row in rows:
            piece = (",".join(map(_csv_cell, row)) + "\r\n").encode("utf-8", "replace")
            size += len(piece)
            if most is not None and size > most:
                raise LeadFileError.of(path, file_flaws.LARGE_WORKBOOK)
            yield piece

    return Spool(path, pieces())


def _csv_cell(value: object) -> str:
    """Return *value* as a cell: texts are quoted and others are not, which `typed_cells` reads."""
    text = _text(value)
    if not text or (not isinstance(value, str) and "," not in text):
        return text
    return '"' + text.replace('"', '""') + '"'


_CELL: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?)?")


def typed_cells(text: str) -> Iterator[str | float | bool | datetime]:
    r"""Yield the cells of a converted record, as what they were in their workbook.

    >>> list(typed_cells('"007",7,TRUE,2026-11-30,\r\n'))
    ['007', 7.0, True, datetime.datetime(2026, 11, 30, 0, 0), '']
    """
    for quoted, bare, _ in _CELL.findall(text):
        if not bare:
            yield quoted.replace('""', '"')
        elif bare in {"TRUE", "FALSE"}:
            yield bare == "TRUE"
        elif _INSTANT.fullmatch(bare):
            yield datetime.fromisoformat(bare)
        else:
            try:
                yield float(bare)
            except ValueError:
                yield bare
