"""Turns whatever a request can raise into the one shape of an error."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.redis_client import StoreFull, StoreRefused, StoreUnavailable
from orchestrator.jobs import JobGone, KeyInFlight, KeyReused, UnreadableJob

from .errors import IN_FLIGHT_RETRY_S, RETRY_AFTER_S, Refusal, Refused
from .faults import refusal_of
from .limits import TOO_LARGE

log = structlog.get_logger(__name__)

#: What the framework itself refuses, by status.
_PLAIN: Final = {
    HTTPStatus.BAD_REQUEST: (
        "unreadable_body",
        "The body cannot be read as JSON in UTF-8; correct it.",
    ),
    HTTPStatus.NOT_FOUND: (
        "unknown_address",
        "There is nothing at this address; /openapi.json lists what there is.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "unknown_method",
        "This address does not know this method; the header Allow lists those it knows.",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        "slow_body",
        "The body came too slowly; send it again, as fast as the connection takes it.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", TOO_LARGE),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "busy",
        f"Other requests fill the memory; repeat this one in {RETRY_AFTER_S} seconds.",
    ),
}

#: What `answer_error` answers; every other exception ends in `request_log`.
KNOWN_ERRORS: Final = (
    Refused,
    JobGone,
    KeyInFlight,
    KeyReused,
    UnreadableJob,
    RequestValidationError,
    HTTPException,
    StoreUnavailable,
    RedisError,
    DatabaseUnavailable,
)


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer one of the `KNOWN_ERRORS`."""
    refusal = _refusal_for(error)
    if refusal.status is HTTPStatus.METHOD_NOT_ALLOWED:
        refusal = replace(refusal, headers={"Allow": ", ".join(_methods_at(request))})
    if refusal.status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("api.part_away", part=refusal.code, error=type(error).__name__)
    return refusal.response()


def _refusal_for(error: Exception) -> Refusal:  # noqa: C901, PLR0911 - one for each error
    match error:
        case Refused():
            return error.refusal
        case RequestValidationError():
            return refusal_of(error.errors())
        case HTTPException():
            return _plain(error)
        case KeyReused():
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", f"{error}.")
        case KeyInFlight():
            headers = {"Retry-After": str(IN_FLIGHT_RETRY_S)}
            return Refusal(HTTPStatus.CONFLICT, "request_in_flight", f"{error}.", headers=headers)
        case UnreadableJob():
            return Refusal(HTTPStatus.CONFLICT, "unreadable_job", f"{error}.")
        case JobGone():
            return Refusal(HTTPStatus.GONE, "job_gone", f"{error}.")
        case StoreRefused():
            code = "redis_full" if isinstance(error, StoreFull) else "redis_refuses"
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, code, f"{error}.")
        case StoreUnavailable() | RedisError():
            return _away("Redis", "redis_unavailable")
        case DatabaseUnavailable():
            return _away("The database", "database_unavailable")
        case _:
            raise error


def _methods_at(request: Request) -> list[str]:
    """Return the methods that the address knows; the framework names those of one route alone."""
    return [
        method
        for method in ("GET", "HEAD", "POST")
        for scope in [{**request.scope, "method": method}]
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


def _plain(error: HTTPException) -> Refusal:
    status = HTTPStatus(error.status_code)
    code, message = _PLAIN.get(status, ("refused", f"The request was refused: {status.phrase}."))
    return Refusal(status, code, message, headers=error.headers or {})


def _away(what: str, code: str) -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code,
        f"{what} does not answer; repeat the request in {RETRY_AFTER_S} seconds, "
        "nothing is accepted or bought twice.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
