"""Takes off a name what people write beside it: branches, trade names, tax ids, tickers.

Works on the name as it is written, before its words are folded: brackets, slashes and capitals are
what tells an addition from a name. What might be part of the name stays, since a doubt is a split.
"""

import re
import unicodedata
from typing import Final, NamedTuple

from .stripping import FORMS
from .writing import split_words, words_of

_LONGEST: Final = 300
"""Characters; a longer text is no name with an addition, and is left alone."""
_SIGNS: Final = frozenset("#([:/\u2105ÃÂ")
_TELLING_WORDS: Final = words_of("telling_words")
_DIGITS: Final = frozenset("0123456789")
_NUMBERED: Final = re.compile(r"\d{4}|\d\.\d{3}\.\d{3}")

_CARE_OF: Final = re.compile(r"^(?:c/o|\u2105)[\s:.]+|(?<=[\s,;(])(?:[cC]/[oO]|\u2105)[\s:.]+")
"""In front in small letters only: `C/O Sales` is a company."""
_TRADING_AS: Final = re.compile(
    r"(?<=\S)[\s,;:(-]+(?:d\s?/\s?b\s?/\s?a|d\.b\.a|dba|doing business as|t/a|trading as|"
    r"a/k/a|also known as|f/k/a|formerly known as|nombre comercial)\b[\s.:]+(?=\S)",
    re.IGNORECASE,
)
_NUMBERED_BRANCH: Final = re.compile(
    r"(?<=[^\W\d_])[\s,(-]+(?:"
    r"(?:store|branch|shop|tienda|sucursal|suc\.|local|filial|loja|filiale|oficina|delegación)\s*"
    r"(?:#|no\.?|nº|n°|núm\.?|num\.?)?\s*\d{1,6}|#\d{3,6})\)?\s*$",
    re.IGNORECASE,
)
_SERIES: Final = re.compile(
    r"\b(?:(?:sub-?)?fund|series|trust|pool|plan|lot|fondo|fonds|serie|fideicomiso|spv)s?\b",
    re.IGNORECASE,
)
"""Of these, the number at the end tells one from the next."""
_COUNTRY: Final = (
    r"(?:españa|espana|portugal|colombia|méxico|mexico|perú|peru|chile|argentina|ecuador|"
    r"venezuela|bolivia|uruguay|paraguay|panamá|panama|costa rica|brasil|france|belgique|suisse|"
    r"deutschland|österreich|schweiz|italia|spain|uk|london|germany|france|italy)"
)
_BRANCH: Final = re.compile(
    rf"[\s,;(-]+(?:(?:sucursal|filial)(?:\s+(?:en|de|em|del))?\s+{_COUNTRY}|"
    rf"(?:zweig)?niederlassung\s+{_COUNTRY}|succursale\s+(?:de\s+|en\s+|di\s+)?{_COUNTRY}|"
    rf"{_COUNTRY}\s+branch)\)?[\s.]*$",
    re.IGNORECASE,
)
_TAX_ID: Final = re.compile(
    # Without a word before it, only in a shape that nothing else has.
    r"[\s,;([-]+(?:(?:ES[\s-]?)?[ABCDEFGHJNPQRSUVW][\s-]?\d{7}[0-9A-J]|"
    r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}|\d{1,2}\.\d{3}\.\d{3}-[\dKk]|(?:20|23|27|30|33)-\d{8}-\d|"
    r"[JVG]-\d{8}-\d|[A-ZÑ&]{3}\d{6}[A-Z\d]{3})[)\]\s.]*$",
)
_LABELLED: Final = re.compile(
    r"[\s,;([-]+(?:c\.?i\.?f|n\.?i\.?f|nipc|vat|rfc|cnpj|ruc|rut|nit|cuit|rif|tax id|ein|"
    r"p\.?\s?iva|ust-?idnr\.?)\b",
    re.IGNORECASE,
)
_TICKER: Final = re.compile(
    r"[\s,]*[(\[]?\s*(?:NASDAQ|NYSE|NYSE American|AMEX|LSE|LON|AIM|BME|BMV|B3|TSX|TSXV|TSX-V|ASX|"
    r"FRA|XETRA|ETR|EPA|EURONEXT|HKEX|HKG|SEHK|SGX|NSE|BSE|TYO|TSE|KRX|SIX|OTC|OTCQB|OTCMKTS|CSE|"
    r"BVL|BCS|BVC|BIT|AMS|STO)\s?:\s?[A-Z0-9.]{1,8}\s*[)\]]?\s*$"
)
_BRACKETED: Final = re.compile(
    r"^(?P<name>[^()]*\w[^()]*)\((?P<inside>[^()]{2,60})\)(?P<form>[^()]{0,40})$"
)
_FORM_BEFORE: Final = re.compile(
    r"(?:[\s,](?:Inc|Corp|Ltd|LLC|PLC|plc|AG|SE|N\.?V|S\.?A|S\.?A\.?B\.? de C\.?V|ASA|AB|Co|Oyj|"
    r"S\.?p\.?A|S\.?L|Limited|Corporation|Company))\.?\s*$"
)
_ACRONYM: Final = re.compile(r"[A-ZÑ][A-Za-zÑñ&]{2,9}")
_TICKER_INSIDE: Final = re.compile(r"[A-Z]{3,5}")
_PLACES: Final = words_of("not_tickers")
_PARENT: Final = re.compile(
    r"(?:grupo|group|gruppo|groupe)\s+\w+(?:\s+\w+)?|\w+\s+(?:group|gruppe)"
)
_NOT_A_PARENT: Final = frozenset({"the", "of", "de", "a", "an"})


class Written(NamedTuple):
    """A name without its additions, and the texts that came off."""

    name: str
    additions: tuple[str, ...]


def may_have(name: str, words: list[str]) -> bool:
    """Return whether *name*, which has *words*, may have an addition: a cheap test."""
    return (
        not _SIGNS.isdisjoint(name)
        or not _TELLING_WORDS.isdisjoint(words)
        or (not _DIGITS.isdisjoint(name) and _NUMBERED.search(name) is not None)
    )


def take_off(name: str) -> Written:
    """Return *name* without what is written beside it; as it is if nothing is sure.

    >>> take_off("Norte Digital LLC d/b/a Faro").name, take_off("Norte SL (CIF B12345678)").name
    ('Norte Digital LLC', 'Norte SL')
    """
    if len(name) > _LONGEST:
        return Written(name, ())
    text, additions = unicodedata.normalize("NFC", name), []
    for part in (_repair, _without_care_of, _before_trade_name, _without_branch, _without_code):
        rest = part(text)
        if rest != text and split_words(rest):
            if rest in text:
                additions.append(text.replace(rest, "", 1).strip(" ,;()-"))
            elif part is _without_code:
                additions.append(text[text.find("(") + 1 : text.rfind(")")])
            text = rest
    return Written(text if additions or text != name else name, tuple(additions))


def _repair(name: str) -> str:
    """Return the text whose UTF-8 was read as Windows-1252, if *name* is such a text."""
    if "Ã" not in name and "Â" not in name:
        return name
    for encoding in ("cp1252", "latin-1"):
        try:
            return name.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return name


def _without_care_of(name: str) -> str:
    """Return the company: what follows a leading `c/o`, what precedes any other."""
    found = _CARE_OF.search(name)
    if not found:
        return name
    before = name[: found.start()].strip(" ,;(")
    return before or name[found.end() :]


def _before_trade_name(name: str) -> str:
    found = _TRADING_AS.search(name)
    return name[: found.start()] if found else name


def _without_branch(name: str) -> str:
    if _SERIES.search(name):
        return name
    for pattern in (_NUMBERED_BRANCH, _BRANCH):
        name = pattern.sub("", name)
    return name


def _without_code(name: str) -> str:
    """Take off a tax id or a ticker, and what stands in brackets for the name or its parent."""
    text = _TICKER.sub("", name)
    found = _labelled_id(text) or _TAX_ID.search(text)
    if found:
        text = text[: found.start()]
    bracketed = _BRACKETED.match(text)
    if bracketed:
        form = split_words(bracketed["form"])
        is_last = not form or FORMS.ending(" ".join(form)) is not None
        if is_last and _is_beside(bracketed["name"], bracketed["inside"].strip()):
            text = f"{bracketed['name'].rstrip()} {bracketed['form']}".rstrip()
    return text


def _labelled_id(text: str) -> re.Match[str] | None:
    found = _LABELLED.search(text)
    return found if found and sum(map(str.isdigit, text[found.end() :])) >= len("123456") else None


def _is_beside(name: str, inside: str) -> bool:
    """Return whether the text in brackets is the name's acronym, its ticker or its parent."""
    folded = "".join(split_words(inside))
    if not folded or folded in _PLACES:
        return False
    if _ACRONYM.fullmatch(inside) and sum(map(str.isupper, inside)) >= len("AB"):
        words = split_words(name)
        if len(words) > 1 and _abbreviates(folded, words):
            return True
        first = words[0][:1] if words else ""
        return bool(
            _TICKER_INSIDE.fullmatch(inside)
            and folded.startswith(first)
            and _FORM_BEFORE.search(name)
        )
    parent = _PARENT.fullmatch(inside.casefold())
    return bool(parent) and _NOT_A_PARENT.isdisjoint(split_words(inside))


def _abbreviates(letters: str, words: list[str]) -> bool:
    """Return whether *letters* are taken from *words* in order, the first of two of them at least.

    >>> _abbreviates("pemex", ["petroleos", "mexicanos"]), _abbreviates("una", ["universidad"])
    (True, False)
    """
    if not words[0].startswith(letters[0]):
        return False
    if len(letters) <= len(words) + 1:
        remaining = iter([word[0] for word in words])
        return all(letter in remaining for letter in letters)
    remaining = iter("".join(words))
    initials = {word[0] for word in words[1:]}
    return all(letter in remaining for letter in letters) and not initials.isdisjoint(letters[1:])
