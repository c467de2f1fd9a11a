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

import re
from itertools import chain
from typing import Final
from urllib.parse import SplitResult, urlsplit

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from agents.case import Localized
from orchestrator.evidence.hosts import HostKind, kind_of
from orchestrator.infra.bounds import is_invisible

from . import flaws
from .cleaning import addresses_in, phones_in, websites_in
from .countries import country_code
from .flaws import Flaw

_LABEL = r"(?!-)[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAX_CITY: Final = 100
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


#: Most addresses are of this form, which `validate_email` returns as they are, and there may be a
#: million of them. It has the last word on any other.
_PLAIN_ADDRESS: Final = re.compile(
    r"(?=[^@]{1,64}@)(?=.{6,200}\Z)[a-z0-9]+(?:[._-][a-z0-9]+)*@"
    r"(?:(?=[^.]{1,63}\.)[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,24}"
)
_SPECIAL_USE: Final = tuple(set(SPECIAL_USE_DOMAIN_NAMES) - {"test"})
#: Pages there are about a company or a person; their hosts are never its own.
_NO_SITES: Final = {
    HostKind.SOCIAL: Localized(en="a page of a social network", es="una página de una red social"),
    HostKind.LINKS: Localized(en="a shortened link", es="un enlace acortado"),
    HostKind.MAPS: Localized(en="a map", es="un mapa"),
    HostKind.SEARCH: Localized(en="a page of a search engine", es="una página de un buscador"),
    HostKind.PLATFORM: Localized(
        en="a platform for the sites of others", es="una plataforma para webs de otros"
    ),
    HostKind.FILES: Localized(en="a store of files", es="un almacén de ficheros"),
}


class BadValueError(ValueError):
    """A cell that is not what its column says: what is wrong, and what to do."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw

    def __str__(self) -> str:
        return self.flaw.message()


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
    """Return the first address in *text*, with its domain in lower case.

    >>> email_address("Ana <ana@ACME.example>"), email_address("ana@a.test; luis@b.test")
    ('ana@acme.example', 'ana@a.test')

    Raises:
        BadValueError: None is in it. The message does not repeat it.
    """
    try:
        return _valid_address(text)
    except EmailNotValidError as error:
        for address in addresses_in(text):
            try:
                return _valid_address(address)
            except EmailNotValidError:
                continue
        reason = str(error).rstrip(".")
        raise BadValueError(Flaw(flaws.NO_EMAIL, reason)) from None


def _valid_address(text: str) -> str:
    if _PLAIN_ADDRESS.fullmatch(text) and not text.endswith(_SPECIAL_USE):
        return text
    # test_environment: example files use the reserved top-level domain .test.
    address = validate_email(
        text, check_deliverability=False, test_environment=True, allow_display_name=True
    ).normalized
    local, _, domain = address.rpartition("@")
    return f"{local.strip(chr(39))}@{domain}"


def country(text: str) -> str:
    """Return the ISO 3166-1 alpha-2 code.

    Raises:
        BadValueError: No country has this code or name.
    """
    code = country_code(text)
    if code is None:
        raise BadValueError(Flaw(flaws.NO_COUNTRY, shown(text)))
    return code


def website(text: str) -> str:
    """Return a bare host in lower case, or an http(s) URL where a scheme or a path was given.

    Raises:
        BadValueError: It cannot be the address of a company's own site.
    """
    refused: BadValueError | None = None
    for site in chain([text], websites_in(text)):
        try:
            return _own_site(site)
        except BadValueError as bad:
            # What it is says more than that it is written wrong.
            is_other = bad.flaw.kind == flaws.OTHER_SITE
            refused = bad if refused is None or is_other else refused
    raise refused or _no_website(text)


def _no_website(text: str) -> BadValueError:
    return BadValueError(Flaw(flaws.NO_WEBSITE, shown(text)))


def _own_site(text: str) -> str:
    if any(map(str.isspace, text)):  # a parser of URLs drops line breaks
        raise _no_website(text)
    has_scheme = "://" in text
    parts = _split(text if has_scheme else f"https://{text}")
    host = (parts.hostname if parts else None) or ""
    if parts is None or parts.scheme not in {"http", "https"} or not _is_host(parts, host):
        raise _no_website(text)
    if (kind := kind_of(host)) in _NO_SITES:
        raise BadValueError(Flaw(flaws.OTHER_SITE, shown(text), _NO_SITES[kind]))
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
    # Nor an IP address, which names no company.
    has_user = parts.username is not None or host.rpartition(".")[2].isdecimal()
    is_named = _HOST.fullmatch(host.removeprefix("www.")) is not None
    return not has_user and len(host) <= _MAX_HOST and is_named


def city(text: str) -> str:
    """Return *text* if it may be a town.

    Raises:
        BadValueError: It has no letters, or is too long; the caller leaves it out.
    """
    if len(text) <= _MAX_CITY and any(map(str.isalpha, text)) and "@" not in text:
        return text
    raise BadValueError(Flaw(flaws.NO_CITY, shown(text)))


def phone(text: str, country_code: str | None) -> str:
    """Return the first number in *text* that could be dialled, as it is written there.

    Raises:
        BadValueError: None could, from *country_code* or, with +, from anywhere. The caller keeps
            it, with a warning.
    """
    # A word or a sign before a number would be kept with it.
    is_bare = text[:1] in "+(" or text[:1].isdecimal()
    for number in chain([text] if is_bare else [], phones_in(text), [text]):
        if _can_be_dialled(number, country_code):
            return number
    raise BadValueError(Flaw(flaws.NO_PHONE))


def _can_be_dialled(text: str, country_code: str | None) -> bool:
    try:
        number = phonenumbers.parse(text, country_code)
        return phonenumbers.is_possible_number(number)
    except phonenumbers.NumberParseException as error:
        # Without a country, a national number can be neither right nor wrong.
        is_national = country_code is None and not text.startswith("+")
        return is_national and error.error_type == error.INVALID_COUNTRY_CODE
