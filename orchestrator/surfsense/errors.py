"""Why a company could not be enriched, classified by what the caller should do; errors as JSON.

EnrichmentError(company)
├── TransientEnrichmentError(company)           try again later; the only family that is retried
│   ├── ServiceUnavailable(company, cause)      nothing was bought: no connection, or a 503
│   ├── NotSent(company)                        nothing was sent: its send guard refused
│   ├── RateLimited(company, retry_after_s)     nothing was bought: wait, then ask again
│   ├── SourceRefused(company, reason)          nothing was bought: a site turned SurfSense away
│   ├── AnswerLost(company, cause, cost_micros) the POST may have been accepted and charged
│   ├── RunInterrupted(company, run_id)         ended by a restart, not charged as far as is known
│   └── RunUnknown(company, run_id)             no such run; it may have been charged long ago
└── PermanentEnrichmentError(company)           asking again gives the same
    ├── RequestRejected(company, status, detail)
    ├── MalformedAnswer(company, field)         accepted, perhaps charged, but unusable
    └── AccessDenied(company, status, reason)   configuration or credit: stop all purchases

"Not found" is an answer, not an error. Arguments are positional, plain JSON values and all
passed on, because Celery and our failure records rebuild an error by calling `cls(*args)`.

SurfSense's own reasons, the envelope of its error answers and the texts of failed runs, are read
here, too. All of it is text from outside: a reason is one line, bounded, and printable.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final

import orjson
from pydantic import BaseModel, JsonValue, ValidationError

from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.infra.printable import printable


class EnrichmentError(Exception):
    """No evidence about `company` was obtained. `code` is the stable name of the reason.

    `retry_in` is how long no process tries again, where that is known.
    """

    code: ClassVar[str] = "enrichment_failed"
    retry_in: timedelta | None = None

    def __init__(self, company: str, *details: str | int) -> None:
        super().__init__(company, *details)
        self.company = company

    def __str__(self) -> str:
        return f"{self.company}: enrichment failed"


class TransientEnrichmentError(EnrichmentError):
    """Trying again later may succeed."""

    code: ClassVar[str] = "transient_failure"

    def __str__(self) -> str:
        return f"{self.company}: enrichment failed for now; try again later"


class ServiceUnavailable(TransientEnrichmentError):
    """SurfSense was not reached or is out of order; nothing was bought."""

    code: ClassVar[str] = "service_unavailable"

    def __init__(self, company: str, cause: str) -> None:
        super().__init__(company, cause)
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.company}: SurfSense is unavailable ({self.cause}); try again later"


class NotSent(TransientEnrichmentError):
    """The send guard refused the request before any byte left."""

    code: ClassVar[str] = "not_sent"

    def __str__(self) -> str:
        return f"{self.company}: it took too long to reach SurfSense, so nothing was sent"


class RateLimited(TransientEnrichmentError):
    """SurfSense asked us to slow down; nothing was bought. `retry_after_s` is at least 0."""

    code: ClassVar[str] = "rate_limited"

    def __init__(self, company: str, retry_after_s: int) -> None:
        super().__init__(company, retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.company}: SurfSense's rate limit is reached; wait {self.retry_after_s} s"


class SourceRefused(TransientEnrichmentError):
    """A source, as Indeed, turned SurfSense's scraper away; nothing was bought.

    It says nothing about the key or the credit: other steps of the company go on, and this one may
    succeed later. `reason` is SurfSense's own sentence.
    """

    code: ClassVar[str] = "source_refused"

    def __init__(self, company: str, reason: str) -> None:
        super().__init__(company, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.company}: the source refused SurfSense ({self.reason}); try again later"


class AnswerLost(TransientEnrichmentError):
    """The request was sent and its answer never came: it may have been completed and charged.

    Sending it again may pay twice. So a run is looked for and collected; where there are no runs,
    nothing is bought for `retry_in`, the rest of the freshness window, unless a person asks for it.
    `cost_micros` is what the ledger holds as uncertain for it; 0 where it holds nothing.
    """

    code: ClassVar[str] = "answer_lost"

    def __init__(self, company: str, cause: str, cost_micros: int = 0) -> None:
        super().__init__(company, cause, cost_micros)
        self.cause = cause
        self.cost_micros = cost_micros

    def __str__(self) -> str:
        return (
            f"{self.company}: SurfSense's answer was lost ({self.cause}); it may have been charged"
        )


class RunInterrupted(TransientEnrichmentError):
    """SurfSense restarted during the run, which did not come back within the grace period.

    It was not charged as far as is known: another process of SurfSense may still be at work
    on it, and a late success is charged.
    """

    code: ClassVar[str] = "run_interrupted"

    def __init__(self, company: str, run_id: str) -> None:
        super().__init__(company, run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return f"{self.company}: a restart of SurfSense interrupted {self.run_id}; try again later"


class RunUnknown(TransientEnrichmentError):
    """SurfSense has no such run: it is older than about 30 days, or of another workspace."""

    code: ClassVar[str] = "run_unknown"

    def __init__(self, company: str, run_id: str) -> None:
        super().__init__(company, run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return (
            f"{self.company}: SurfSense does not know {self.run_id}; "
            "check SURFSENSE_WORKSPACE_ID, or buy again"
        )


class PermanentEnrichmentError(EnrichmentError):
    """Trying again with the same request cannot succeed."""

    code: ClassVar[str] = "permanent_failure"

    def __str__(self) -> str:
        return f"{self.company}: enrichment failed for good; trying again will not help"


class RequestRejected(PermanentEnrichmentError):
    """SurfSense refused the request; `detail` is one sentence for people."""

    code: ClassVar[str] = "request_rejected"

    def __init__(self, company: str, status: int, detail: str) -> None:
        super().__init__(company, status, detail)
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.company}: SurfSense rejected the request with {self.status}: {self.detail}"


class MalformedAnswer(PermanentEnrichmentError):
    """The answer as a whole is unusable; `field` names the part that could not be read.

    `cost_micros` is what it has cost, where that part can be read; else `uncertain_micros` is what
    is entered as uncertain for it, 0 where nothing is.
    """

    code: ClassVar[str] = "malformed_answer"
    cost_micros: int | None = None

    def __init__(self, company: str, field: str, uncertain_micros: int = 0) -> None:
        super().__init__(company, field, uncertain_micros)
        self.field = field
        self.uncertain_micros = uncertain_micros

    def __str__(self) -> str:
        return f"{self.company}: SurfSense's answer cannot be read: {self.field}"


class AccessDenied(PermanentEnrichmentError):
    """Key or workspace are refused (401, 403), or the credit is too low (402); stop all purchases.

    `reason` is SurfSense's own sentence, with what is left and what is required of a credit; empty
    where it gave none.
    """

    code: ClassVar[str] = "access_denied"

    def __init__(self, company: str, status: int, reason: str = "") -> None:
        super().__init__(company, status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        said = f" ({self.reason})" if self.reason else ""
        return f"{self.company}: SurfSense denied access with {self.status}{said}; {self._fix}"

    @property
    def _fix(self) -> str:
        if self.status == HTTPStatus.PAYMENT_REQUIRED:
            return "stop buying and top up its credit"
        if self.status == HTTPStatus.FORBIDDEN:
            return "stop buying and check SURFSENSE_API_KEY and SURFSENSE_WORKSPACE_ID"
        return "stop buying and check SURFSENSE_API_KEY"


def renamed(error: EnrichmentError, company: str) -> EnrichmentError:
    """Return an error like *error*, which several companies share, about *company*."""
    return type(error)(company, *error.args[1:])


def to_record(error: EnrichmentError) -> dict[str, JsonValue]:
    """Return *error* as a JSON object, so that followers in other processes get it typed."""
    return {
        "code": error.code,
        "args": list(error.args),
        "permanent": isinstance(error, PermanentEnrichmentError),
    }


def from_record(record: Mapping[str, object]) -> EnrichmentError:
    """Return the error that *record* was made of.

    A code of a later version comes back as its family, `TransientEnrichmentError` or
    `PermanentEnrichmentError`.

    Raises:
        ValueError: *record* was not made by `to_record`.
    """
    try:
        return _Record.model_validate(record).to_error()
    except (ValidationError, TypeError, IndexError) as error:
        raise ValueError("not a failure record") from error


class _Record(BaseModel):
    code: str
    args: tuple[str | int, ...]
    permanent: bool

    def to_error(self) -> EnrichmentError:
        known = _BY_CODE.get(self.code)
        if known is not None:
            return known(*self.args)  # type: ignore[arg-type]  # checked by the constructor
        family = PermanentEnrichmentError if self.permanent else TransientEnrichmentError
        return family(str(self.args[0]))


def _with_subclasses(error: type[EnrichmentError]) -> Iterator[type[EnrichmentError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from _with_subclasses(subclass)


_BY_CODE = {error.code: error for error in _with_subclasses(EnrichmentError)}


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
    payload = _json_in(body)
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


def _json_in(body: bytes) -> object:
    if len(body) > LONGEST_BODY:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
