"""A program: reads a workbook from its standard input, and writes a sheet as lines of JSON.

Its argument is the number of the first sheet to look at, from 0. The first line has the number and
the name of the sheet, the first one with any text, and the names of those behind it; each further
line is a row. It is a process of its own, since a workbook of two kilobytes can claim a billion
cells, and the library then ends the process that it runs in. It imports nothing of this package.

The library has all cells of a sheet in memory at once. Of a large .xlsx file the XML is read here
instead, row by row, with its table of texts on the disk.
"""

import os
import posixpath
import re
import resource
import sys
import tempfile
import weakref
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from itertools import chain
from typing import IO, BinaryIO, Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

import orjson

#: Bytes of memory; only what the library reads comes near it.
MOST_MEMORY: Final = 2 << 30
#: Exit code where the workbook cannot be read.
UNREADABLE: Final = 3
#: Bytes of XML beyond which the library would take too much memory: about 100,000 leads.
_LARGE: Final = 32 << 20
_PIECE: Final = 1 << 16
#: Bytes of one comment or tag. Expat reads one that has not ended again with each piece.
_LONGEST_MARKUP: Final = 1 << 20
_MOST_ROWS, _MOST_COLUMNS = 1 << 20, 1 << 14
#: Texts that are on the disk as one piece, and pieces that are kept in memory.
_TEXTS, _KEPT = 500, 64

Row = Sequence[object]
Sheets = Sequence[tuple[str, Callable[[], Iterable[Row]]]]


class UnreadableError(ValueError):
    """The XML of a workbook is not what the standard says."""

    def __init__(self) -> None:
        super().__init__()


def main() -> int:
    """Return the exit code."""
    # Here, since the other process imports this module for its names.
    from python_calamine import CalamineError  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    file = sys.stdin.buffer
    try:
        sheets = streamed(file) if _is_large(file) else loaded(file)
        _write(sheets, int(sys.argv[1]))
    except (CalamineError, UnreadableError):
        return UNREADABLE
    sys.stdout.flush()
    return 0


def _is_large(file: BinaryIO) -> bool:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        size = sum(each.file_size for each in archive.infolist() if each.filename.endswith(".xml"))
        return "xl/workbook.xml" in names and size > _LARGE
    return False


def loaded(file: BinaryIO) -> Sheets:
    """Return the sheets of *file*, each of which will be in memory as a whole."""
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - as above

    file.seek(0)
    book = CalamineWorkbook.from_filelike(file)

    def rows(number: int) -> Iterable[Row]:
        return (
            [_plain(value) for value in row] for row in book.get_sheet_by_index(number).iter_rows()
        )

    return [(name, partial(rows, number)) for number, name in enumerate(book.sheet_names)]


def _plain(value: object) -> object:
    """Return a cell as JSON has it; what JSON has not is tagged."""
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, datetime | date | time):
        return {type(value).__name__: value.isoformat()}
    return value


def _write(sheets: Sheets, first: int) -> None:
    """Write the first sheet from number *first* on that has any text."""
    out = sys.stdout.buffer
    for number, (name, rows) in enumerate(sheets[first:], start=first):
        remaining = iter(rows())
        for blank, row in enumerate(remaining):
            if any(value != "" for value in row):
                said = [number, name, *(other for other, _ in sheets[number + 1 :])]
                for each in chain([said], [[]] * blank, [row], remaining):
                    out.write(orjson.dumps(each) + b"\n")
                return


# ------------------------------------------------------------------------- a large .xlsx file


def streamed(file: BinaryIO) -> Sheets:
    """Return the sheets of *file*, an .xlsx file, of which a row at a time will be in memory.

    Raises:
        UnreadableError: It has no list of its sheets. So does a sheet while it is read.
    """
    archive = zipfile.ZipFile(file)
    try:
        book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - within a limit of memory, in a process of its own
        related = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
        styles = _Styles.of(archive, book)
    except (KeyError, ET.ParseError, *_UNSOUND) as error:
        raise UnreadableError from error
    targets = {
        each.get("Id"): posixpath.normpath(posixpath.join("/xl", each.get("Target", ""))).lstrip(
            "/"
        )
        for each in related
    }
    texts = next(
        (targets[each.get("Id")] for each in related if _kind(each) == "sharedStrings"), None
    )
    table = _Texts(archive, texts)
    sheets = []
    for sheet in book.iterfind(".//{*}sheet"):
        reference = next((value for key, value in sheet.items() if key.endswith("}id")), None)
        if reference in targets:
            rows = partial(_rows, archive, targets[reference], table, styles)
            sheets.append((sheet.get("name", ""), rows))
    return sheets


def _kind(relation: ET.Element) -> str:
    return relation.get("Type", "").rpartition("/")[2]


def _parsed(archive: zipfile.ZipFile, name: str, handler: "_Handler") -> Iterator[None]:
    """Feed the XML called *name* to *handler*; yield after each piece."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = handler.refuse  # entities, of which a workbook has none
    read = 0
    try:
        with archive.open(name) as source:
            while piece := source.read(_PIECE):
                parser.Parse(piece, False)
                read += len(piece)
                if read - parser.CurrentByteIndex > _LONGEST_MARKUP:
                    raise UnreadableError
                yield
        parser.Parse(b"", True)
    except (KeyError, IndexError, ValueError, OverflowError, expat.ExpatError, *_UNSOUND) as error:
        raise UnreadableError from error
    yield


class _Handler:
    """What is made of the elements of a sheet or of the table of texts."""

    def __init__(self) -> None:
        self._is_text = self._is_aside = False
        self._parts: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local in {"t", "v"}:
            self._is_text = not self._is_aside
        elif local == "rPh":  # how a text is pronounced
            self._is_aside = True
        else:
            self.begin(local, attributes)

    def text(self, text: str) -> None:
        if self._is_text:
            self._parts.append(text)

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in {"t", "v"}:
            self._is_text = False
        elif local == "rPh":
            self._is_aside = False
        else:
            self.finish(local)

    def refuse(self, *_: object) -> None:
        raise UnreadableError

    def taken(self) -> str:
        """Return the text since the last call."""
        text, self._parts = "".join(self._parts), []
        return text

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the begin of an element."""

    def finish(self, name: str) -> None:
        """Take the end of an element."""


class _Texts(_Handler):
    """The texts of all cells by their number, on the disk."""

    def __init__(self, archive: zipfile.ZipFile, name: str | None) -> None:
        super().__init__()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed on the next line
        weakref.finalize(self, self._file.close)
        self._starts = array("Q", [0])
        self._next: list[str] = []
        self._piece = lru_cache(_KEPT)(self._read)
        if name is not None:
            for _ in _parsed(archive, name, self):
                pass
        self._keep()
        self._file.flush()

    def finish(self, name: str) -> None:
        if name == "si":
            self._next.append(self.taken())
            if len(self._next) == _TEXTS:
                self._keep()

    def _keep(self) -> None:
        written = self._file.write(orjson.dumps(self._next))
        self._starts.append(self._starts[-1] + written)
        self._next = []

    def _read(self, piece: int) -> list[str]:
        start, end = self._starts[piece], self._starts[piece + 1]
        texts: list[str] = orjson.loads(os.pread(self._file.fileno(), end - start, start))
        return texts

    def __getitem__(self, number: int) -> str:
        return self._piece(number // _TEXTS)[number % _TEXTS]


class _Styles:
    """What the numbers of a cell mean by its style."""

    def __init__(self, codes: Sequence[str], epoch: datetime) -> None:
        self._codes = codes
        self._epoch = epoch

    @classmethod
    def of(cls, archive: zipfile.ZipFile, book: ET.Element) -> "_Styles":
        """Return the styles of a *book*."""
        properties = book.find(".//{*}workbookPr")
        is_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
        epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - of a sheet
        try:
            root = ET.fromstring(archive.read("xl/styles.xml"))  # noqa: S314 - as above
        except KeyError:
            return cls([], epoch)
        codes = {
            each.get("numFmtId", ""): each.get("formatCode", "")
            for each in root.iterfind(".//{*}numFmt")
        }
        used = [each.get("numFmtId", "0") for each in root.iterfind("./{*}cellXfs/{*}xf")]
        return cls([_without_texts(codes.get(n, _BUILTIN.get(n, ""))) for n in used], epoch)

    def value(self, number: float, style: int) -> object:
        """Return *number* as what it is shown as: an instant, a date, a time, a duration."""
        code = self._codes[style] if style < len(self._codes) else ""
        if not _OF_TIME.search(code):
            return number
        is_time = number < 1
        if "[" in code:
            return _plain(timedelta(days=number))
        if number < _NO_LEAP_DAY and self._epoch.day == _EVE:
            number += 1
        # A number has no more places of a day.
        instant = self._epoch + timedelta(milliseconds=round(number * 86_400_000))
        if is_time:
            return _plain(instant.time())
        return _plain(instant if instant.time() != time() else instant.date())


#: Until then, 1900 counts as a leap year, so that the first day is one after the eve of all days.
_NO_LEAP_DAY, _EVE = 60, 30
#: The formats of dates and times that have no code in a file.
_BUILTIN: Final = {
    **{str(n): "ymd" for n in (*range(14, 18), *range(27, 37), *range(50, 59))},
    **{str(n): "hms" for n in (18, 19, 20, 21, 45, 47)},
    "22": "ymd hm",
    "46": "[h]ms",
}
_ASIDE: Final = re.compile(r'"[^"]*"|\\.|_.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_OF_TIME: Final = re.compile(r"[dmyhs]", re.IGNORECASE)
_UNSOUND: Final = (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError)


def _without_texts(code: str) -> str:
    return "" if code.casefold() == "general" else _ASIDE.sub("", code)


class _Cells(_Handler):
    """The rows of a sheet, each with its number from 1."""

    def __init__(self, texts: _Texts, styles: _Styles) -> None:
        super().__init__()
        self.rows: list[tuple[int, list[object]]] = []
        self._texts, self._styles = texts, styles
        self._row = self._column = self._style = 0
        self._kind = ""
        self._cells: list[object] = []

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            place = attributes.get("r")
            self._column = _column(place.rstrip("0123456789")) if place else self._column + 1
            if not len(self._cells) < self._column <= _MOST_COLUMNS:
                raise UnreadableError
            self._kind = attributes.get("t", "n")
            self._style = int(attributes.get("s", "0"))
        elif name == "row":
            number = int(attributes.get("r", self._row + 1))
            if not self._row < number <= _MOST_ROWS:
                raise UnreadableError
            self._row, self._column, self._cells = number, 0, []

    def finish(self, name: str) -> None:
        if name == "c":
            text = self.taken()
            if text:
                self._cells += [""] * (self._column - 1 - len(self._cells))
                self._cells.append(self._value(text))
        elif name == "row" and self._cells:
            self.rows.append((self._row, self._cells))

    def _value(self, text: str) -> object:
        match self._kind:
            case "s":
                return self._texts[int(text)]
            case "n":
                return self._styles.value(float(text), self._style)
            case "b":
                return text.strip() not in {"0", "false"}
            case "d":
                return _plain(datetime.fromisoformat(text))
            case "e":  # the library says nothing of an error, either
                return ""
            case _:
                return text


@lru_cache(_MOST_COLUMNS)
def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _rows(
    archive: zipfile.ZipFile, name: str, texts: _Texts, styles: _Styles
) -> Iterator[list[object]]:
    """Yield the rows of the sheet called *name*, blank ones, too."""
    cells = _Cells(texts, styles)
    last = 0
    for _ in _parsed(archive, name, cells):
        for number, row in cells.rows:
            for _ in range(last + 1, number):
                yield []
            yield row
            last = number
        cells.rows.clear()


if __name__ == "__main__":
    sys.exit(main())
