"""Lines of a table that are no rows: names once more, titles of sections, sums, footers. Pure."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .cells import visible
from .cleaning import fold
from .columns import Columns, LeadField, find_columns
from .countries import country_code
from .csv_format import Record
from .sample import has_legal_form

_FOOTER: Final = re.compile(
    r"(?i)\s*(?:copyright|©|\(c\)|confidential|"
    r"generated (?:by|on)|exported (?:by|on|from)|created by|"
    r"run by|report (?:generated|run)|printed|page \d|as of |grand totals?|"
    r"totals?(?: (?:records|rows|leads)|\s*[:=]|\s+\d)|records?\s*:|rows?\s*:|"
    r"(?:informe|reporte) (?:generado|creado)|generado (?:por|el)|exportado|fin del? |"
    r"total general|"
    r"total(?:es)? (?:de )?(?:registros|filas)|registros\s*:|filas\s*:|p[aá]gina \d|confidencial|"
    r"gerado (?:por|em)|relat[oó]rio gerado|erstellt (?:von|am)|vertraulich|seite \d|gesamt|"
    r"g[eé]n[eé]r[eé] (?:par|le)|confidentiel|"
    r"(?:fuente|source|quelle|fonte|stand|notas?|notes?|remarques?|hinweise?)\s*:)"
)
#: What stands before the sums below a column of numbers.
_TOTAL: Final = re.compile(
    r"(?i)(?:(?:grand|general|geral|général|sub-?totals?|subtotales|totals?|totales|suma|soma|"
    r"summe|gesamt|gesamtsumme|insgesamt|somme|nombre|sum|counts?|records?|recuento|contagem|"
    r"anzahl|ergebnis|gesamtergebnis|totaux)\b *)+"
)
#: What stands before or behind the value of a column whose rows are added up.
_TOTAL_OF: Final = re.compile(
    r"(?i)(sub-?total\w*|totale?s?|ergebnis|suma|summe)\b|\b(?:total|ergebnis)$"
)
#: `Visitors: 812`
_COUNT: Final = re.compile(r"[:=]\s*\d[\d.,]*\s*\Z")
_SUM: Final = re.compile(r"[\d\s.,%€$£()/+-]*")
#: Lines below the header in which the columns may be named once more, in other words.
_NEAR: Final = 2
#: The most narrow table in which a line of one cell behind a blank line is no row.
_WIDE: Final = 3
#: Lines that may be titles of what follows them, and are kept until that is known.
_MOST_HELD: Final = 8
#: Titles that stand one below the other: of a zone, and of a sector in it.
_MOST_TITLES: Final = 3
_LONGEST_TITLE: Final = 80
#: What is a customer, too, where it stands alone.
_PUBLIC_BODY: Final = re.compile(r"(?i)(?:provinc|regi[oó]n\b|kanton|bundesland)")
#: Letters of a country's name; fewer are a code.
_SHORTEST_COUNTRY: Final = 4
#: Of the number of a row or a count; a phone has more.
_MOST_DIGITS: Final = 6
#: `--- Norte ---`, `## Norte`, `[Norte]`.
_DECORATED: Final = re.compile(
    r"(?=.*[^\W\d_]{3})"
    r"(?:[-–—=*#_~>•·►▶■]{2,}\s+\S.*|[-–—=*#_~>•·►▶■]\s+\w.*\w\s+[-–—=*#_~<•·◄◀■]|"  # noqa: RUF001
    r"[-–—=*#_~>•·►▶■]{2,}\w.*\w[-–—=*#_~<•·◄◀■]{2,}|"  # noqa: RUF001
    r"\[.*\]|<.*>|«.*»)"
)
#: `Region: North`, `Total clientes: 3`.
_LABELLED: Final = re.compile(r"(?:[^\W\d_][\w'’.]*\s){0,3}[^\W\d_][\w'’.]*\s*:(?:\s.*)?")  # noqa: RUF001
#: `Hall 3`, `Gruppe B`.
_NUMBERED: Final = re.compile(r"[^\W\d_]{3,}\s(?:\d{1,3}|[IVX]{1,4}|[A-Z])\.?")
_PART_OF_TABLE: Final = re.compile(
    r"(?i)(?:zonas?|zone|regi[oó]n|regi[aã]o|sector|sektor|secteur|setor|secci[oó]n|section|"
    r"se[cç][aã]o|bereich|gebiet|provincia|province|bundesland|kanton|pa[ií]s|"
    r"categoría|categoria|category|kategorie|cat[eé]gorie|"
    r"p[aá]gina|page|seite|hoja|blatt|semana|week|woche|semaine|pabell[oó]n|"
    r"pavilion|pavilh[aã]o|pavillon|pavell[oó])\b(?:\W+\w+){1,4}\W*\Z"
)


@dataclass(slots=True)
class Skipped:
    """How many lines of each kind stand between the rows of a table, and the first section."""

    headers: int = 0
    titles: int = 0
    totals: int = 0
    sections: int = 0
    section: str = ""

    def add_section(self, text: str) -> None:
        """Count a section called *text*."""
        self.section = self.section or text
        self.sections += 1


def rows_below(
    records: Iterable[Record],
    header: tuple[str, ...],
    begins: int,
    skipped: Skipped,
    *,
    of_companies: bool = False,
) -> Iterator[Record]:
    """Yield *records* without what stands below line *begins* and is no row.

    Boards are exported group by group: each has a title and the *header* again. Other programs
    have a second line of names below the first, reports have sums, and people part a list by
    sections (`ZONA SUR`). What is left out is counted in *skipped*. In a list *of_companies* a cell
    alone may be one.
    """
    held: deque[_Held] = deque()
    above: Sequence[str] = ()
    last, is_wide = begins, len(header) >= _WIDE
    names = _Names(header, begins)

    def rows_held() -> Iterator[Record]:
        # Many companies alone in their rows are a list of names.
        may_be = is_wide and (not of_companies or len(held) <= _MOST_TITLES)
        while held:
            each = held.popleft()
            if may_be and each.is_title(of_companies=of_companies):
                skipped.add_section(each.text)
            else:
                yield each.record

    for record in records:
        if record.line <= begins:
            yield record
            continue
        if names.are_again(record):
            title = held.pop() if held and held[-1].text else None
            yield from rows_held()
            skipped.headers += 1
            skipped.titles += title is not None
        elif _is_total(record, above) or names.has_only_numbers(record):
            skipped.totals += 1
        elif len(header) > 1 and (is_blank(record) or _only_text(record)):
            above = record.cells
            is_apart = record.line > last + 1 or bool(held and not held[-1].text)
            held.append(_Held(record, _only_text(record), is_apart=is_apart))
            if len(held) > _MOST_HELD:
                yield held.popleft().record
        else:
            above = record.cells
            yield from rows_held()
            yield record
        last = record.last_line
    yield from (each.record for each in held)


@dataclass(frozen=True, slots=True)
class _Held:
    """A line whose only text may be the title of what follows; blank where it has none."""

    record: Record
    text: str
    is_apart: bool
    """Whether a blank line stands above it."""

    def is_title(self, *, of_companies: bool) -> bool:
        """Return whether it is the title of a row below it."""
        if not self.text or (of_companies and _PUBLIC_BODY.match(self.text)):
            return False
        may_be_company = of_companies or has_legal_form(self.text)
        is_likely = self.is_apart or _NUMBERED.fullmatch(self.text) is not None
        return is_section(self.text) or (is_likely and not may_be_company)


def _only_text(record: Record) -> str:
    """Return the only text in *record*: of one cell, or the same in each; blank without any."""
    if record.has_open_quote:
        return ""
    only, count = "", 0
    for cell in record.cells:
        text = cell.strip()
        if text and only and text != only:
            return ""
        only, count = only or text, count + bool(text)
    return only if count == 1 or count == len(record.cells) >= _WIDE else ""


def is_section(text: str) -> bool:
    """Return whether *text*, alone in its line, is the title of the rows below it.

    >>> is_section("ZONA SUR"), is_section("--- Norte ---"), is_section("Region: North")
    (True, True, True)
    >>> is_section("México"), is_section("Zona Franca S.L."), is_section("Tejidos Norte")
    (True, False, False)
    """
    letters = sum(map(str.isalpha, text))
    if len(text) > _LONGEST_TITLE or not letters:
        return False
    if _DECORATED.fullmatch(text):
        return True
    has_word = _LABELLED.fullmatch(text) or _PART_OF_TABLE.match(text)
    is_country = letters >= _SHORTEST_COUNTRY and country_code(text) is not None
    return bool(has_word or is_country) and not has_legal_form(text)


class _Names:
    """The names of the columns, which may stand in the table once more."""

    def __init__(self, header: tuple[str, ...], begins: int) -> None:
        self._header = _bare(header)
        self._first = first_named(header)
        self._known = find_columns(header)
        self._near = begins + _NEAR
        needed = (LeadField.COMPANY, LeadField.CONTACT, LeadField.EMAIL)
        choices = [choice for field in needed for choice in self._known.get(field, ())]
        self._needed = sorted({number for choice in choices for number in choice})

    def are_again(self, record: Record) -> bool:
        """Return whether *record* holds these names, or directly below them other ones."""
        cells = record.cells
        if record.line <= self._near and _is_header(cells, self._known):
            return True
        here = cells[self._first] if self._first < len(cells) else ""
        is_like = here.strip().casefold() == (self._header or [""])[self._first :][:1][0]
        return is_like and _bare(cells) == self._header

    def has_only_numbers(self, record: Record) -> bool:
        """Return whether *record* has a number, a count or a sum, and nothing that makes a lead."""
        cells = record.cells
        if not self._needed or any(cells[n].strip() for n in self._needed if n < len(cells)):
            return False
        filled = [cell for cell in cells if cell.strip()]
        digits = sum(map(str.isdigit, "".join(filled)))
        return 0 < digits <= _MOST_DIGITS and all(map(_SUM.fullmatch, filled))


def _bare(cells: Sequence[str]) -> list[str]:
    """Return *cells* without case, blanks around them and blank ones behind them."""
    bare = [cell.strip().casefold() for cell in cells]
    while bare and not bare[-1]:
        bare.pop()
    return bare


def _is_header(cells: Sequence[str], known: Columns) -> bool:
    """Return whether *cells* are names of columns that hold what is *known* of the columns."""
    found = find_columns(cells)
    is_same = len(found) > 1 and all(known.get(field) == at for field, at in found.items())
    return is_same or all(cell[:1] == "{" and cell[-1:] == "}" for cell in cells)


def is_blank(record: Record) -> bool:
    """Return whether no cell of *record* can be seen."""
    if record.has_open_quote:
        return False
    return not any(cell and not cell.isspace() and visible(cell) for cell in record.cells)


def first_named(header: Sequence[str]) -> int:
    """Return the first column of *header* that has a name, else 0."""
    return next((number for number, name in enumerate(header) if visible(name)), 0)


def is_alone(record: Record, first: int) -> bool:
    """Return whether the cell of the *first* column with a name is the only one with text."""
    if len(record.cells) == 1:
        return True
    return not any(cell.strip() for n, cell in enumerate(record.cells) if n != first)


def _is_total(record: Record, above: Sequence[str]) -> bool:
    """Return whether *record* has a word for a total, and numbers, but nothing else.

    Beside that word may stand a value of the cells *above*, whose rows are added up.
    """
    start = next(filter(None, record.cells), "").strip()
    if _TOTAL.match(start) is None and _TOTAL_OF.search(start) is None:
        return False
    cells = list(filter(None, (cell.strip(" :") for cell in record.cells)))
    words = [cell for cell in cells if _SUM.fullmatch(cell) is None]
    if not words or not all(_TOTAL.fullmatch(word) or _is_total_of(word, above) for word in words):
        return False
    return len(words) < len(cells) or _TOTAL.fullmatch(words[0]) is None


def _is_total_of(text: str, above: Sequence[str]) -> bool:
    found = _TOTAL_OF.search(text)
    if found is None:
        return False
    rest = fold(text[: found.start()] + text[found.end() :])
    return fold(found[0]).startswith("sub") or rest in set(map(fold, filter(None, above)))


def may_be_footer(record: Record, columns: int, first: int, *, has_gap: bool) -> bool:
    """Return whether *record* looks like a line that a report program writes below its table."""
    if columns == 1 or record.has_open_quote or not is_alone(record, first):
        return False
    text = record.cells[first if len(record.cells) > 1 else 0]
    is_apart = has_gap and columns >= _WIDE
    if is_apart and (len(record.cells) == 1 or _COUNT.search(text)):
        return True
    return _FOOTER.match(text) is not None or (columns >= _WIDE and is_section(text.strip()))
