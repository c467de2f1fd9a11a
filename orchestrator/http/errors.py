"""The one shape of every error answer, the codes that programs go by, and what errors become.

A code is never given another meaning. `/docs` explains each at the address that `type_of` names.
Faults that pydantic finds are worded in `infra.bounds`, for all entry points alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain
from typing import Any, Final
from uuid import UUID

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from orchestrator.database import DatabaseFull, DatabaseUnavailable
from orchestrator.gateway import MoveRefused, NotStored, OpportunityExists, VersionMismatch
from orchestrator.infra.bounds import MAX_ITEMS, Fault, complaint_of, path_of
from orchestrator.infra.redis_client import StoreFull, StoreRefused, StoreUnavailable
from orchestrator.jobs import JobGone, KeyInFlight, KeyReused, UnreadableJob

PROBLEM_JSON: Final = "application/problem+json"

#: Code -> status, title.
PROBLEMS: Final = {
    "broken_off": (400, "The upload broke off"),
    "invalid_http": (400, "The request is not HTTP/1.1"),
    "invalid_json": (400, "The body is not JSON"),
    "refused": (400, "The request was refused"),
    "unreadable_body": (400, "The body is not text in UTF-8"),
    "unauthorized": (401, "The request has no valid key"),
    "missing_scope": (403, "The key has not the scope"),
    "other_tenant": (403, "The key is for another tenant"),
    "wrong_origin": (403, "The request comes from a web page of another origin"),
    "not_watched": (404, "A company is not watched"),
    "unknown_address": (404, "There is nothing at this address"),
    "unknown_job": (404, "There is no such job"),
    "unknown_lead": (404, "There is no such lead"),
    "unknown_oportunidad": (404, "There is no such opportunity"),
    "unknown_method": (405, "The address does not know the method"),
    "not_acceptable": (406, "The answer has none of the accepted media types"),
    "slow_body": (408, "The body came too slowly"),
    "both_have_history": (409, "Both companies have a history"),
    "decision_refused": (409, "The decision contradicts what is known"),
    "move_refused": (409, "The state cannot follow the present one"),
    "opportunity_exists": (409, "The lead has an opportunity"),
    "request_in_flight": (409, "The first request with this idempotency key is being answered"),
    "unreadable_job": (409, "The record of the job cannot be read"),
    "job_gone": (410, "The record of the job no longer exists"),
    "version_mismatch": (412, "The record has another version"),
    "too_large": (413, "The request is too large"),
    "unsupported_media_type": (415, "The body has another content type"),
    "wrong_host": (421, "The API answers under loopback names only"),
    "ambiguous_company": (422, "The name may mean several companies"),
    "idempotency_key_reused": (422, "The idempotency key stands for another request"),
    "invalid_request": (422, "The request has faults"),
    "no_usable_row": (422, "No row of the file has a usable lead or company"),
    "unreadable_file": (422, "The file cannot be read as a file of leads or companies"),
    "internal_error": (500, "An internal error stopped the request"),
    "busy": (503, "Other requests fill the memory"),
    "database_full": (503, "The database is full"),
    "database_unavailable": (503, "The database does not answer"),
    "disk_full": (503, "There is no room on the server's disk"),
    "redis_full": (503, "Redis is full"),
    "redis_refuses": (503, "Redis refuses to write"),
    "redis_unavailable": (503, "Redis does not answer"),
    "too_many_connections": (503, "The server has too many connections"),
}


def type_of(code: str) -> str:
    """Return the URI reference that identifies problems of *code*, and leads to its explanation."""
    return f"/docs#{code}"


log = structlog.get_logger(__name__)

#: Header with the id of a request, and the name of the id in its scope.
REQUEST_ID: Final = "X-Request-ID"
MAX_BODY_BYTES: Final = 10_000_000
#: Seconds after which a client should repeat what an unavailable backend could not do.
RETRY_AFTER_S = 5
#: The same where a person has to make room, or change a server.
FULL_RETRY_S = 60
#: Seconds after which a repeated request should ask whether the first one has been answered.
IN_FLIGHT_RETRY_S = 1
#: Faults of one request that are listed; more have one cause.
LISTED_FAULTS = 100


class FieldFault(BaseModel):
    """One thing wrong with a request.

    `field` is its path in the request ("leads[2].contact"; "" for the request as a whole), `item`
    the number of the list's item, from 0, and `message` a sentence that says what to do.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    item: int | None = None
    message: str


class ErrorDetail(BaseModel):
    """The error as answers had it before RFC 9457. Deprecated: read the members beside it."""

    code: str
    message: str
    fields: list[FieldFault] | None = None


class Problem(BaseModel):
    """The body of every answer that is an error: `application/problem+json` (RFC 9457).

    `type` leads to the explanation of `code`, which is for programs. `detail` is a sentence for
    people, and `instance` the request's id (`X-Request-ID`), unless the caller has chosen one
    that is no UUID. `fields` names each fault of a request.
    """

    type: str = Field(examples=["/docs#invalid_request"])
    title: str
    status: int
    detail: str
    instance: str | None = Field(
        default=None, examples=["urn:uuid:0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"]
    )
    code: str
    fields: list[FieldFault] | None = None
    error: ErrorDetail = Field(deprecated=True)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as it is answered; `code` is one of `PROBLEMS`, which has its status.

    `retry_s` is after how many seconds a client should repeat the request, if that may help.
    `framework_status` is that of an error which the framework has raised.
    """

    code: str
    message: str
    fields: Sequence[FieldFault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_s: int | None = None
    framework_status: HTTPStatus | None = None

    @property
    def status(self) -> HTTPStatus:
        """The status of the answer."""
        return self.framework_status or HTTPStatus(PROBLEMS[self.code][0])

    def response(self, scope: Scope) -> JSONResponse:
        """Return the answer to a request, which is an ASGI application, too."""
        fields = list(self.fields[:LISTED_FAULTS]) or None
        retry = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        problem = Problem(
            type=type_of(self.code),
            title=PROBLEMS[self.code][1],
            status=self.status,
            detail=self.message,
            instance=_instance_of(scope.get(REQUEST_ID, "")),
            code=self.code,
            fields=fields,
            error=ErrorDetail(code=self.code, message=self.message, fields=fields),
        )
        return JSONResponse(
            problem.model_dump(mode="json", exclude_none=True),
            self.status,
            headers={**self.headers, **retry},
            media_type=PROBLEM_JSON,
        )


def _instance_of(request_id: str) -> str | None:
    try:
        return UUID(request_id).urn
    except ValueError:
        return None


class Refused(Exception):
    """Raised by a route to answer with *refusal*."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def invalid_request(faults: Sequence[FieldFault]) -> Refusal:
    """Return the answer to a request with *faults*, of which there is at least one."""
    message = faults[0].message
    if len(faults) > LISTED_FAULTS:
        # Reading stops there: so many faults have one cause.
        message = (
            f"The request has more than {LISTED_FAULTS} faults, the first of which are listed; "
            "correct them all."
        )
    elif len(faults) > 1:
        message = f"The request has {len(faults)} faults, which are listed; correct them all."
    return Refusal("invalid_request", message, faults)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of error answers: *statuses*, and those of every route."""
    return {
        status.value: {"model": Problem, "description": status.phrase}
        for status in sorted({*statuses, *_OF_EVERY_ROUTE})
    }


_OF_EVERY_ROUTE: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
#: Of routes that take a body.
BODY_ERRORS: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


Location = Sequence[str | int]

#: Names that pydantic gives to the kinds of a body; they stand in no request.
_TAGS: Final = frozenset({"enrich", "pipeline", "reference", "lead"})
#: The same of the kinds of an item, which no field can be called.
NAME, COMPANY = "<name>", "<company>"
#: The kind of the one fault that stands for those of a list's items.
FAULTY_ITEMS: Final = "faulty_items"


def field_fault(location: Location, complaint: str) -> FieldFault:
    """Return the fault at *location*; *complaint* reads on from the name of the field."""
    path = path_of(location)
    item = next((step for step in location if isinstance(step, int)), None)
    return FieldFault(field=path, item=item, message=f"{path or 'The body'} {complaint}.")


def refusal_of(faults: Sequence[Fault]) -> Refusal:
    """Return the answer to a request in which pydantic found *faults*."""
    each = chain.from_iterable(map(_expand, faults))
    return invalid_request([_field_fault(fault) for fault in each])


def _expand(fault: Fault) -> Sequence[Fault]:
    """Return the faults that *fault* stands for."""
    if fault["type"] != FAULTY_ITEMS:
        return (fault,)
    within = fault["ctx"]["faults"]
    return [{**each, "loc": (*fault["loc"], *each["loc"])} for each in within]


def _field_fault(fault: Fault) -> FieldFault:
    location = fault["loc"][1:]  # without "body", "query" or "path"
    if location and location[0] in _TAGS:
        location = location[1:]
    location = tuple(step for step in location if step not in {NAME, COMPANY})
    if not location and fault["type"] in {"model_attributes_type", "model_type"}:
        complaint = "must be a JSON object; send one, with the header"
        return field_fault((), f"{complaint} 'Content-Type: application/json'")
    return field_fault(location, complaint_of(fault))


TOO_LARGE: Final = Refusal(
    "too_large",
    f"A request has at most {MAX_BODY_BYTES // 1_000_000} MB and {MAX_ITEMS:,} items; "
    "split it into several.",
)
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
    HTTPStatus.REQUEST_TIMEOUT: (
        "slow_body",
        "The body came too slowly; send it again, as fast as the connection takes it.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (TOO_LARGE.code, TOO_LARGE.message),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "busy",
        f"Other requests fill the memory; repeat this one in {RETRY_AFTER_S} seconds.",
    ),
}

#: What `answer_error` answers; every other exception ends in `app.RequestLog`.
KNOWN_ERRORS: Final = (
    Refused,
    JobGone,
    KeyInFlight,
    KeyReused,
    UnreadableJob,
    NotStored,
    VersionMismatch,
    MoveRefused,
    OpportunityExists,
    RequestValidationError,
    HTTPException,
    StoreUnavailable,
    RedisError,
    DatabaseUnavailable,
)


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer one of the `KNOWN_ERRORS`."""
    refusal = _refusal_for(error)
    if refusal.status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("api.part_away", part=refusal.code, error=type(error).__name__)
    return refusal.response(request.scope)


def _refusal_for(error: Exception) -> Refusal:  # noqa: C901, PLR0911, PLR0912 - one each
    match error:
        case Refused():
            return error.refusal
        case RequestValidationError():
            return refusal_of(error.errors())
        case HTTPException():
            return _plain(error)
        case KeyReused():
            return Refusal("idempotency_key_reused", f"{error}.")
        case KeyInFlight():
            return Refusal("request_in_flight", f"{error}.", retry_s=IN_FLIGHT_RETRY_S)
        case UnreadableJob():
            return Refusal("unreadable_job", f"{error}.")
        case JobGone():
            return Refusal("job_gone", f"{error}.")
        case NotStored():
            return Refusal(f"unknown_{error.kind}", f"{error}.")
        case VersionMismatch():
            message = f"{error}; read it again, and decide whether the change still holds."
            return Refusal("version_mismatch", message, headers={"ETag": f'"{error.version}"'})
        case MoveRefused():
            return Refusal("move_refused", f"{error}.")
        case OpportunityExists():
            return Refusal("opportunity_exists", f"{error}; change that one.")
        case StoreFull():
            return Refusal("redis_full", f"{error}.", retry_s=FULL_RETRY_S)
        case StoreRefused():
            return Refusal("redis_refuses", f"{error}.", retry_s=FULL_RETRY_S)
        case StoreUnavailable() | RedisError():
            return _away("Redis", "redis_unavailable")
        case DatabaseFull():
            return Refusal("database_full", f"{error}.", retry_s=FULL_RETRY_S)
        case DatabaseUnavailable():
            return _away("The database", "database_unavailable")
        case _:
            raise error


def _plain(error: HTTPException) -> Refusal:
    status = HTTPStatus(error.status_code)
    code, message = _PLAIN.get(status, ("refused", f"The request was refused: {status.phrase}."))
    return Refusal(code, message, headers=error.headers or {}, framework_status=status)


def _away(what: str, code: str) -> Refusal:
    message = (
        f"{what} does not answer; repeat the request in {RETRY_AFTER_S} seconds, "
        "nothing is accepted or bought twice."
    )
    return Refusal(code, message, retry_s=RETRY_AFTER_S)
