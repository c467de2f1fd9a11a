"""What an HTTP answer of `POST /enrich` means: an answer about a company, or an error. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
)
from orchestrator.surfsense.retry_after import retry_after_s
from orchestrator.surfsense.wire import Envelope, Estado

_DENIED = frozenset({401, 402, 403})
#: The work was never begun: the service cannot take requests at the moment (503; RFC 9110, 15.6.4),
#: or a proxy could not reach it (521-523, 525, 526 and 530 of Cloudflare). Any other 5xx may come
#: from a failure, or from a proxy that gave up, after the work was begun and charged.
_NEVER_BEGUN = frozenset({503, 521, 522, 523, 525, 526, 530})
#: Characters of SurfSense's own explanation that an error carries.
LONGEST_DETAIL = 300

_WRONG_URL = "there is no /enrich at SURFSENSE_URL; is it the origin of the service?"
_REDIRECT = "it redirects; set SURFSENSE_URL to the final address"


@dataclass(frozen=True, slots=True)
class Found:
    """SurfSense knows the company. `payload` is its whole answer, unknown fields included."""

    payload: dict[str, Any]
    cost_micros: int
    cost_estimated: bool


@dataclass(frozen=True, slots=True)
class NotFound:
    """SurfSense looked and knows no such company."""

    cost_micros: int
    cost_estimated: bool


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The name may mean any of `candidates`, which may be empty."""

    candidates: tuple[str, ...]
    payload: dict[str, Any]
    cost_micros: int
    cost_estimated: bool


Answer = Found | NotFound | Ambiguous
"""What was bought. `cost_estimated` says that the answer did not tell its price."""


def verdict_on(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    company: str,
    price_micros: int,
    now: datetime,
) -> Answer:
    """Say what an answer means.

    Args:
        status: The HTTP status.
        headers: By lower-case or case-insensitive name.
        body: As received, of any content type.
        company: The name as it was asked for.
        price_micros: Cost of a 200 that does not tell its own; an untold 404 is free.
        now: Aware UTC instant at which the answer arrived.

    Raises:
        EnrichmentError: Of the class that says what to do.
    """
    match status:
        case 200:
            return answer_in(_object_in(body, company), price_micros)
        case 404:
            return _not_found(body, company)
        case _:
            raise failure_on(status, headers, body, company=company, now=now)


def failure_on(
    status: int, headers: Mapping[str, str], body: bytes, *, company: str, now: datetime
) -> EnrichmentError:
    """Return the error that a *status* other than the expected one means; see `verdict_on`."""
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return RateLimited(company, retry_after_s(headers.get("retry-after"), now))
    if status in _DENIED:
        return AccessDenied(company, status)
    return _failure_of_class(status, body, company)


def _failure_of_class(status: int, body: bytes, company: str) -> EnrichmentError:
    match status // 100:
        case 5 if status in _NEVER_BEGUN:
            return ServiceUnavailable(company, f"it answered {status}")
        case 5:
            return AnswerLost(company, f"it answered {status}")
        case 4:
            return RequestRejected(company, status, _detail_in(body))
        case 3:
            return RequestRejected(company, status, _REDIRECT)
        case _:
            return MalformedAnswer(company, f"status {status} instead of 200")


def answer_in(payload: dict[str, Any], price_micros: int) -> Answer:
    """Return what *payload*, a company's JSON object, says; *price_micros* where it tells none."""
    envelope = Envelope.model_validate(payload)
    cost, estimated = _cost(envelope, price_micros)
    if not payload or envelope.estado is Estado.NOT_FOUND:
        return NotFound(cost, estimated)
    if envelope.estado is Estado.AMBIGUOUS:
        names = tuple(candidate.name for candidate in envelope.candidates)
        return Ambiguous(names, payload, cost, estimated)
    return Found(payload, cost, estimated)


def _not_found(body: bytes, company: str) -> NotFound:
    payload = _parsed(body)
    if not isinstance(payload, dict) or payload == {"detail": "Not Found"}:
        raise RequestRejected(company, 404, _WRONG_URL)
    return NotFound(*_cost(Envelope.model_validate(payload), 0))


def _cost(envelope: Envelope, otherwise_micros: int) -> tuple[int, bool]:
    if envelope.cost_micros is None:
        return otherwise_micros, True
    return envelope.cost_micros, False


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _object_in(body: bytes, company: str) -> dict[str, Any]:
    payload = _parsed(body)
    if not isinstance(payload, dict):
        raise MalformedAnswer(company, "the body is not a JSON object")
    return payload


def _detail_in(body: bytes) -> str:
    payload = _parsed(body)
    detail = payload.get("detail") if isinstance(payload, dict) else None
    return detail[:LONGEST_DETAIL] if isinstance(detail, str) else "it gave no reason"
