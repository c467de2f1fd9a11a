"""Examines an installation and reports each fault with its fix; changes and buys nothing.

Each check asks one service; the functions that judge its answers are pure. A `Diagnosis`, the
result of a check, is one sentence about one subject, and how to fix it. None quotes a password, a
key or a payload. `examine.py` runs the checks.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

#: The fix where a check cannot run because Redis or the database is unavailable.
SEE_OTHERS: Final = "Fix what the checks of Redis and the database report."


class Level(StrEnum):
    """How bad it is. A FAULT breaks a promise or keeps the system from working."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One result of `check`. `fix` is one sentence, None where nothing is to be done."""

    check: str
    level: Level
    what: str
    fix: str | None = None


def ok(check: str, what: str) -> Diagnosis:
    """Return a diagnosis that needs no action."""
    return Diagnosis(check, Level.OK, what)


def warning(check: str, what: str, fix: str) -> Diagnosis:
    """Return a diagnosis about something that works, but not as it should."""
    return Diagnosis(check, Level.WARNING, what, fix)


def fault(check: str, what: str, fix: str) -> Diagnosis:
    """Return a diagnosis about something that does not work, or loses work, money or secrets."""
    return Diagnosis(check, Level.FAULT, what, fix)


def public_address(url: str) -> str:
    """Return *url* without user, password and query.

    A password that holds an unescaped `/`, `?` or `#` ends up elsewhere in the URL, so an
    ambiguous URL is reduced to its scheme.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://(an address that cannot be shown)"
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{'' if port is None else f':{port}'}{parts.path}"
