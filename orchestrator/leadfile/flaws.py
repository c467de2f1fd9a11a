"""What is said about rows and cells, in both languages, and how much alike rows are told together.

A flaw is a predicate, which reads on from the name of a column, and what to do about it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agents.case import Language, Localized

MAX_CELL_CHARS: Final = 100_000
"""Three times what Excel can hold; more in one cell is a mistake, such as a file pasted into it."""

#: Ranges of rows that are told of one kind of problem.
_RANGES: Final = 12


class Level(StrEnum):
    """An `ERROR` keeps a row out; after a `WARNING` it goes through; a `NOTE` is of the file."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of flaw; `{text}` and the like stand for what differs from cell to cell."""

    message: Localized
    hint: Localized


def kind(en: str, es: str, hint_en: str, hint_es: str) -> Kind:
    """Return the kind with these sentences."""
    return Kind(Localized(en=en, es=es), Localized(en=hint_en, es=hint_es))


def filled(sentence: Localized, **values: object) -> Localized:
    """Return *sentence* with its *values*, of a `Localized` one the same language."""

    def said(language: Language) -> str:
        return sentence.in_language(language).format_map(
            {
                name: value.in_language(language) if isinstance(value, Localized) else value
                for name, value in values.items()
            }
        )

    return Localized(en=said("en"), es=said("es"))


def joined(parts: Sequence[Localized], by: Localized) -> Localized:
    """Return *parts* one after another, with *by* between them."""
    return Localized(
        en=by.en.join(part.en for part in parts), es=by.es.join(part.es for part in parts)
    )


@dataclass(frozen=True, slots=True)
class Flaw:
    """A kind of flaw about one cell or row; `text` and `what` fill it in."""

    kind: Kind
    text: str = ""
    what: Localized | None = None

    def message(self, language: Language = "en") -> str:
        """Return the predicate."""
        what = "" if self.what is None else self.what.in_language(language)
        return self.kind.message.in_language(language).format(text=self.text, what=what)

    def hint(self, language: Language = "en") -> str:
        """Return what to do, as an imperative."""
        return self.kind.hint.in_language(language)


MISSING: Final = kind(
    "is missing", "falta", "fill it in or delete the row", "rellénelo o borre la fila"
)
INVISIBLE: Final = kind(
    "holds only invisible characters",
    "solo tiene signos invisibles",
    "fill it in or delete the row",
    "rellénelo o borre la fila",
)
OPEN_QUOTE: Final = kind(
    "the row opens a quote that is never closed",
    "la fila abre unas comillas que no se cierran",
    "close the quote or remove it",
    "ciérrelas o quítelas",
)
TOO_MANY_CELLS: Final = kind(
    "the row has {what}",
    "la fila tiene {what}",
    "put quotes around the cell that contains the delimiter",
    "ponga entre comillas la celda que contiene el separador",
)
SURPLUS: Final = kind(
    "the row has {what}",
    "la fila tiene {what}",
    "what stands behind them is not read",
    "lo que hay detrás no se lee",
)
TOO_LONG: Final = kind(
    f"has {{text}} characters, but {MAX_CELL_CHARS:,} is the most a cell may have",
    f"tiene {{text}} letras; una celda puede tener {MAX_CELL_CHARS:,}",
    "shorten it",
    "acórtelo",
)
CUT: Final = kind(
    "has {text} characters, more than a cell of a workbook can hold: it is cut",
    "tiene {text} letras, más de las que caben en una celda de un libro: se corta",
    "name a .csv file for the output",
    "dé al resultado el nombre de un fichero .csv",
)
NUL: Final = kind("contains NUL characters", "contiene signos NUL", "remove them", "quítelos")
BROKEN_BYTES: Final = kind(
    "contains bytes that are not UTF-8, unlike the rest of the file",
    "contiene bytes que no son UTF-8, a diferencia del resto del fichero",
    "type the cell again and save as UTF-8",
    "escriba la celda de nuevo y guarde como UTF-8",
)
FORMULA: Final = kind(
    "looks like a formula to a spreadsheet",
    "parece una fórmula a una hoja de cálculo",
    "it is written as it stands; look at it before you open the output",
    "se escribe tal cual; mírelo antes de abrir el resultado",
)
DAMAGED: Final = kind(
    "'{text}' {what}; nothing is bought for it",
    "'{text}' {what}; no se compra nada",
    "type it again, or save the file as UTF-8 from its program, or use --encoding",
    "escríbalo de nuevo, guarde el fichero como UTF-8 desde su programa o use --encoding",
)
NOT_A_NAME: Final = kind(
    "'{text}' is {what}, not the name of a company; nothing is bought for it",
    "'{text}' es {what}, no el nombre de una empresa; no se compra nada",
    "write the name of the company or its website",
    "escriba el nombre de la empresa o su web",
)
NO_COMPANY: Final = kind(
    "'{text}' is not a company name (it is blank)",
    "'{text}' no es el nombre de una empresa (está en blanco)",
    "write the name of the company",
    "escriba el nombre de la empresa",
)
ANY_COMPANY: Final = kind(
    "'{text}' could be any of many companies; nothing is bought for it",
    "'{text}' puede ser cualquiera de muchas empresas; no se compra nada",
    "write the full name or add its website",
    "escriba el nombre completo o añada su web",
)
NO_EMAIL: Final = kind(
    "is not an e-mail address ({text})",
    "no es una dirección de correo",
    "correct it",
    "corríjalo",
)
NO_CITY: Final = kind(
    "'{text}' is not the name of a town; it is left out",
    "'{text}' no es el nombre de una ciudad; se omite",
    "write its name, like Bilbao",
    "escriba su nombre, como Bilbao",
)
NO_COUNTRY: Final = kind(
    "'{text}' is no country that is known; it is left out",
    "'{text}' no es ningún país conocido; se deja fuera",
    "write its name in English or Spanish, or its ISO code",
    "escriba su nombre en español o en inglés, o su código ISO",
)
NO_WEBSITE: Final = kind(
    "'{text}' is not the address of a website; it is left out",
    "'{text}' no es la dirección de una web; se deja fuera",
    "write it like www.example.com",
    "escríbala como www.example.com",
)
OTHER_SITE: Final = kind(
    "'{text}' is {what}, not the company's own site; it is left out",
    "'{text}' es {what}, no la web de la empresa; se deja fuera",
    "write its own, like www.example.com",
    "escriba la suya, como www.example.com",
)
NO_PHONE: Final = kind(
    "does not look like a phone number; it is kept as it is",
    "no parece un número de teléfono; se deja como está",
    "write it with its country, like +34 911 234 567",
    "escríbalo con su país, como +34 911 234 567",
)

KNOWN_PERSON: Final = kind(
    "'{text}' may be a person who is stored already, with other data; it is a lead of its own",
    "'{text}' puede ser una persona ya guardada, con otros datos; es un lead aparte",
    "if it is the same person, write the name, company and e-mail address that are stored",
    "si es la misma persona, escriba el nombre, la empresa y el correo que están guardados",
)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing wrong with one row; `str()` is the sentence for the owner of the file.

    `row` is the line on which the row starts, the header being on line 1, as an editor and
    a spreadsheet count. `field` is the column as the file calls it, "" for the row as a whole;
    the flaw reads on from it.
    """

    file: str
    row: int
    field: str
    flaw: Flaw
    level: Level = Level.ERROR

    @property
    def message(self) -> str:
        """The flaw in English, without the field."""
        return self.flaw.message()

    @property
    def hint(self) -> str:
        """What to do, in English."""
        return self.flaw.hint()

    def sentence(self, language: Language) -> str:
        """Return what is wrong with which field, and what to do."""
        subject = f"{self.field} " if self.field else ""
        return f"{subject}{self.flaw.message(language)}; {self.flaw.hint(language)}"

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}: {self.sentence('en')}"


@dataclass(slots=True)
class _Alike:
    """Problems of one kind in one column: the first, and in which rows they are."""

    first: RowProblem
    count: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)
    others: int = 0
    """Rows behind the ranges that are kept."""
    differs: bool = False

    def add(self, problem: RowProblem) -> None:
        row = problem.row
        self.count += 1
        self.differs = self.differs or problem.flaw != self.first.flaw
        if self.ranges and not self.others and row <= self.ranges[-1][1] + 1:
            self.ranges[-1] = (self.ranges[-1][0], row)
        elif len(self.ranges) < _RANGES:
            self.ranges.append((row, row))
        else:
            self.others += 1

    def sentence(self, language: Language) -> str:
        said = self.first.sentence(language)
        if self.count == 1:
            row = _ROW.in_language(language)
            return f"{self.first.file}, {row} {self.first.row}: {said}."
        rows = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self.ranges)
        if self.others:
            rows += _AND_MORE.in_language(language).format(count=self.others)
        counted = f"{self.count:,} {_ROWS.in_language(language)} ({rows})"
        example = ""
        if self.differs:
            example = _FOR_EXAMPLE.in_language(language).format(row=self.first.row)
        return f"{self.first.file}, {counted}: {said}{example}."


_ROW: Final = Localized(en="row", es="fila")
_ROWS: Final = Localized(en="rows", es="filas")
_AND_MORE: Final = Localized(en=" and {count:,} more", es=" y {count:,} más")
_FOR_EXAMPLE: Final = Localized(en=" (so in row {row})", es=" (así en la fila {row})")


class Problems:
    """The problems of a file, those that are alike together: a few hundred bytes for each kind."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[Level, Kind, str], _Alike] = {}

    def add(self, problem: RowProblem) -> None:
        """Count *problem*. Rows come in their order."""
        key = (problem.level, problem.flaw.kind, problem.field)
        self._kinds.setdefault(key, _Alike(problem)).add(problem)

    def sentences(self, language: Language) -> Iterator[tuple[Level, str]]:
        """Yield a sentence for each kind: errors first, then in the order of the first rows."""
        order = list(Level)
        for alike in sorted(self._kinds.values(), key=lambda each: order.index(each.first.level)):
            yield alike.first.level, alike.sentence(language)
