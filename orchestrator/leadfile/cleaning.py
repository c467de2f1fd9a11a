"""What people mean by what they typed: words, addresses, sites and phones out of cells. Pure.

Nothing is judged here: `cells` checks what these functions take out of a cell.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from agents.case import Localized

_DATA: Final = Path(__file__).with_name("data")
_PLACEHOLDERS: Final = _DATA / "placeholders.toml"
_ROLES: Final = _DATA / "roles.toml"
_SIGNS: Final = re.compile(r"[\d._+-]+")
#: No cell with an address, a site or a phone in it is longer.
_LONGEST: Final = 1_000
#: Its letters are no word, but a country.
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_ERROR: Final = re.compile(r"#N/[ADV]|#NV|#[¡¿]?[A-Za-zÀ-ÿ/0-9_ ]{1,20}[!?]|Err:\d{3}")
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_AT: Final = re.compile(r"\s*(?:[(\[{]\s*(?:at|arroba)\s*[)\]}]|@)\s*", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s<>()\[\]\",;:|/\\?@#*&]+@[\w.-]+")
_WORD_BEFORE: Final = re.compile(r"\w[ \t]+\Z")
_HYPERLINK: Final = re.compile(r'=\s*(?:HYPERLINK|HIPERVINCULO)\(\s*"([^"]+)"', re.IGNORECASE)
_LINK: Final = re.compile(r"\[[^\[\]]*\]\(([^()\s]+)\)")
_IN_BRACKETS: Final = re.compile(r"\([^()]*\)")
_SCHEMES: Final = re.compile(
    r"(?<![a-z])(?:h?t{1,3}ps?(?:(?::/{0,3})|//)(?:www\.(?=h?t+ps?:))?(?=[^/]))+", re.IGNORECASE
)
_PHONE_WORD: Final = re.compile(r"\A(?:[^\W\d_]+[\s.:]*){1,3}(?=[+(\d])")
#: Of links, and of the lead forms of social networks.
_PHONE_MARK: Final = re.compile(r"(?:tel|p):(?=[+\d])")
_CHAT_LINK: Final = re.compile(r"\A(?:https?://)?(?:wa\.me/|\S+[?&]phone=)\+?(?=\d)")
#: A remark behind a number: `(centralita)`; and commas that part its digits.
_REMARK: Final = re.compile(r"\([^()\d]*\)|(?<=\d),(?=\d{2,3}(?:,|$))")
_SCIENTIFIC: Final = re.compile(r"\+?(\d)[.,](\d+)E\+?(\d{1,2})", re.IGNORECASE)
_NATIONAL: Final = 9
_WHOLE_NUMBER: Final = re.compile(r"(\+?\d{6,})[.,]0+")
_NUMBER: Final = re.compile(r"[+(]?[\d\s().+/-]{6,}")
#: `B12345678`: a tax id, a serial number.
_CODE: Final = re.compile(r"(?=(?:[^\W\d_]*\d){7})[A-Z\d]{8,}")
_DATE: Final = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2}))(?:[ T]\d.*)?"
)
#: Text in UTF-8 that was read as cp1252 or latin-1.
_MOJIBAKE: Final = re.compile(r"[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\ufffd]|â€")  # noqa: RUF001
#: Bytes of another encoding, and characters that each program draws as it likes.
_CONTROLS: Final = re.compile("[\x80-\x9f\ue000-\uf8ff]")
#: Many texts are in ASCII, and there may be a million rows of them.
_LETTERS_ONLY: Final = "".join(chr(c) if chr(c).isalnum() else " " for c in range(0x80))
#: A letter that its program could not write.
_LOST: Final = re.compile(r"(?<=[^\W\d_])\?(?=[^\W\d_])|(?:^|(?<=\s))\?+(?=[^\W\d_]{2})")


def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, words separated by one space.

    >>> fold("  Correo_Electrónico: "), fold("EE.UU.")
    ('correo electronico', 'eeuu')
    """
    if text.isascii():
        return " ".join(text.replace(".", "").lower().translate(_LETTERS_ONLY).split())
    letters = unicodedata.normalize("NFKD", text.replace(".", "")).casefold()
    kept = (c for c in letters if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())


#: A name with a link, an address or a path behind it, as linked records are exported.
_WITH_LINK: Final = re.compile(
    r"(.*\S)\s*[(<\[]\s*(\S*(?:://|@)\S+|\.{1,2}/\S+|(?:[\w-]+\.)+[a-zA-Z]{2,})\s*[)>\]]", re.DOTALL
)
_BETWEEN_LINKS: Final = re.compile(r"(?<=[)>\]])\s*[;,]\s*")
#: Keys of records: a UUID, those of Salesforce, Airtable and MongoDB, numbered ones, numbers.
_RECORD_ID: Final = re.compile(
    r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=\D*\d)(?:[0-9a-z]{15}|[0-9a-z]{17,18})|"
    r"[0-9a-f]{24}|(?=\D*\d)[a-z]+(?:_[0-9a-z]+)+|\d+"
)

_YES_OR_NO: Final = frozenset(
    (
        "true",
        "false",
        "yes",
        "no",
        "y",
        "n",
        "si",
        "sí",
        "sim",
        "não",
        "ja",
        "nein",
        "oui",
        "non",
        "verdadero",
        "falso",
        "wahr",
        "falsch",
        "vrai",
        "faux",
        "x",
        "✓",
        "☑",
        "☐",
    )
)


class Blank(StrEnum):
    """How surely a text says nothing."""

    NOTHING = "nothing"
    DOUBTFUL = "doubtful"


def blank_kind(text: str, folded: str) -> Blank | None:
    """Return whether *text*, *folded* without case and punctuation, says that nothing is known.

    >>> blank_kind("N/A", "n a").value, blank_kind("Sin compañía", "sin compania").value
    ('nothing', 'nothing')
    >>> blank_kind("zzz", "zzz").value, blank_kind("Sin Límites", "sin limites")
    ('doubtful', None)
    """
    if _ERROR.fullmatch(text) or (not folded and _FLAG.search(text) is None):
        return Blank.NOTHING
    known = _placeholders().get(folded)
    if known is not None:
        return known
    if len(folded) > len(set(folded)) == 1:
        return Blank.DOUBTFUL
    return _phrase_kind(folded.split()) if " " in folded else None


_LINKS: Final = frozenset(("de", "del", "do", "of"))


def _phrase_kind(words: Sequence[str]) -> Blank | None:
    """Return whether *words* are placeholders each, or say together that there is nothing."""
    for without, what in ((words[0], words[1:]), (words[-1], words[:-1])):
        if without in _phrases("without") and _phrases("what").issuperset(what):
            return Blank.NOTHING
    kinds = {_placeholders().get(word) for word in words if word not in _LINKS}
    if None in kinds:
        return None
    return Blank.DOUBTFUL if Blank.DOUBTFUL in kinds else Blank.NOTHING


@cache
def _placeholders() -> dict[str, Blank]:
    sections = _placeholder_sections()
    return {text: kind for kind in Blank for text in sections[kind]}


@cache
def _phrases(kind: str) -> frozenset[str]:
    return frozenset(_placeholder_sections()["phrases"][kind])


@cache
def _placeholder_sections() -> dict[str, Any]:
    return tomllib.loads(_PLACEHOLDERS.read_text("utf-8"))


@cache
def _roles() -> frozenset[str]:
    return frozenset(tomllib.loads(_ROLES.read_text("utf-8"))["roles"])


def is_role_address(email: str) -> bool:
    """Return whether *email*, in lower case, is read by several people of a company.

    >>> is_role_address("info.es@a.test"), is_role_address("no-reply@a.test")
    (True, True)
    >>> is_role_address("ana.sales@a.test")
    False
    """
    local = email.partition("@")[0]
    first = next(filter(None, _SIGNS.split(local)), "")
    return first in _roles() or _SIGNS.sub("", local) in _roles()


def other_field(text: str) -> str | None:
    """Return what *text* is where it cannot be a name: a date, a number, an e-mail, a website."""
    if _DATE.fullmatch(text):
        return "date"
    if _NUMBER.fullmatch(text) or _CODE.fullmatch(text):
        return "number"
    if " " not in text and ("://" in text or text.lower().startswith("www.")):
        return "website"
    return "e-mail address" if _ADDRESS.fullmatch(text) else None


def is_for_programs(text: str) -> bool:
    """Return whether *text* may be the key of a record, or a yes or no, of some program.

    >>> is_for_programs("0015e00001AbCdEEAV"), is_for_programs("false"), is_for_programs("3M")
    (True, True, False)
    """
    return _RECORD_ID.fullmatch(text) is not None or text.casefold() in _YES_OR_NO


def without_link(text: str) -> tuple[str, str]:
    """Return the name in *text*, and the link, address or path in brackets behind it.

    >>> without_link("Ana Ruiz (ana@a.test)"), without_link("Norte (Grupo)")
    (('Ana Ruiz', 'ana@a.test'), ('Norte (Grupo)', ''))
    """
    if text[-1:] not in {")", ">", "]"} or len(text) > _LONGEST:
        return text, ""
    # Of several linked records, the first one.
    found = _WITH_LINK.fullmatch(_BETWEEN_LINKS.split(text)[0])
    return (found[1], found[2]) if found else (text, "")


def damage_in(text: str) -> Localized | None:
    """Return what has damaged *text*, None where nothing seems to have."""
    if "\ufffd" in text:
        return _LOST_LETTERS
    if not text.isascii() and _CONTROLS.search(text):
        return _OTHER_ENCODING
    if not text.isascii() and _MOJIBAKE.search(text):
        return _OTHER_ENCODING
    return _QUESTION_MARKS if "?" in text and _LOST.search(text) else None


_LOST_LETTERS: Final = Localized(en="has lost letters", es="ha perdido letras")
_OTHER_ENCODING: Final = Localized(
    en="was read in another encoding than it was written in",
    es="se ha leído en otra codificación que la suya",
)
_QUESTION_MARKS: Final = Localized(
    en="has question marks for letters", es="tiene interrogaciones en lugar de letras"
)


def _plain(text: str) -> str:
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:_LONGEST])).strip()


def addresses_in(text: str) -> Iterator[str]:
    """Yield what could be e-mail addresses in *text*, in their order.

    >>> list(addresses_in("mailto:ana@a.test?subject=x / Luis (luis@b.test),"))
    ['ana@a.test', 'luis@b.test']
    """
    written = _AT.sub("@", _plain(text).replace("\u3002", "."))
    for found in _ADDRESS.finditer(written):
        if _WORD_BEFORE.search(written, 0, found.start()):
            continue  # `ana gil@a.test` is more likely a slip than two words
        local, _, domain = found[0].partition("@")
        yield f"{local.strip(chr(39))}@{domain.rstrip('.' + chr(39))}"


def websites_in(text: str) -> Iterator[str]:
    """Yield what could be addresses of websites in *text*, in their order.

    >>> list(websites_in("https:/norte.test; sur.test (en obras)"))
    ['https://norte.test', 'sur.test']
    """
    plain = _plain(text)
    if link := _HYPERLINK.match(plain) or _LINK.search(plain):
        plain = link[1]
    plain = _IN_BRACKETS.sub(" ", plain).replace("www,", "www.")
    plain = plain.replace("\\", "/").replace("%20", " ")
    for part in re.split(r"[,;|\s\"'<>#]+", plain):
        bare = part.rstrip(".").removeprefix("//")
        if not bare:
            continue
        scheme = "https" if bare.lower().startswith("https") else "http"
        site = _SCHEMES.sub(f"{scheme}://", bare, count=1)
        yield _target_of(site)


def _target_of(site: str) -> str:
    """Return where a page that only leads elsewhere leads to, else *site*."""
    try:
        parts = urlsplit(site)
        query = parse_qs(parts.query)
        name = "u" if "facebook" in parts.netloc else "url" if "url" in query else "q"
        target = query.get(name, [""])[0]
    except ValueError:
        return site
    is_leading = parts.path in {"/l.php", "/url", "/redirect"}
    return target if is_leading and target.startswith("http") else site


def phones_in(text: str) -> Iterator[str]:
    """Yield what could be phone numbers in *text*, in their order; none whose digits are lost.

    >>> list(phones_in("Tel. 911 23 45 67 / 3.4911234567E10")), list(phones_in("3.49E+10"))
    (['911 23 45 67', '+34911234567'], [])
    """
    for part in re.split(r"\s*(?:[;|\n]|:::|\s/\s|\sy\s|,\s|\s[-–]\s)\s*", _plain(text)):  # noqa: RUF001
        number = _CHAT_LINK.sub("+", _PHONE_MARK.sub("", part).lstrip("='"))
        number = " ".join(_PHONE_WORD.sub("", number.replace("(0)", "")).split())
        if scientific := _SCIENTIFIC.fullmatch(number):
            first, digits, power = scientific.groups()
            if len(digits) == int(power):
                # Numbers of one country have fewer digits.
                yield f"{'+' if len(digits) > _NATIONAL else ''}{first}{digits}"
        elif whole := _WHOLE_NUMBER.fullmatch(number):
            yield whole[1]
        elif number := _REMARK.sub("", number).strip():
            yield f"+{number[2:]}" if number.startswith("00") else number
