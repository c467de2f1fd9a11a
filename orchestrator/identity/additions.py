"""What people write beside a name: branches, trade names, tax ids, tickers.

It comes off before the legal form, from the name as it is written: brackets, slashes and capitals
tell it from a name. What might be part of the name stays, since a doubt is a split. The surest sign
is a legal form in front of it: there the company's name has ended.
"""

import re
from typing import Final, NamedTuple

from .stripping import FORMS
from .writing import split_words, tidy, words_of

_LONGEST_NAME: Final = 300
"""Characters; a longer text is no name with an addition, and is left alone."""
_SIGN_OR_DIGIT: Final = re.compile("[#([:/\u2105ÃÂ0-9]")
_SIGNS: Final = frozenset("#([:/\u2105ÃÂ")
_TELLING_WORDS: Final = words_of("telling_words") | words_of("branch_words")
_DIGITS: Final = frozenset("0123456789")
_NUMBERED: Final = re.compile(r"\d{4}|\d{3}[\s-]\d{3}|\d\.\d{3}\.\d{3}")

_CARE_OF: Final = re.compile(r"^(?:c/o|\u2105)[\s:.]+|(?<=[\s,;(])(?:[cC]/[oO]|\u2105)[\s:.]+")
"""In front in small letters only: `C/O Sales` is a company."""
_DBA: Final = r"d\s?/\s?b\s?/\s?a"
_OTHER_NAME: Final = re.compile(
    rf"(?<=\S)(?P<gap>[\s,;:(\[-]+)(?:{_DBA}|d\.b\.a|doing business as|t/a|trading as|a/k/a|f/k/a|"
    r"(?:also|formerly|previously) known as|nombre comercial|"
    r"(?P<doubtful>dba|fka|formerly|previously|antes|anteriormente|ex|già|antiga|antigamente|vormals|"
    r"vorm|früher|ehemals|anciennement|voorheen|tidigare|tidl|dawniej|enseigne|nome fantasia|"
    r"que opera como))\b[\s.:-]+(?=\S)",
    re.IGNORECASE,
)
_MARK_OF_TRADE_NAME: Final = re.compile(
    rf"^\s*{_DBA}\b[\s.:]+(?=\S)|\s*[(\[]\s*{_DBA}\s*[)\]]\s*$", re.IGNORECASE
)
_STORE: Final = re.compile(r"(?<=[^\W\d_])[\s,(-]+#\d{3,6}\)?\s*$")
_NUMBERED_BRANCH: Final = re.compile(
    r"(?<=[^\W\d_])(?P<gap>[\s,(-]+)(?:sucursal|suc\.|filiale?|delegaci[oó]n|tienda|loja|oficina|"
    r"(?P<compound>store|shop|branch))\s*"
    r"(?P<sign>#|no\.?|nº|n°|n\.º|núm\.?|num\.?)?\s*\d{1,6}\)?\s*$",
    re.IGNORECASE,
)
_TOLD_APART: Final = words_of("told_apart_by_number")
_BRANCH_WORDS: Final = words_of("branch_words")
_NO_BRANCH: Final = words_of("before_a_shop")
_SHOPS: Final = words_of("kinds_of_shops")
_COUNTRY: Final = (
    r"(?:españa|espana|portugal|colombia|méxico|mexico|perú|peru|chile|argentina|ecuador|"
    r"venezuela|bolivia|uruguay|paraguay|panamá|panama|costa rica|brasil|france|belgique|suisse|"
    r"deutschland|österreich|schweiz|italia|spain|uk|london|germany|france|italy)"
)
_BRANCH: Final = re.compile(
    rf"[\s,;(-]+(?:(?:sucursal(?:\s+(?:en|de|em|del))?|(?:zweig)?niederlassung|"
    rf"succursale(?:\s+(?:de|en|di))?)\s+{_COUNTRY}|{_COUNTRY}\s+branch)\)?[\s.]*$",
    re.IGNORECASE,
)
_BRANCH_OF_TOWN: Final = re.compile(
    r"[\s,;(-]+(?:(?:sucursal|succursale|(?:zweig)?niederlassung)\s[^\d()]{3,40}|"
    r"[^\W\d_]+(?:\s[^\W\d_]+){0,2}\sbranch)\)?[\s.]*$",
    re.IGNORECASE,
)
_SHAPED_ID: Final = (
    # Nothing else has these shapes.
    r"(?:(?:ES[\s-]?)?[ABCDEFGHJNPQRSUVW][\s-]?\d{7}[0-9A-J]|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2})"
)
_TAX_ID: Final = re.compile(
    rf"[\s,;([-]+(?:{_SHAPED_ID}|\d{{1,2}}\.\d{{3}}\.\d{{3}}-[\dKk]|(?:20|23|27|30|33)-\d{{8}}-\d|"
    r"[JVG]-\d{8}-\d|[A-ZÑ&]{3}\d{6}[A-Z\d]{3}|CHE-\d{3}\.\d{3}\.\d{3}|BE\s?0\d{3}\.\d{3}\.\d{3}|"
    r"(?:DE|FR|IT|PT|GB|NL|BE|PL|ATU|SE|DK|FI|IE|CZ|SK|RO|HU|EL|LU)\s?\d{8,12})[)\]\s.]*$"
)
_LABEL: Final = (
    r"(?:c\.?i\.?f|n\.?i\.?f|n\.?i\.?p\.?c|vat(?:\sid)?|r\.?f\.?c|c\.?n\.?p\.?j|r\.?u\.?[ct]|"
    r"n\.?i\.?t|c\.?u\.?i\.?t|r\.?i\.?f|rnc|rtn|tax id|ein|p\.?\s?iva|partita iva|ust-?id(?:-?nr)?|"
    r"c\.?f|codice fiscale|tva|btw|uid|inn|nzbn|siren|siret|kvk|hrb|abn|acn|org\.?\s?nr|cvr|nip|"
    r"regon|krs|i[cč]o|cui|uen|cin|gstin|lei|duns|инн|огрн|company (?:no|number)|"
    r"reg(?:istration)?\.? (?:no|number))\b\.?"
)
_SIGN_OF_ID: Final = r"(?P<sign>[\s.:#]*:[\s.:#]*|[\s.#]+(?:n[oº°]\.?\s)?)"
_LABELLED_ID: Final = re.compile(
    rf"(?P<gap>[\s,;([-]+)(?:(?:con|com|with|mit)\s)?{_LABEL}{_SIGN_OF_ID}(?P<id>(?:[A-ZÑ&]{{1,4}}[\s-]?)?\d[^()[\]]*)"
    r"[)\]\s.]*$",
    re.IGNORECASE,
)
_FEWEST_DIGITS: Final = len("12345")
_FEWEST_ALONE: Final = len("12345678")
_BARE_ID: Final = re.compile(r"(?:\s*[(\[]|\s-)\s*\d{8,14}[)\]]?\s*$")
_ID_IN_FRONT: Final = re.compile(
    rf"^\s*(?:{_LABEL}{_SIGN_OF_ID}(?:[A-ZÑ&]{{1,4}}-?)?\d[\dA-Z./-]{{5,}}(?:\s*[-\u2013:,]\s*|\s+)|"
    rf"{_SHAPED_ID}(?:\s*[-\u2013:,]\s*|\s+)|(?:10|15|17|20)\d{{9}}\s*[-\u2013:]\s*)(?=[^\W\d_])",
    re.IGNORECASE,
)
_LOT_IN_FRONT: Final = re.compile(r"^\s*(?:lotes?|lots?)\s*\d{1,3}\s*:\s*(?=\w)", re.IGNORECASE)
_LOT: Final = re.compile(r"\s*[(\[]\s*(?:lotes?|lots?)\s*[\d\s,yei-]+[)\]]\s*$", re.IGNORECASE)
"""The part of a public contract that the company has won."""
_LISTED: Final = "NASDAQ|NYSE|BME|BMV|HKEX|XETRA|EURONEXT"
_TICKER: Final = re.compile(
    rf"[\s,]*[(\[]?\s*(?<![^\s,(\[-])(?:{_LISTED}|NYSE American|AMEX|LSE|LON|AIM|B3|TSX|TSXV|TSX-V|"
    r"ASX|FRA|ETR|EPA|HKG|SEHK|SGX|NSE|BSE|TYO|TSE|KRX|SIX|OTC|OTCQB|OTCMKTS|CSE|"
    r"BVL|BCS|BVC|BIT|AMS|STO)\s?:\s?[A-Z0-9.]{1,8}\s*[)\]]?\s*$"
)
_TICKER_BEHIND_FORM: Final = re.compile(
    r"\s*[(\[]\s*[A-Za-z][A-Za-z0-9 -]{1,20}:\s?[A-Z0-9.&]{1,8}(?:[ .-][A-Z])?\s*[)\]]\s*$"
)
_TICKER_IN_FRONT: Final = re.compile(
    rf"^\s*[(\[]?(?:{_LISTED})\s?:\s?[A-Z0-9.]{{2,8}}[)\]]?(?:\s*[-\u2013:,]\s*|\s+)(?=\w)"
)
_BRACKETED: Final = re.compile(
    r"^(?P<name>[^()[\]]*\w[^()[\]]*)[(\[](?P<inside>[^()[\]]{2,60})[)\]](?P<form>[^()[\]]{0,40})$"
)
_ACRONYM: Final = re.compile(r"[A-ZÑ][A-Za-zÑñ&]{2,9}")
_LONG_ACRONYM: Final = len("PEMEX")
_TICKER_INSIDE: Final = re.compile(r"[A-Z]{3,5}|[A-Z]{4}\d{1,2}|[A-Z0-9]{2,6}\.[A-Z]{1,2}")
_PLACES: Final = words_of("not_tickers")
_STATES: Final = words_of("states")
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
    if not _TELLING_WORDS.isdisjoint(words):
        return True
    if not _SIGN_OR_DIGIT.search(name):
        return False
    return not _SIGNS.isdisjoint(name) or _NUMBERED.search(name) is not None


def take_off(name: str) -> Written:
    """Return *name* without what is written beside it; as it is if nothing is sure.

    >>> take_off("Norte Digital LLC d/b/a Faro").name, take_off("Norte SL (CIF B12345678)").name
    ('Norte Digital LLC', 'Norte SL')
    """
    if len(name) > _LONGEST_NAME:
        return Written(name, ())
    text = start = tidy(name)
    additions = []
    for part in (_repair, _without_care_of, _without_other_name, _without_branch, _without_code):
        rest = part(text)
        if rest != text and split_words(rest):
            if rest in text:
                additions.append(text.replace(rest, "", 1).strip(" ,;()-"))
            elif part is _without_code:
                additions.append(text[text.find("(") + 1 : text.rfind(")")])
            text = rest
    return Written(name if text == start else text, tuple(additions))


def _ends_with_form(text: str) -> bool:
    """Return whether *text* is a name with its legal form."""
    words = split_words(text)
    return bool(words) and any(form.kind != "note" for *_, form in FORMS.endings(words))


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
    found = _CARE_OF.search(name) if "/" in name or "\u2105" in name else None
    if not found:
        return name
    before = name[: found.start()].strip(" ,;(")
    return before or name[found.end() :]


def _without_other_name(name: str) -> str:
    """Return the company before its trade name or its former name."""
    found = _OTHER_NAME.search(name)
    if not found:
        return _MARK_OF_TRADE_NAME.sub("", name) if "/" in name else name
    before = name[: found.start()]
    # "Oracle DBA Services" has database administrators, "Café Antes de Ti" a word.
    is_sure = found["doubtful"] in {None, "dba"} or not {"(", "["}.isdisjoint(found["gap"])
    return before if is_sure or _ends_with_form(before) else name


def _without_branch(name: str) -> str:
    words = split_words(name)
    if not _TOLD_APART.isdisjoint(words):
        return name
    text = _STORE.sub("", name) if "#" in name else name
    if _BRANCH_WORDS.isdisjoint(words):
        return text
    text = _BRANCH.sub("", text)
    if found := _NUMBERED_BRANCH.search(text):
        return text[: _end_before_branch(text, found)]
    # "Norte SL Sucursal Films SL" is a name.
    return text if _ends_with_form(text) else text[: _end_behind_form(text, _BRANCH_OF_TOWN)]


def _end_before_branch(name: str, found: re.Match[str]) -> int:
    """Return how much of *name* is the company's: the Store of "UPS Store #12" is part of it."""
    before = split_words(name[: found.start()])
    is_apart = not set(",(-").isdisjoint(found["gap"])
    if not is_apart and (not before or before[-1] in _NO_BRANCH):
        return len(name)
    if not found["compound"] or is_apart:
        return found.start()
    if not found["sign"]:
        return len(name)
    return found.start("sign") if before[-1] in _SHOPS else found.start()


def _without_code(name: str) -> str:
    """Take off ids and tickers, and what stands in brackets for the name or its parent."""
    text = name
    if ":" in text:
        text = _TICKER_IN_FRONT.sub("", _TICKER.sub("", text))
        text = text[: _end_behind_form(text, _TICKER_BEHIND_FORM)]
    if not _DIGITS.isdisjoint(text):
        text = _ID_IN_FRONT.sub("", text)
        text = text[: _end_before_id(text)]
        text = text[: _end_behind_form(text, _BARE_ID)]
        text = _LOT_IN_FRONT.sub("", text)
        text = text[: _end_behind_form(text, _LOT)]
    bracketed = _BRACKETED.match(text) if "(" in text or "[" in text else None
    if bracketed:
        form = split_words(bracketed["form"])
        is_last = not form or FORMS.ending(" ".join(form)) is not None
        if is_last and _is_beside(bracketed["name"], bracketed["inside"].strip(" $")):
            text = f"{bracketed['name'].rstrip()} {bracketed['form']}".rstrip()
    return text


def _end_behind_form(text: str, pattern: re.Pattern[str]) -> int:
    """Return where *pattern* begins behind a legal form, the length of *text* if it does not."""
    found = pattern.search(text)
    return found.start() if found and _ends_with_form(text[: found.start()]) else len(text)


def _end_before_id(text: str) -> int:
    """Return where an id of a register begins, the length of *text* if it has none."""
    if found := _TAX_ID.search(text):
        labelled = _LABELLED_ID.search(text[: found.end()])
        return min(found.start(), labelled.start()) if labelled else found.start()
    found = _LABELLED_ID.search(text)
    if not found:
        return len(text)
    digits = sum(map(str.isdigit, found["id"]))
    # Without a sign, the label may be a word: "Nur Ein 2000 2001 GmbH".
    is_sure = not set(",;([-").isdisjoint(found["gap"]) or ":" in found["sign"]
    is_id = digits >= _FEWEST_ALONE and " " not in found["id"].strip()
    is_sure = is_sure or is_id or _ends_with_form(text[: found.start()])
    return found.start() if is_sure and digits >= _FEWEST_DIGITS else len(text)


def _is_beside(name: str, inside: str) -> bool:
    """Return whether the text in brackets is the name's acronym, its ticker or its parent."""
    folded = "".join(split_words(inside))
    if not folded or folded in _PLACES:
        return False
    words = split_words(name)
    if not _STATES.isdisjoint(split_words(inside)):
        return _ends_with_form(name)
    acronym = inside.partition(",")[0]
    if _ACRONYM.fullmatch(acronym) and sum(map(str.isupper, acronym)) >= len("AB"):
        letters = "".join(split_words(acronym))
        if len(words) > 1 and _abbreviates(letters, words):
            return True
    if _TICKER_INSIDE.fullmatch(inside):
        return ("." in inside or folded[0] == words[0][0]) and _ends_with_form(name)
    parent = _PARENT.fullmatch(inside.casefold())
    return bool(parent) and _NOT_A_PARENT.isdisjoint(split_words(inside))


def _abbreviates(letters: str, words: list[str]) -> bool:
    """Return whether *letters* are taken from *words* in order, the first of two of them at least.

    >>> _abbreviates("pemex", ["petroleos", "mexicanos"]), _abbreviates("una", ["universidad"])
    (True, False)
    """
    if not words[0].startswith(letters[0]):
        return False
    remaining = iter([word[0] for word in words])
    if all(letter in remaining for letter in letters):
        return True
    # A short one could be found in many names.
    if len(letters) <= len(words) + 1 and len(letters) < _LONG_ACRONYM:
        return False
    remaining = iter("".join(words))
    initials = {word[0] for word in words[1:]}
    return all(letter in remaining for letter in letters) and not initials.isdisjoint(letters[1:])
