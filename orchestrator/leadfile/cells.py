"""Single cells: how they are read and checked, and how they are written so that nothing runs them.

Nothing here asks the network: whether a mailbox or a site exists is not checked.

A cell that starts with `=`, `+`, `-`, `@`, a tab or a line break (or the full-width form of the
signs) is a formula to a spreadsheet (CSV injection, as OWASP describes it) and is written with a
leading apostrophe. Cells of digits and punctuation alone stay as they are: a phone number
(+34 91 ...), a negative amount and a dash can call nothing. A spreadsheet of another country
splits cells at another delimiter, inside quotes, too: of `a;=cmd` in a file with commas it makes
a cell `=cmd`. In the columns that we add every such part is guarded (`guard_parts`); the user's
own columns are guarded as whole cells only.
"""

import gettext
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from urllib.parse import SplitResult, urlsplit

import phonenumbers
import pycountry
from email_validator import EmailNotValidError, validate_email

from orchestrator.infra.bounds import is_invisible

_LABEL = r"(?!-)[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAX_HOST = 253
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_TRIGGERS = f"{_SIGNS}\t\r\n"
_FORMULA = re.compile(rf" *[{_TRIGGERS}]")
_HARMLESS = re.compile(r" *[+-][\d\s().,:/%-]*(?:[eE][+-]?\d+)?\Z")
#: Where a part begins for some delimiter of lead files, or at a line end. A quote may open or close
#: the cell that it makes, so that what follows the quote is its beginning.
_BEGINNINGS = re.compile(rf'(?<=[,;|\t\r\n])(?=[ "]*[{_SIGNS}])')
_GUARDED = re.compile(rf"'(?= *[{_TRIGGERS}])")


class BadValueError(ValueError):
    """A cell that is not what its column says: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


def visible(text: str) -> str:
    """Return *text* without blanks and invisible characters at its ends.

    Inside they stay: a zero-width joiner is part of many names.
    """
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while end > start and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, words separated by one space.

    >>> fold("  Correo_Electrónico: "), fold("EE.UU.")
    ('correo electronico', 'eeuu')
    """
    letters = unicodedata.normalize("NFKD", text.replace(".", "")).casefold()
    kept = (c for c in letters if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())


def shown(text: str, limit: int = 60) -> str:
    """Return *text* fit for a sentence: printable, on one line, not too long."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def looks_like_formula(cell: str) -> bool:
    """Return whether a spreadsheet could run *cell* instead of showing it."""
    return _FORMULA.match(cell) is not None and _HARMLESS.match(cell) is None


def guard(cell: str) -> str:
    """Return *cell* such that no spreadsheet runs it. Guarding twice changes nothing.

    >>> guard("=HYPERLINK(1)"), guard("+34 911 234 567"), guard("-12.50")
    ("'=HYPERLINK(1)", '+34 911 234 567', '-12.50')
    """
    return f"'{cell}" if looks_like_formula(cell) else cell


def guard_parts(cell: str) -> str:
    r"""Return *cell* such that no spreadsheet runs it or a part of it, whatever its delimiter is.

    >>> guard_parts("a;=cmd"), guard_parts("3, -12.50"), guard_parts('a;"=cmd"')
    ("a;'=cmd", '3, -12.50', 'a;\'"=cmd"')
    """

    def guarded(found: re.Match[str]) -> str:
        return "'" if looks_like_formula(cell[found.start() :].lstrip(' "')) else ""

    return guard(_BEGINNINGS.sub(guarded, cell))


def unguard(cell: str) -> str:
    """Undo `guard`, so that an output read as input names the same companies."""
    return _GUARDED.sub("", cell, count=1) if cell.startswith("'") else cell


def email_address(text: str) -> str:
    """Return the address with its domain in lower case; `Ana <ana@acme.example>` is one, too.

    Raises:
        BadValueError: It cannot be an address. The message does not repeat it.
    """
    try:
        # test_environment: example files use the reserved top-level domain .test.
        address = validate_email(
            text, check_deliverability=False, test_environment=True, allow_display_name=True
        )
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise BadValueError(f"is not an e-mail address ({reason})", "correct it") from None
    return address.normalized


def country(text: str) -> str:
    """Return the ISO 3166-1 alpha-2 code.

    Raises:
        BadValueError: No country has this code or name.
    """
    code = country_code(text)
    if code is None:
        raise BadValueError(
            f"'{shown(text)}' is no country that is known; it is left out",
            "write its name in English or Spanish, or its ISO code",
        )
    return code


def website(text: str) -> str:
    """Return a bare host in lower case, or an http(s) URL where a scheme or a path was given.

    Raises:
        BadValueError: It cannot be the address of a site.
    """
    has_scheme = "://" in text
    parts = _split(text if has_scheme else f"https://{text}")
    host = (parts.hostname if parts else None) or ""
    if parts is None or parts.scheme not in {"http", "https"} or not _is_host(parts, host):
        raise BadValueError(
            f"'{shown(text)}' is not the address of a website; it is left out",
            "write it like www.example.com",
        )
    rest = parts._replace(scheme="", netloc="").geturl()
    if not has_scheme and rest in {"", "/"}:
        return parts.netloc.lower()
    return f"{parts.scheme}://{parts.netloc.lower()}{rest}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError:
        return None
    return parts


def _is_host(parts: SplitResult, host: str) -> bool:
    has_user = parts.username is not None
    return not has_user and len(host) <= _MAX_HOST and _HOST.fullmatch(host) is not None


def check_phone(text: str, country_code: str | None) -> None:
    """Accept what could be dialled from *country_code* or, with +, from anywhere.

    Raises:
        BadValueError: It cannot be a phone number. The caller keeps it, with a warning.
    """
    try:
        number = phonenumbers.parse(text, country_code)
        possible = phonenumbers.is_possible_number(number)
    except phonenumbers.NumberParseException as error:
        # Without a country, a national number can be neither right nor wrong.
        is_national = country_code is None and not text.startswith("+")
        possible = is_national and error.error_type == error.INVALID_COUNTRY_CODE
    if not possible:
        raise BadValueError(
            "does not look like a phone number; it is kept as it is",
            "write it with its country, like +34 911 234 567",
        )


# Names in everyday use that ISO 3166 does not list.
_EVERYDAY = {
    "AE": "uae,emiratos,emiratos arabes",
    "BO": "estado plurinacional de bolivia",
    "CD": "congo kinshasa,dr congo",
    "CI": "ivory coast,costa de marfil",
    "CZ": "czech republic,republica checa",
    "DO": "rep dominicana,dominicana",
    "ES": "españa peninsular,reino de españa,espanya",
    "GB": "uk,great britain,gran bretaña,england,inglaterra,scotland,escocia,wales,gales",
    "KR": "corea,korea,republic of korea",
    "MX": "mejico,estados unidos mexicanos",
    "NL": "holland,holanda,the netherlands",
    "RU": "russia,rusia",
    "TR": "turkey,turquia",
    "US": "usa,eeuu,ee uu,eua,america,estados unidos de america,the united states",
    "VE": "republica bolivariana de venezuela",
}


@lru_cache(maxsize=1_024)
def country_code(text: str) -> str | None:
    """Return the alpha-2 code of a country given by code (alpha-2, alpha-3) or name, else None.

    >>> country_code("Méjico"), country_code("ESP"), country_code("EE.UU."), country_code("Narnia")
    ('MX', 'ES', 'US', None)
    """
    return _codes().get(fold(text))


@cache
def _codes() -> dict[str, str]:
    return {fold(name): code for name, code in _named_codes()}


def _named_codes() -> Iterator[tuple[str, str]]:
    spanish = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=["es"])
    for each in pycountry.countries:
        yield each.alpha_2, each.alpha_2
        yield each.alpha_3, each.alpha_2
        for attribute in ("name", "common_name", "official_name"):
            name = getattr(each, attribute, None)
            if name:
                yield name, each.alpha_2
                yield spanish.gettext(name), each.alpha_2
    for code, names in _EVERYDAY.items():
        yield from ((name, code) for name in names.split(","))
