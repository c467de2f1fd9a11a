"""Checks of single cells: what a good value becomes, or why it is none.

Nothing here asks the network: whether a mailbox or a site exists is not this module's question.
"""

import re
from urllib.parse import SplitResult, urlsplit

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from .countries import country_code
from .text import shown

_LABEL = r"(?!-)[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAX_HOST = 253
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")


class BadValueError(ValueError):
    """A cell that is not what its column says: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


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
        BadValueError: No country is called so.
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
        BadValueError: It cannot be a phone number. It is kept all the same: who typed it may know.
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
