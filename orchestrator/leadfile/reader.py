"""Opens a lead file in any usual encoding and dialect, finds its columns, and reads its rows.

Opening passes over the whole file, since any byte may decide its encoding; a few lines of it are in
memory at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from .cells import shown, visible
from .columns import FOR_PIPELINE, Columns, LeadField, find_columns
from .csv_format import (
    MAX_RECORD,
    Dialect,
    Encoding,
    Record,
    detect_dialect,
    detect_encoding,
    read_records,
)
from .files import LeadFileError, Spool
from .rows import LeadRow, Sheet

_SAVE_AS_CSV = "open it in its program and save it as CSV"
_SIGNATURES = (
    (b"PK\x03\x04", "looks like an Excel workbook (or another zip file), not a CSV"),
    (b"\xd0\xcf\x11\xe0", "looks like an old Excel workbook, not a CSV"),
    (b"%PDF", "is a PDF, not a CSV"),
    (b"\x89PNG", "is a picture, not a CSV"),
    (b"\xff\xd8\xff", "is a picture, not a CSV"),
    (b"GIF8", "is a picture, not a CSV"),
    (b"\x1f\x8b", "is compressed, not a CSV"),
)
_NAME_THE_COLUMNS = "name the columns on its first line and add a row for each lead"
_NAME_IT = {
    LeadField.COMPANY: "call the column with the companies 'company' or 'empresa'",
    LeadField.CONTACT: "call the column with the people 'contact' or 'contacto'",
    LeadField.EMAIL: "call the column with the addresses 'email' or 'correo'",
}


@dataclass(frozen=True, slots=True)
class LeadFile:
    """A file whose rows are read one by one: no more of it is in memory at a time.

    `encoding` and `dialect` reproduce the manner of the original. `length` counts its rows.
    """

    path: Path
    encoding: Encoding
    dialect: Dialect
    sheet: Sheet
    length: int
    spool: Spool = field(repr=False)

    @property
    def header(self) -> tuple[str, ...]:
        """The columns as the file calls them."""
        return self.sheet.header

    def records(self) -> Iterator[Record]:
        """Yield the cells of all rows, in order; each call begins at the first row."""
        with _text(self.spool, self.encoding) as lines:
            # The first record is the header.
            yield from islice(read_records(lines, self.dialect.separators), 1, None)

    def read(self, record: Record) -> LeadRow:
        """Return the row of *record* by itself, as if it were the first."""
        return next(self.sheet.rows(iter([record])))

    def rows(self) -> Iterator[LeadRow]:
        """Yield all rows, in order; each call begins at the first one."""
        return self.sheet.rows(self.records())


def read_lead_file(path: Path, *, needs: frozenset[LeadField] = FOR_PIPELINE) -> LeadFile:
    """Open *path*, of any size, and return it with its rows still to be read.

    Args:
        path: A CSV file in UTF-8, UTF-16 with a byte order mark, cp1252 or latin-1, delimited
            by comma, semicolon, tab or bar, whose first line names the columns.
        needs: The fields that must have a column, and a sound value in every row that counts
            (`FOR_PIPELINE` or `FOR_ENRICHMENT`).

    Returns:
        Every row in its order, the bad ones with their problems instead of a lead. Lines
        without any cell are no rows. Later changes of *path* make no difference.

    Raises:
        LeadFileError: The file as a whole cannot be used: unreadable, empty, without rows, not
            a CSV, or without a needed column.
    """
    spool = Spool(path)
    _check_signature(path, next(spool.chunks(), b""))
    encoding = detect_encoding(spool.chunks())
    with _text(spool, encoding) as text:
        dialect, header = detect_dialect(_beginning(path, text))
    if header is None:
        raise LeadFileError(str(path), "is empty", _NAME_THE_COLUMNS)
    columns = _columns_of(path, header, needs)
    with _text(spool, encoding) as text:
        records = read_records(_lines(path, text), dialect.separators)
        length, surplus = _shape_of(islice(records, 1, None), len(header))
    if not length:
        raise LeadFileError(str(path), "has a header but no rows", "add a row for each lead")
    sheet = Sheet(str(path), header + ("",) * surplus, columns, needs)
    return LeadFile(path, encoding, dialect, sheet, length, spool)


def _text(spool: Spool, encoding: Encoding) -> TextIO:
    return spool.text(encoding.codec, encoding.errors, start=len(encoding.bom))


def _check_signature(path: Path, beginning: bytes) -> None:
    for signature, reason in _SIGNATURES:
        if beginning.startswith(signature):
            raise LeadFileError(str(path), reason, _SAVE_AS_CSV)


def _beginning(path: Path, text: TextIO) -> list[str]:
    """Return the lines in which the header stands."""
    lines: list[str] = []
    characters = 0
    for line in _lines(path, text):
        lines.append(line)
        characters += len(line)
        if characters > MAX_RECORD:
            break
    if _is_binary("".join(lines)[:4096]):
        raise LeadFileError(str(path), "is not text, so not a CSV", _SAVE_AS_CSV)
    return lines


def _lines(path: Path, text: TextIO) -> Iterator[str]:
    read = 0
    try:
        for line in text:
            yield line
            read += 1
    except UnicodeDecodeError:
        behind = f" (somewhere behind line {read:,})" if read else ""
        reason = f"is not sound UTF-16 text{behind}"
        raise LeadFileError(str(path), reason, _SAVE_AS_CSV) from None


def _is_binary(beginning: str) -> bool:
    """Return whether one in ten characters is one that no text has."""
    odd = sum(1 for c in beginning if ord(c) < ord(" ") and c not in "\t\r\n")
    return odd * 10 > len(beginning)


def _shape_of(records: Iterator[Record], columns: int) -> tuple[int, int]:
    """Return how many rows there are, and how many nameless columns follow the header's *columns*.

    Some programs end each row, but not the header, with a delimiter: where every row has a blank
    cell behind the header's, that is a column. A single row proves nothing.
    """
    rows, surplus, is_blank = 0, 0, True
    for record in records:
        here = len(record.cells) - columns
        surplus = min(surplus, here) if rows else here
        is_blank = is_blank and (here <= 0 or not any(map(visible, record.cells[columns:])))
        rows += 1
    return rows, surplus if rows > 1 and is_blank and surplus > 0 else 0


def _columns_of(path: Path, header: tuple[str, ...], needs: frozenset[LeadField]) -> Columns:
    columns = find_columns(header)
    missing = [name for name in LeadField if name in needs and name not in columns]
    if missing:
        found = ", ".join(shown(visible(cell), 30) or "(no name)" for cell in header[:20])
        reason = f"has no {' and no '.join(missing)} column (its columns: {found})"
        hint = " and ".join(_NAME_IT[name] for name in missing)
        raise LeadFileError(str(path), reason, hint)
    return columns
