"""Files that are no text: workbooks, compressed files and JSON, as the CSV that they would be.

The result is a private copy in UTF-8, with the mark by which spreadsheet programs know it.
"""

import codecs
import gzip
import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Final, TextIO

import orjson

from agents.case import Localized

from . import file_flaws, sheet_process
from .cells import shown
from .columns import LeadField, find_columns
from .csv_format import MAX_RECORD
from .files import NO_LIMITS, LeadFileError, Limits, LongFileError, Spool
from .flaws import filled
from .sheet_process import UNREADABLE

#: Bytes that a compressed file may become: a few kilobytes can be made to fill any disk.
_MOST_UNPACKED: Final = 2 << 30
#: Names of fields of JSON objects; a spreadsheet has room for few more.
_MOST_NAMES: Final = 1_000
#: Cells of all objects together, most of which may be blank.
_MOST_CELLS: Final = 100_000_000
#: Characters of a JSON document that has to be in memory, in which it may take fifty times as much.
_MOST_DOCUMENT: Final = 5 << 20
#: Objects in objects whose fields are columns of their own.
_DEEPEST: Final = 4
_PIECE: Final = 1 << 16
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
#: The library that is used for its values does not say where one ends.
_find_end: Final = json.JSONDecoder(parse_int=str).raw_decode
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


def converted(
    path: Path, spool: Spool, *, is_json: bool = False, limits: Limits = NO_LIMITS
) -> Converted:
    """Return the text of *spool*, the copy of *path*; of text, the same.

    Raises:
        LeadFileError: It cannot be unpacked, or has no table.
        LongFileError: It has more objects than *limits* allow.
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
        return Converted(_json(path, spool, limits, is_array=start.startswith("[")))
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
        if not name.endswith("/")
        and not name.startswith("__MACOSX/")
        # What file managers leave behind: `.DS_Store`.
        and not name.rpartition("/")[2].startswith(".")
    ]
    if any(name.startswith("xl/workbook.") or name == "content.xml" for name in names):
        return None
    if len(names) != 1:
        raise LeadFileError.of(path, file_flaws.SEVERAL_FILES, count=len(names))
    return archive, names[0]


def _workbook(path: Path, spool: Spool) -> Converted:
    """Return the first sheet that looks like leads, else the one that does so most."""
    tried: list[_Sheet] = []
    sheet = _sheet(path, spool, 0, least=_LEADS)
    while sheet is not None and sheet.text is None:
        tried.append(sheet)
        further = len(tried) < _MOST_SHEETS
        sheet = _sheet(path, spool, sheet.number + 1, least=_LEADS) if further else None
    if sheet is None and tried:
        best = max(tried, key=lambda each: each.likeness)
        sheet = _sheet(path, spool, best.number, least=0)
    if sheet is None or sheet.text is None:
        raise LeadFileError.of(path, file_flaws.EMPTY_WORKBOOK)
    before = (each.name for each in tried if each.number < sheet.number)
    others = [shown(each, 30) for each in (*before, *sheet.behind)]
    if not others:
        return Converted(sheet.text, is_workbook=True)
    name = shown(sheet.name, 30)
    unread = filled(file_flaws.OTHER_SHEETS, name=name, others=", ".join(others[:5]))
    return Converted(sheet.text, (unread,), is_workbook=True)


#: How much a sheet looks like leads: a column of companies beside others or addresses, or alone.
_LEADS, _COMPANIES = 2, 1
#: Sheets that are looked at, and their rows.
_MOST_SHEETS, _LOOKED_AT = 20, 40


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A sheet with any text. `behind` are the names of those behind it."""

    number: int
    name: str
    behind: tuple[str, ...]
    likeness: int
    text: Spool | None


def _sheet(path: Path, spool: Spool, first: int, *, least: int) -> _Sheet | None:
    """Return the first sheet with any text from number *first* on, None if there is none.

    Its text is None where it looks less like leads than *least*.
    """
    command = [sys.executable, "-P", str(_READER), str(first)]
    text = None
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=spool.file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as reader:
        lines = map(orjson.loads, reader.stdout or ())
        try:
            said = next(lines, None)
            rows = ([_cell(value) for value in row] for row in lines)
            beginning = list(islice(rows, _LOOKED_AT))
            likeness = _likeness(beginning)
            if likeness >= least or said is None:
                text = _as_csv(path, chain(beginning, rows), most=_MOST_UNPACKED)
            else:
                reader.kill()
        except orjson.JSONDecodeError as error:
            # The reader has died in the middle of a line.
            raise LeadFileError.of(path, file_flaws.LARGE_WORKBOOK) from error
    if reader.returncode == UNREADABLE:
        raise LeadFileError.of(path, file_flaws.UNREADABLE_WORKBOOK)
    if reader.returncode and text is not None:
        raise LeadFileError.of(path, file_flaws.LARGE_WORKBOOK)
    if said is None:
        return None
    number, name, *behind = said
    return _Sheet(number, name, tuple(behind), likeness, text)


def _likeness(rows: Sequence[Sequence[object]]) -> int:
    texts = [[_text(value) for value in row] for row in rows]
    known = [find_columns(row, of_companies=True) for row in texts]
    found = max((len(each) for each in known if LeadField.COMPANY in each), default=0)
    filled_rows = [row for row in texts if any(row)]
    with_address = sum(any("@" in cell for cell in row) for row in filled_rows)
    is_leads = found > 1 or with_address * 2 > len(filled_rows)
    return _LEADS if is_leads else _COMPANIES if found else 0


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


def _json(path: Path, spool: Spool, limits: Limits, *, is_array: bool) -> Spool:
    names: dict[str, None] = {}
    for number, each in enumerate(_objects(path, spool, limits, is_array=is_array), start=1):
        names |= dict.fromkeys(each)
        most = min(_MOST_NAMES, _MOST_CELLS // number)  # each of them is a column of each row
        if len(names) > most:
            raise LeadFileError.of(path, file_flaws.MANY_NAMES, most=most)

    def rows() -> Iterator[Sequence[str]]:
        yield tuple(names)
        for row in _objects(path, spool, limits, is_array=is_array):
            yield tuple(_json_text(row.get(name)) for name in names)

    return _as_csv(path, rows())


def _json_text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value).decode()


def _objects(
    path: Path, spool: Spool, limits: Limits, *, is_array: bool
) -> Iterator[dict[str, Any]]:
    """Yield the objects; a mere text is one with the name of a company."""
    with io.TextIOWrapper(spool.reader(), encoding="utf-8-sig", errors="replace") as text:
        document = None if is_array else _document(spool)
        by_line = _by_line(path, text, limits) if document is None else iter(document)
        values = _array(path, text) if is_array else by_line
        for number, each in enumerate(values, start=1):
            if number > limits.rows:
                raise LongFileError.of(path, file_flaws.MANY_ROWS, most=limits.rows)
            if isinstance(each, str):
                yield {LeadField.COMPANY: each}
            elif isinstance(each, dict):
                yield dict(_flat(each))
            else:
                raise LeadFileError.of(path, file_flaws.NO_OBJECT, number=number)


def _flat(value: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an object, those of an object in it by their path.

    >>> dict(_flat({"company": {"name": "Acme", "tags": []}, "id": 7}))
    {'company.name': 'Acme', 'company.tags': [], 'id': 7}
    """
    for name, each in value.items():
        if isinstance(each, dict) and each and depth < _DEEPEST:
            yield from _flat(each, f"{path}{name}.", depth + 1)
        else:
            yield f"{path}{name}", each


def _array(path: Path, text: TextIO) -> Iterator[object]:
    """Yield the values of an array, one of which at a time is in memory."""
    scanner = _Scanner(text)
    try:
        scanner.skip("[")
        if scanner.peek() != "]":
            yield scanner.value()
        while scanner.peek() == ",":
            scanner.skip(",")
            yield scanner.value()
        scanner.skip("]")
        scanner.skip("")
    except (ValueError, RecursionError) as error:
        raise LeadFileError.of(path, file_flaws.UNSOUND_ARRAY) from error


class _Scanner:
    """Goes through JSON that is read piece by piece."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held, self._at = "", 0

    def peek(self) -> str:
        """Return the next character that is no blank; "" at the end."""
        while True:
            self._at = _BLANKS.match(self._held, self._at).end()  # type: ignore[union-attr]  # matches anything
            if self._at < len(self._held) or not self._read():
                return self._held[self._at : self._at + 1]

    def skip(self, sign: str) -> None:
        """Go behind *sign*, or to the end.

        Raises:
            ValueError: Something else comes next.
        """
        if self.peek() != sign:
            raise ValueError
        self._at += len(sign)

    def value(self) -> object:
        """Return the next value, and go behind it.

        Raises:
            ValueError: None comes next, or a longer one than a record may be.
            RecursionError: It is nested too deeply.
        """
        self.peek()
        while True:
            try:
                _, end = _find_end(self._held, self._at)
            except ValueError:
                if len(self._held) - self._at > MAX_RECORD or not self._read():
                    raise
            else:
                value = orjson.loads(self._held[self._at : end])
                self._at = end
                return value

    def _read(self) -> bool:
        rest = self._held[self._at :]
        piece = self._text.read(max(_PIECE, len(rest)))
        self._held, self._at = rest + piece, 0
        return bool(piece)


def _by_line(path: Path, text: TextIO, limits: Limits) -> Iterator[object]:
    for number, line in enumerate(iter(lambda: text.readline(MAX_RECORD + 1), ""), start=1):
        if len(line) > MAX_RECORD:
            raise LeadFileError.of(path, file_flaws.LONG_OBJECT, most=MAX_RECORD, line=number)
        limits.check_lines(path, number)
        if line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise LeadFileError.of(path, file_flaws.UNSOUND_LINE, line=number) from error


def _document(spool: Spool) -> list[Any] | None:
    """Return the objects of a document that is one object, an answer of an API; None if it is none.

    They are those of its only array of objects, unless it is a lead itself.
    """
    with io.TextIOWrapper(spool.reader(), encoding="utf-8-sig", errors="replace") as text:
        first, following = text.readline(_MOST_DOCUMENT), text.readline(_PIECE)
        if following and _loaded(first) is not None:
            return None  # objects by line
        whole = first + following + text.read(_MOST_DOCUMENT)
    value = _loaded(whole) if len(whole) < _MOST_DOCUMENT else None
    if not isinstance(value, dict):
        return None
    arrays = [
        each
        for each in value.values()
        if isinstance(each, list) and each and all(isinstance(one, dict) for one in each)
    ]
    is_lead = LeadField.COMPANY in find_columns([name for name, _ in _flat(value)])
    return arrays[0] if len(arrays) == 1 and not is_lead else [value]


def _loaded(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


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
