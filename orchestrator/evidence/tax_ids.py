"""Companies' tax and register numbers in a text: what follows a label and has a right check digit.

The countries, labels and shapes are in `data/tax_ids.toml`. People's numbers are none of them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import islice
from typing import Final, NamedTuple

from stdnum import get_cc_module
from stdnum.mx import rfc

from .texts import ContactMarks, Phrases, WordFile, load, passage, phrases_of, skeleton

_MOST: Final = 40
"""Numbers of one text that are looked at."""
_LONGEST: Final = 24
"""Letters and digits of the longest number."""
_SEPARATORS: Final = frozenset("-. /\xa0\u2010\u2011\u2012\u2013")
_MOST_SEPARATORS: Final = 3
_FEWEST: Final = 6
"""Letters and digits of the shortest."""
_CRN_DIGITS: Final = 8
_GAP: Final = re.compile(
    r"(?:[^\w\n]|(?<!\w)(?:antiguo|n|no|nr|nro|num|numero|number|mf|iva|vat|sob|o|es|e|de|del|la|is"
    r"|da|do|id|cif|nif|empresa|company|under|with|reg)(?![^\W\u00ba])|[\u00ba\u00b0\u00aa]|\n(?!\s*\n\s*\n)){0,40}"
)
#: Numbers that are recognized without a label.
_UNLABELLED: Final = re.compile(
    r"(?<![\w.])(?P<number>\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}|es-?[a-hjnp-suvw]-?\d{7}[0-9a-j]"
    r"|pt ?\d{9})(?!\w)"
)
#: `Acme S.L. (B12345678)`
_BEHIND_FORM: Final = re.compile(
    r"(?<!\w)s\.? ?[la]\.?(?: ?u\.?)?\W{1,4}(?P<number>[ab]-?\d{8})(?!\w)"
)
#: For customers without a number of their own.
_GENERIC: Final = frozenset({"XAXX010101000", "XEXX010101000"})
_UNITED_KINGDOM: Final = re.compile(r"\bengland\b|\bscotland\b|\bwales\b|\bnorthern ireland\b")


@dataclass(frozen=True, slots=True)
class TaxId:
    """A company's number at the tax office or register of companies.

    `quote` is the sentence or cell that contains it, `written` the number as it is there. `type` is
    its name in its country (CIF, RFC, CNPJ, ...), `country` is alpha-2, and `value` has no
    separators but for the hyphen before the check digit of a RUT and a NIT. `is_checked` says that
    its check digit is right: else its kind has none, or is issued with wrong ones.
    """

    type: str
    value: str
    quote: str
    written: str = ""
    country: str = ""
    is_checked: bool = True


class _Kind(WordFile):
    """A row of the table."""

    type: str
    country: str
    labels: list[str]
    shape: re.Pattern[str]
    company: re.Pattern[str]
    check: str
    may_fail_check: bool = False
    digits_after_hyphen: int = 0

    @cached_property
    def folded_labels(self) -> frozenset[str]:
        """The labels as a text is compared with them."""
        return frozenset(_without_dots(skeleton(label)) for label in self.labels)

    @cached_property
    def is_valid(self) -> Callable[[str], bool]:
        """What checks the digit, where there is one."""
        return _checker(self.check)

    def is_named(self, label: str) -> bool:
        """Return whether *label* may stand before such a number."""
        is_common = label in _table().any_country and bool(self.check)
        return not label or label in self.folded_labels or is_common

    def read(self, digits: str, label: str, *, is_home: bool) -> tuple[str, bool] | None:
        """Return the number that *digits* are, and whether its check digit is right.

        Args:
            digits: Letters and digits, upper case, perhaps with the country's code before them.
            label: What announces it; "" if nothing does.
            is_home: Whether the company is known to be of this country.
        """
        bare = digits.removeprefix(self.country)
        is_prefixed = bare != digits
        if not is_prefixed and not is_home and label in _table().any_country and bare.isdigit():
            return None
        if not self.shape.fullmatch(bare) or bare in _GENERIC:
            return None
        if self.company.pattern and not self.company.fullmatch(bare):
            return None
        is_checked = bool(self.check) and self.is_valid(bare)
        if not is_checked and (not label or (self.check and not self.may_fail_check)):
            return None
        return self._written_form(bare), is_checked

    def _written_form(self, digits: str) -> str:
        if self.type == "VAT":
            return self.country + digits
        if self.type == "CRN":
            return digits.zfill(_CRN_DIGITS)
        tail = self.digits_after_hyphen
        return f"{digits[:-tail]}-{digits[-tail:]}" if tail else digits


class Located(NamedTuple):
    """A number, and where it begins and ends in the text."""

    tax_id: TaxId
    start: int
    end: int


def tax_ids_in(marks: ContactMarks, country: str | None) -> list[Located]:
    """Return the companies' numbers in a text, perhaps twice.

    Args:
        marks: The text, bounded by the caller.
        country: ISO 3166-1 alpha-2; tried first where one label serves several countries.
    """
    numbers: list[Located] = []
    for label, at in _places(marks):
        number = _read(marks, label, at, country)
        # A label within another's may announce a part of its number: `VAT Reg No. 123 4567 27`.
        is_part = number and any(
            number.start < one.end and one.start < number.end for one in numbers
        )
        if number and not is_part and not marks.is_anothers(number.start, number.end):
            numbers.append(number)
    return numbers


def _places(marks: ContactMarks) -> Iterator[tuple[str, int]]:
    """Yield each label with the offset at which its number would begin; "" is no label."""
    for start, end in marks.find(_labels())["label"][:_MOST]:
        gap = _GAP.match(marks.bare, end)
        yield _without_dots(marks.bare[start:end]), gap.end() if gap else end
    for pattern in (_UNLABELLED, _BEHIND_FORM):
        for match in islice(pattern.finditer(marks.bare), _MOST):
            yield "", match.start("number")


def _without_dots(label: str) -> str:
    return " ".join(label.replace(".", "").split())


def _read(marks: ContactMarks, label: str, at: int, country: str | None) -> Located | None:
    text = marks.text
    digits, ends = _compact(text, at)
    for kind in _kinds_for(label, country, marks.bare):
        for length in range(len(digits), _FEWEST - 1, -1):
            end = ends[length - 1]
            if text[end : end + 1].isalnum():
                continue
            read = kind.read(digits[:length], label, is_home=kind.country == country)
            if read:
                value, is_checked = read
                quote = passage(text, at, end)
                tax_id = TaxId(kind.type, value, quote, text[at:end], kind.country, is_checked)
                return Located(tax_id, at, end)
    return None


def _kinds_for(label: str, country: str | None, bare: str) -> list[_Kind]:
    kinds = [kind for kind in _table().tax_id if kind.is_named(label)]
    if country != "GB" and (country or not _UNITED_KINGDOM.search(bare)):
        kinds = [kind for kind in kinds if kind.check]
    return sorted(kinds, key=lambda kind: kind.country != country)


def _compact(text: str, at: int) -> tuple[str, list[int]]:
    """Return the letters and digits from *at* on, with the offset behind each in *text*."""
    digits: list[str] = []
    ends: list[int] = []
    separators = 0
    for offset in range(at, min(len(text), at + 2 * _LONGEST)):
        character = text[offset]
        if character in _SEPARATORS:
            separators += 1
            if separators > _MOST_SEPARATORS:
                break
        elif (character.isascii() and character.isalnum()) or character in "&Ñ":
            separators = 0
            digits.append(character.upper())
            ends.append(offset + 1)
        else:
            break
    return "".join(digits[:_LONGEST]), ends[:_LONGEST]


class _Table(WordFile):
    any_country: frozenset[str]
    tax_id: list[_Kind]


@cache
def _table() -> _Table:
    return load(_Table, "tax_ids.toml")


def _checker(module: str) -> Callable[[str], bool]:
    if module == "mx.rfc":  # the only one whose check digit is optional there
        return partial(rfc.is_valid, validate_check_digits=True)
    country, _, number = module.partition(".")
    checker = get_cc_module(country, number)
    if checker is None:
        raise ValueError(f"tax_ids.toml: python-stdnum has no module {module!r}")
    return checker.is_valid


@cache
def _labels() -> Phrases:
    labels = {label for row in _table().tax_id for label in row.labels}
    return phrases_of({"label": labels | _table().any_country})
