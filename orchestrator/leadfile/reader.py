"""Opens a lead file in any usual encoding and dialect, finds its table, and reads its rows.

Opening passes over the whole file, since any byte may decide its encoding; a few lines of it are in
memory at a time. What is no row is left out, and said: lines above the header, blank rows, and the
footer of a report.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from agents.case import Localized

from . import file_flaws
from .cells import shown, visible
from .columns import (
    FOR_PIPELINE,
    LeadField,
    UnknownColumnError,
    find_columns,
    groups_in,
)
from .conversion import converted
from .csv_format import (
    MAX_RECORD,
    Dialect,
    Record,
    Table,
    find_table,
    read_records,
    unwrapped,
)
from .encodings import Encoding, UncertainEncodingError, detect_encoding, named_encoding
from .files import NO_LIMITS, LeadFileError, Limits, LongFileError, Spool
from .flaws import filled, joined
from .meaning import Meaning, columns_in
from .non_rows import Skipped, first_named, is_alone, is_blank, may_be_footer, rows_below
from .rows import LeadRow, Sheet
from .sample import SAMPLED_ROWS, is_row

_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0", file_flaws.OLD_EXCEL),
    (b"%PDF", file_flaws.PDF),
    (b"\x89PNG", file_flaws.PICTURE),
    (b"\xff\xd8\xff", file_flaws.PICTURE),
    (b"GIF8", file_flaws.PICTURE),
    (b"BEGIN:VCARD", file_flaws.VCARD),
)
#: What programs call by the name of a spreadsheet, by their first characters in lower case.
_TEXTS = (
    ("<?xml", file_flaws.XML),
    ("<html", file_flaws.WEB_PAGE),
    ("<!doctype", file_flaws.WEB_PAGE),
    ("<table", file_flaws.WEB_PAGE),
)


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
    begins: int = 1
    """The last line of the header."""
    ends: int | None = None
    """The last line of the table, None where nothing stands below it."""
    preamble: str = ""
    """The lines above the header, as they are."""
    left_out: tuple[Localized, ...] = ()
    """What is in the file and no row of the table, in phrases."""
    by_cells: frozenset[LeadField] = frozenset()
    """The fields whose columns are known by their cells: their names do not say it."""
    is_workbook: bool = False
    """Whether records are those of a workbook, whose cells have types (`typed_cells`)."""
    surplus: int = 0
    """How many of the columns stand behind those that the header names."""

    @property
    def header(self) -> tuple[str, ...]:
        """The columns as the file calls them."""
        return self.sheet.header

    @property
    def _names(self) -> tuple[str, ...]:
        return self.header[: len(self.header) - self.surplus]

    @property
    def mapping(self) -> dict[LeadField, tuple[str, ...]]:
        """For each field the names of its columns, in the order in which they are tried."""
        return {
            field: tuple(" + ".join(visible(self.header[i]) for i in choice) for choice in choices)
            for field, choices in self.sheet.columns.items()
        }

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the columns that are kept and not read."""
        read = {i for choices in self.sheet.columns.values() for each in choices for i in each}
        return tuple(visible(name) for i, name in enumerate(self.header) if i not in read)

    def records(self) -> Iterator[Record]:
        """Yield the cells of all rows, in order; each call begins at the first row."""
        with _text(self.spool, self.encoding) as lines:
            records = _records(lines, self.dialect, len(self.header))
            of_companies = LeadField.CONTACT not in self.sheet.needs
            for record in rows_below(
                records, self._names, self.begins, Skipped(), of_companies=of_companies
            ):
                if record.line <= self.begins or is_blank(record):
                    continue
                if self.ends is not None and record.line > self.ends:
                    break
                yield record

    def read(self, record: Record) -> LeadRow:
        """Return the row of *record* by itself, as if it were the first."""
        return next(self.sheet.rows(iter([record])))

    def rows(self) -> Iterator[LeadRow]:
        """Yield all rows, in order; each call begins at the first one."""
        return self.sheet.rows(self.records())


def read_lead_file(
    path: Path,
    *,
    needs: frozenset[LeadField] = FOR_PIPELINE,
    columns: Mapping[LeadField, Sequence[str]] = MappingProxyType({}),
    encoding: str | None = None,
    spool: Spool | None = None,
    is_json: bool = False,
    limits: Limits = NO_LIMITS,
) -> LeadFile:
    """Open *path*, of any size, and return it with its rows still to be read.

    Args:
        path: A workbook (.xlsx, .ods), JSON (objects, one a line, or in an array), or a CSV file,
            each also compressed by gzip or alone in a zip. CSV is delimited by comma, semicolon,
            tab or bar, in UTF-8, UTF-16, or an encoding of spreadsheets in Europe or East Asia.
            Lines may stand above the names of the columns.
        needs: The fields that must have a column, and a sound value in every row that counts
            (`FOR_PIPELINE` or `FOR_ENRICHMENT`).
        columns: The names of columns whose names do not say what they hold.
        encoding: What Python calls the encoding; found out where it is None.
        spool: The bytes of the file where it has come another way; *path* only names it then.
        is_json: Whether it is said to be JSON, and need not look so: a list of names does not.
        limits: How much of it is read.

    Returns:
        Every row in its order, the bad ones with their problems instead of a lead. Blank rows
        are no rows. Later changes of *path* make no difference.

    Raises:
        LeadFileError: The file as a whole cannot be used: unreadable, empty, without rows, not
            a CSV, or without a needed column.
        LongFileError: It goes beyond *limits*.
    """
    text_of = converted(path, spool or Spool(path), is_json=is_json, limits=limits)
    spool = text_of.spool
    beginning = next(spool.chunks(), b"")
    _check_signature(path, beginning)
    found = _named(path, encoding, beginning) if encoding else _detected(path, spool, beginning)
    wanted = [name for names in columns.values() for name in names]
    with _text(spool, found) as text:
        table = find_table(_beginning(path, text, limits), wanted)
    if table.header is None:
        raise LeadFileError.of(path, file_flaws.EMPTY)
    header, begins = table.header.cells, table.header.last_line
    if _has_no_header(header, wanted):
        header = tuple(f"column {number}" for number in range(1, len(header) + 1))
        begins = table.header.line - 1
    with _text(spool, found) as text:
        records = _records(_lines(path, text, limits), table.dialect, len(header))
        skipped = Skipped()
        of_companies = LeadField.CONTACT not in needs
        rows = rows_below(records, header, begins, skipped, of_companies=of_companies)
        shape = _Shape.of(rows, begins, header, most=limits.rows)
    if shape.rows > limits.rows:
        raise LongFileError.of(path, file_flaws.MANY_ROWS, most=limits.rows)
    if not shape.rows:
        raise LeadFileError.of(path, file_flaws.NO_ROWS)
    groups = _groups(table, header)
    known = _columns_of(path, header, groups, needs, columns, shape.sample)
    return LeadFile(
        path,
        found,
        table.dialect,
        Sheet(str(path), header + ("",) * shape.surplus, known.columns, needs, joints=known.joints),
        shape.rows,
        spool,
        begins=begins,
        ends=shape.ends,
        preamble=table.preamble,
        left_out=(*text_of.left_out, *_left_out(table, shape, begins, skipped)),
        by_cells=known.by_cells,
        is_workbook=text_of.is_workbook,
        surplus=shape.surplus,
    )


def _has_no_header(first: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether the table begins with a row: a value, and no known name, is in its *first*."""
    is_named = find_columns(first, of_companies=True) or set(wanted).intersection(first)
    return not is_named and is_row(first)


def _detected(path: Path, spool: Spool, beginning: bytes) -> Encoding:
    try:
        found = detect_encoding(spool.chunks())
    except UncertainEncodingError as uncertain:
        _check_text(path, beginning.decode("latin-1"))
        said = [f"'{shown(word, 30)}' ({codec})" for codec, word in uncertain.readings.items()]
        readings = joined([Localized(en=each, es=each) for each in said], file_flaws.OR)
        first = next(iter(uncertain.readings))
        kind = file_flaws.UNCERTAIN_ENCODING
        raise LeadFileError.of(path, kind, readings=readings, encoding=first) from None
    if not found.codec.startswith("utf"):
        _check_text(path, beginning.decode("latin-1"))
    return found


def _named(path: Path, name: str, beginning: bytes) -> Encoding:
    try:
        return named_encoding(name, beginning)
    except LookupError:
        kind = file_flaws.UNKNOWN_ENCODING
        raise LeadFileError.of(path, kind, name=shown(name, 30)) from None


def _records(lines: Iterator[str] | TextIO, dialect: Dialect, columns: int) -> Iterator[Record]:
    for record in read_records(lines, dialect.separators):
        is_whole_line = len(record.cells) == 1 and columns > 1
        yield unwrapped(record, dialect.separators, columns) if is_whole_line else record


def _groups(table: Table, header: Sequence[str]) -> list[str]:
    """Return whose value each column holds, where the line above the *header* says it."""
    above = list(read_records(table.preamble.splitlines(keepends=True), table.dialect.separators))
    filled = [record for record in above if not is_blank(record)]
    return groups_in(filled[-1].cells, len(header)) if filled else []


def _text(spool: Spool, encoding: Encoding) -> TextIO:
    return spool.text(encoding.codec, encoding.errors, start=len(encoding.bom))


def _check_signature(path: Path, beginning: bytes) -> None:
    for signature, kind in _SIGNATURES:
        if beginning.startswith(signature):
            raise LeadFileError.of(path, kind)
    start = beginning[:200].decode("utf-8-sig", "ignore").lstrip().lower()
    for signature_text, kind in _TEXTS:
        if start.startswith(signature_text):
            raise LeadFileError.of(path, kind)


def _beginning(path: Path, text: TextIO, limits: Limits) -> list[str]:
    """Return the lines of the header."""
    lines: list[str] = []
    characters = 0
    for line in _lines(path, text, limits):
        lines.append(line)
        characters += len(line)
        if characters > MAX_RECORD:
            break
    _check_text(path, "".join(lines))
    return lines


def _lines(path: Path, text: TextIO, limits: Limits) -> Iterator[str]:
    read, codec = 0, text.encoding
    try:
        while line := text.readline(limits.line + 1):
            read += 1
            if len(line) > limits.line:
                raise LeadFileError.of(path, file_flaws.LONG_LINE, most=limits.line, line=read)
            limits.check_lines(path, read)
            yield line
    except UnicodeDecodeError:
        kind = file_flaws.UNSOUND_TEXT
        raise LeadFileError.of(path, kind, encoding=_called(codec), line=read + 1) from None


def _called(codec: str) -> str:
    return codec.upper().removesuffix("-LE").removesuffix("-BE")


def _check_text(path: Path, beginning: str) -> None:
    """Refuse a file one in ten of whose first characters is one that no text has."""
    first = beginning[:4096]
    odd = sum(1 for c in first if ord(c) < ord(" ") and c not in "\t\r\n")
    if odd * 10 > len(first):
        raise LeadFileError.of(path, file_flaws.NOT_TEXT)


@dataclass(slots=True)
class _Shape:
    """What a pass over a table has found: its rows, and what is none."""

    rows: int = 0
    surplus: int = 0
    """Nameless columns behind the header's: see `of`."""
    blank: int = 0
    ends: int | None = None
    footer: tuple[str, ...] = ()
    sample: list[tuple[str, ...]] = field(default_factory=list)
    """The cells of the first rows."""

    @classmethod
    def of(
        cls, records: Iterator[Record], begins: int, header: Sequence[str], *, most: int
    ) -> "_Shape":
        """Return the shape of the table with that *header* below line *begins*.

        Of one with more than *most* rows it is the shape up to there.

        Some programs end each row, but not the header, with a delimiter: where every row has a
        blank cell behind the header's, that is a column. A single row proves nothing.
        """
        shape = cls()
        columns, first = len(header), first_named(header)
        surplus, are_blank = 0, True
        last, has_gap = begins, False
        footer: list[str] = []
        for record in records:
            if record.line <= begins:
                continue
            if is_blank(record):
                shape.blank += 1
                has_gap = True
                continue
            has_gap = has_gap or record.line > last + 1
            if footer or may_be_footer(record, columns, first, has_gap=has_gap):
                if is_alone(record, first):
                    shape.ends = last if not footer else shape.ends
                    footer.append(next(filter(None, record.cells)))
                    continue
                # Rows follow, so those were rows, too.
                shape.rows += len(footer)
                footer, shape.ends, surplus = [], None, 0
            here = len(record.cells) - columns
            surplus = min(surplus, here) if shape.rows else here
            are_blank = are_blank and (here <= 0 or not any(map(visible, record.cells[columns:])))
            shape.rows += 1
            if shape.rows > most:
                break
            if len(shape.sample) < SAMPLED_ROWS:
                shape.sample.append(record.cells)
            last, has_gap = record.last_line, False
        shape.footer = tuple(footer)
        shape.surplus = surplus if shape.rows > 1 and are_blank and surplus > 0 else 0
        return shape


def _left_out(table: Table, shape: _Shape, begins: int, skipped: Skipped) -> Iterator[Localized]:
    """Yield a phrase for each part of the file that is no row."""
    if table.preamble and table.header is not None:
        lines = table.header.line - 1
        phrase = file_flaws.ABOVE_NAMES if begins > lines else file_flaws.ABOVE_ROWS
        yield filled(phrase, lines=_lines_in_words(lines), line=lines + 1)
    if shape.blank:
        phrase = file_flaws.BLANK_ROW if shape.blank == 1 else file_flaws.BLANK_ROWS
        yield filled(phrase, count=shape.blank)
    if skipped.headers:
        again, titles = _lines_in_words(skipped.headers), _lines_in_words(skipped.titles)
        phrase = file_flaws.NAMES_AND_TITLES if skipped.titles else file_flaws.NAMES_AGAIN
        yield filled(phrase, lines=again, titles=titles)
    if skipped.sections:
        first = shown(skipped.section, 40)
        yield filled(file_flaws.SECTIONS, lines=_lines_in_words(skipped.sections), first=first)
    if skipped.totals:
        yield filled(file_flaws.SUMS, lines=_lines_in_words(skipped.totals))
    if shape.footer:
        lines_below, first = _lines_in_words(len(shape.footer)), shown(shape.footer[0], 40)
        yield filled(file_flaws.FOOTER, lines=lines_below, first=first)


def _lines_in_words(count: int) -> Localized:
    return filled(file_flaws.LINE if count == 1 else file_flaws.LINES, count=count)


def _columns_of(
    path: Path,
    header: tuple[str, ...],
    groups: Sequence[str],
    needs: frozenset[LeadField],
    given: Mapping[LeadField, Sequence[str]],
    sample: Sequence[Sequence[str]],
) -> Meaning:
    """Return `columns_in` of a file that has all columns that it *needs*."""
    of_companies = LeadField.CONTACT not in needs
    try:
        found = columns_in(header, sample, given, of_companies=of_companies, groups=groups)
    except UnknownColumnError as unknown:
        name, kind = shown(str(unknown), 40), file_flaws.UNKNOWN_COLUMN
        raise LeadFileError.of(path, kind, name=name, columns=_shown_names(header)) from None
    missing = [field for field in LeadField if field in needs and field not in found.columns]
    if missing:
        raise LeadFileError.of(
            path,
            file_flaws.MISSING_COLUMN,
            missing=joined([file_flaws.FIELDS[field] for field in missing], file_flaws.NO_OTHER),
            rename=joined([file_flaws.RENAMES[field] for field in missing], file_flaws.AND),
            field=missing[0],
            columns=_shown_names(header),
        )
    return found


def _shown_names(header: Sequence[str]) -> Localized:
    names = [shown(visible(cell), 30) for cell in header[:20]]
    nameless = file_flaws.NAMELESS
    return Localized(
        en=", ".join(name or nameless.en for name in names),
        es=", ".join(name or nameless.es for name in names),
    )
