"""Looks a lead file over: any usual encoding and dialect, known columns by name.

Once through all of it, since what the first rows are like says nothing of a byte in the last one;
a few lines of it are in memory at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from .dialect import detect_dialect
from .encoding import detect_encoding
from .errors import LeadFileError
from .header import FOR_PIPELINE, Columns, LeadField, find_columns
from .lead_file import LeadFile
from .records import MAX_RECORD, Record, read_records
from .sheet import Sheet
from .spool import Spool
from .text import shown, visible

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


def read_lead_file(path: Path, *, needs: frozenset[LeadField] = FOR_PIPELINE) -> LeadFile:
    """Look *path* over, and return it with its rows still to be read. Its size does not matter.

    Args:
        path: A CSV file in UTF-8, UTF-16 with a byte order mark, cp1252 or latin-1, delimited
            by comma, semicolon, tab or bar, whose first line names the columns.
        needs: The fields that must have a column, and a sound value in every row that counts
            (`FOR_PIPELINE` or `FOR_ENRICHMENT`).

    Returns:
        Every row in its order, the bad ones with their problems instead of a lead. Lines
        without any cell are no rows. What becomes of *path* afterwards makes no difference.

    Raises:
        LeadFileError: The file as a whole cannot be used: unreadable, empty, without rows, not
            a CSV, or without a needed column.
    """
    spool = Spool(path)
    _check_signature(path, next(spool.chunks(), b""))
    encoding = detect_encoding(spool.chunks())
    with spool.text(encoding) as text:
        dialect, header = detect_dialect(_beginning(path, text))
    if header is None:
        raise LeadFileError(str(path), "is empty", _NAME_THE_COLUMNS)
    columns = _columns_of(path, header, needs)
    with spool.text(encoding) as text:
        records = read_records(_lines(path, text), dialect.separators)
        shape = _shape_of(islice(records, 1, None), len(header))
    if not shape.rows:
        raise LeadFileError(str(path), "has a header but no rows", "add a row for each lead")
    sheet = Sheet(str(path), header + ("",) * shape.surplus, columns, needs)
    return LeadFile(path, encoding, dialect, sheet, shape.rows, spool)


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
    """Say whether one in ten characters is one that no text has."""
    odd = sum(1 for c in beginning if ord(c) < ord(" ") and c not in "\t\r\n")
    return odd * 10 > len(beginning)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many rows there are, and how many nameless columns stand behind the header's."""

    rows: int
    surplus: int


def _shape_of(records: Iterator[Record], columns: int) -> _Shape:
    """Return the shape of a table whose header has *columns* cells.

    Some programs end each row, but not the header, with a delimiter: where every row has a blank
    cell behind the header's, that is a column. A single row proves nothing.
    """
    rows, surplus, is_blank = 0, 0, True
    for record in records:
        here = len(record.cells) - columns
        surplus = min(surplus, here) if rows else here
        is_blank = is_blank and (here <= 0 or not any(map(visible, record.cells[columns:])))
        rows += 1
    return _Shape(rows, surplus if rows > 1 and is_blank and surplus > 0 else 0)


def _columns_of(path: Path, header: tuple[str, ...], needs: frozenset[LeadField]) -> Columns:
    columns = find_columns(header)
    missing = [field for field in LeadField if field in needs and field not in columns]
    if missing:
        found = ", ".join(shown(visible(cell), 30) or "(no name)" for cell in header[:20])
        reason = f"has no {' and no '.join(missing)} column (its columns: {found})"
        hint = " and ".join(_NAME_IT[field] for field in missing)
        raise LeadFileError(str(path), reason, hint)
    return columns
