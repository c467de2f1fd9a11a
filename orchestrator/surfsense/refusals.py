"""SurfSense's own reasons: the envelope of its error answers, the texts of failed runs. Pure.

All of it is text from outside: a reason is one line, bounded, and no terminal acts on it.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.infra.printable import printable

#: Characters of a reason that an error carries.
LONGEST_REASON: Final = 300
#: Bytes of an error answer that are read at most; SurfSense's have a few hundred.
LONGEST_BODY: Final = 100_000
#: Fields of a rejected request that a reason names.
MOST_FIELDS: Final = 3

#: Codes by which a *source* turned the scraper away: `INDEED_ACCESS_BLOCKED`, `REDDIT_...`.
_SOURCE_CODE: Final = re.compile(r"[A-Z]{1,40}_(?:ACCESS_BLOCKED|SIGNIN_REQUIRED)")
#: The same as the text of a failed run, which has no code.
_SOURCE_TEXT: Final = re.compile(
    r"\b(?:refused anonymous access|sign[- ]?in required)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says.

    Attributes:
        code: `error.code`, empty in a bare answer, which an unknown path gets.
        reason: One sentence; empty where there is none.
        has_envelope: Whether it has SurfSense's `error` object.
    """

    code: str = ""
    reason: str = ""
    has_envelope: bool = False

    @property
    def is_by_source(self) -> bool:
        """Whether a source refused, not SurfSense."""
        return _SOURCE_CODE.fullmatch(self.code) is not None


def refusal_in(body: bytes) -> Refusal:
    """Return what the *body* of an error answer says; a page of a proxy says nothing.

    >>> refusal_in(b'{"error": {"code": "NOT_FOUND"}, "detail": "Run not found."}')
    Refusal(code='NOT_FOUND', reason='Run not found.', has_envelope=True)
    """
    payload = _parsed(body)
    if not isinstance(payload, dict):
        return Refusal()
    error, detail = payload.get("error"), payload.get("detail")
    if not isinstance(error, dict):
        return Refusal(reason=_reason_of({}, detail))
    return Refusal(one_line(error.get("code")), _reason_of(error, detail), has_envelope=True)


def one_line(text: object, longest: int = LONGEST_REASON) -> str:
    r"""Return *text* as one printable line of at most *longest* characters; "" if it is no text.

    >>> one_line("no\x1b[31m such\n  run")
    'no\\x1b[31m such run'
    """
    if not isinstance(text, str):
        return ""
    return " ".join(printable(text[: 4 * longest]).split())[:longest].rstrip()


def is_refused_by_source(text: str) -> bool:
    """Return whether the error of a failed run says that a source refused the scraper.

    >>> is_refused_by_source("Indeed refused anonymous access (HTTP 403).")
    True
    """
    return _SOURCE_TEXT.search(text) is not None


def _reason_of(error: dict[str, Any], detail: object) -> str:
    if isinstance(detail, dict):
        reason = one_line(detail.get("message")) or one_line(error.get("message"))
        return one_line(
            f"{reason.rstrip('.')}: {money}" if (money := _money_in(detail)) else reason
        )
    reason = one_line(detail) or one_line(error.get("message"))
    fields = _fields_in(error.get("fields")) or _fields_in(detail)
    return one_line(f"{reason.rstrip('.')}: {fields}" if reason and fields else reason or fields)


def _money_in(detail: dict[str, Any]) -> str:
    balance, required = detail.get("balance_micros"), detail.get("required_micros")
    if not isinstance(balance, int) or not isinstance(required, int):
        return ""
    return f"${balance / MICROS_PER_USD:,.4f} left, ${required / MICROS_PER_USD:,.4f} required"


def _fields_in(listed: object) -> str:
    """Return which fields of a request are wrong: SurfSense's list, or that of FastAPI."""
    if not isinstance(listed, list):
        return ""
    faults = []
    for each in listed[:MOST_FIELDS]:
        message = one_line(each.get("msg")) if isinstance(each, dict) else ""
        if message:
            where = each.get("loc")
            path = ".".join(map(str, where[:8])) if isinstance(where, list) else ""
            faults.append(f"{one_line(path, 80)}: {message}" if path else message)
    return "; ".join(faults)


def _parsed(body: bytes) -> object:
    if len(body) > LONGEST_BODY:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
