"""Reads a lead file: any usual encoding and dialect, known columns by name, good rows always."""

from collections.abc import Sequence
from io import StringIO
from itertools import islice
from pathlib import Path

from .dialect import detect_dialect
from .encoding import Encoding, detect_encoding
from .errors import LeadFileError, from_os_error
from .header import FOR_PIPELINE, Columns, LeadField, find_columns
from .model import LeadFile
from .records import Record, read_records
from .rows import RowReader
from .sheet import Sheet
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
    """Read the whole file into memory; a million rows fit.

    Args:
        path: A CSV file in UTF-8, UTF-16 with a byte order mark, cp1252 or latin-1, delimited
            by comma, semicolon, tab or bar, whose first line names the columns.
        needs: The fields that must have a column, and a sound value in every row that counts
            (`FOR_PIPELINE` or `FOR_ENRICHMENT`).

    Returns:
        Every row in its order, the bad ones with their problems instead of a lead. Lines
        without any cell are no rows.

    Raises:
        LeadFileError: The file as a whole cannot be used: unreadable, empty, without rows, not
            a CSV, or without a needed column.
    """
    raw = _bytes_of(path)
    encoding = detect_encoding(raw)
    lines = list(StringIO(_text_of(path, raw, encoding), newline=""))
    dialect, header = detect_dialect(lines)
    if header is None:
        raise LeadFileError(str(path), "is empty", _NAME_THE_COLUMNS)
    columns = _columns_of(path, header, needs)
    records = tuple(islice(read_records(lines, dialect.separators), 1, None))
    if not records:
        raise LeadFileError(str(path), "has a header but no rows", "add a row for each lead")
    header = _as_wide_as_rows(header, records)
    reader = RowReader(Sheet(str(path), header, columns, needs))
    return LeadFile(path, encoding, dialect, header, columns, tuple(map(reader.read, records)))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise from_os_error(path, error) from error


def _text_of(path: Path, raw: bytes, encoding: Encoding) -> str:
    for signature, reason in _SIGNATURES:
        if raw.startswith(signature):
            raise LeadFileError(str(path), reason, _SAVE_AS_CSV)
    try:
        text = encoding.decode(raw)
    except UnicodeDecodeError:
        raise LeadFileError(str(path), "is not sound UTF-16 text", _SAVE_AS_CSV) from None
    if _is_binary(text):
        raise LeadFileError(str(path), "is not text, so not a CSV", _SAVE_AS_CSV)
    return text


def _is_binary(text: str) -> bool:
    """Say whether one in ten characters of the beginning is one that no text has."""
    beginning = text[:4096]
    odd = sum(1 for c in beginning if ord(c) < ord(" ") and c not in "\t\r\n")
    return odd * 10 > len(beginning)


def _as_wide_as_rows(header: tuple[str, ...], records: Sequence[Record]) -> tuple[str, ...]:
    """Return *header* with nameless columns where every row has a blank cell behind it.

    Some programs end each row, but not the header, with a delimiter. A single row proves nothing.
    """
    if len(records) == 1:
        return header
    surplus = min(len(record.cells) for record in records) - len(header)
    if any(visible(cell) for record in records for cell in record.cells[len(header) :]):
        return header
    return header + ("",) * max(surplus, 0)


def _columns_of(path: Path, header: tuple[str, ...], needs: frozenset[LeadField]) -> Columns:
    columns = find_columns(header)
    missing = [field for field in LeadField if field in needs and field not in columns]
    if missing:
        found = ", ".join(shown(visible(cell), 30) or "(no name)" for cell in header[:20])
        reason = f"has no {' and no '.join(missing)} column (its columns: {found})"
        hint = " and ".join(_NAME_IT[field] for field in missing)
        raise LeadFileError(str(path), reason, hint)
    return columns
