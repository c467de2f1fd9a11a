"""The documented keys, their kinds and TTLs; nowhere else are they built. Pure.

Names and TTLs are a contract with the platform's other services (design.md, section 8).
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

from orchestrator.identity import SURFSENSE_PREFIX


class Kind(StrEnum):
    """What a key holds, read from its prefix; each kind has hit and miss counters of its own."""

    LEAD = "lead"
    OPORTUNIDAD = "oportunidad"
    SURFSENSE = "surfsense"
    DASHBOARD = "dashboard"
    SESSION = "session"
    OTHER = "other"


_PREFIXES: Final = {
    Kind.LEAD: "lead:",
    Kind.OPORTUNIDAD: "oportunidad:",
    Kind.SURFSENSE: SURFSENSE_PREFIX,
    Kind.DASHBOARD: "dashboard:metrics:",
    Kind.SESSION: "user:session:",
}

#: Seconds that a value of each kind lives; other keys live for `REDIS_TTL`.
TTL_S: Final = {
    Kind.LEAD: 3600,
    Kind.OPORTUNIDAD: 3600,
    Kind.SURFSENSE: 7200,
    Kind.DASHBOARD: 300,
    Kind.SESSION: 1800,
}


def kind_of(key: str) -> Kind:
    """Return what *key* holds."""
    return next((kind for kind, prefix in _PREFIXES.items() if key.startswith(prefix)), Kind.OTHER)


def lead_key(lead_id: UUID | str) -> str:
    """Return a lead's key; capitals in the id make no difference."""
    return _PREFIXES[Kind.LEAD] + str(lead_id).lower()


def oportunidad_key(oportunidad_id: UUID | str) -> str:
    """Return an opportunity's key; capitals in the id make no difference."""
    return _PREFIXES[Kind.OPORTUNIDAD] + str(oportunidad_id).lower()


def dashboard_key(view: str) -> str:
    """Return the key of one dashboard view's metrics."""
    return _PREFIXES[Kind.DASHBOARD] + view


def session_key(token: str) -> str:
    """Return a session's key. It contains the token: never log it."""
    return _PREFIXES[Kind.SESSION] + token


def names_results(pattern: str) -> bool:
    """Say whether the glob *pattern* means SurfSense results, and nothing else.

    A result has been paid for, so a pattern that only happens to match (`*`) does not.
    """
    return pattern.startswith((SURFSENSE_PREFIX, "surfsense*"))
