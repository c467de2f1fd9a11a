"""What an examination finds: one sentence about one thing, and what to do about it. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. A FAULT breaks a promise or keeps the system from working."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of `check`. `fix` is one sentence, None where nothing is to be done."""

    check: str
    level: Level
    what: str
    fix: str | None = None


def ok(check: str, what: str) -> Finding:
    """Say that all is well."""
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, fix: str) -> Finding:
    """Say that something works, but not as it should."""
    return Finding(check, Level.WARNING, what, fix)


def fault(check: str, what: str, fix: str) -> Finding:
    """Say that something does not work, or loses work, money or secrets."""
    return Finding(check, Level.FAULT, what, fix)
