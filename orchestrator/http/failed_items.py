"""Dead letters over HTTP: what has failed and why, and trying it again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, StringConstraints

from orchestrator.app import Runtime
from orchestrator.dispatch import Terms, requeue_all, requeued_as
from orchestrator.handlers import list_failed_items
from orchestrator.infra.bounds import Flag, Instant, Tenant
from orchestrator.jobs import FailureFilter, Lane

from .bodies import JOBS_PATH, NDJSON
from .errors import BODY_ERRORS, FieldFault, Refused, documented, invalid_request
from .jobs import found_job, url_of
from .requests import (
    BodyRoute,
    Call,
    CallerOfRequest,
    CallOfRequest,
    LimitsInAddress,
    RuntimeOfApp,
    WorkLimits,
    check_time_is_left,
    terms_of,
)

router = APIRouter(prefix=JOBS_PATH, tags=["dead letters"], route_class=BodyRoute)

_Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
_Codes = Annotated[list[_Code], Field(max_length=50)]
_FAILED_ITEM: Final = (
    '{"job_id": "0f1e...", "number": 7, "item": "Acme", "company": "Acme", "company_key": "acme", '
    '"code": "rate_limited", "reason": {"en": "...", "es": "..."}, '
    '"failed_at": "2026-11-26T14:00:00+00:00", "attempts": 3, "retry": "now", "requeued": false}'
)
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK.value: {
        "description": "One dead letter a line.",
        "content": {NDJSON: {"example": _FAILED_ITEM}},
    }
}


@dataclass(frozen=True, slots=True)
class FailedItemsQuery:
    """Which dead letters are listed, of any job."""

    code: Annotated[_Codes | None, Query(description="Only with one of these codes.")] = None
    since: Annotated[Instant | None, Query(description="Only what failed since.")] = None


class RequeueRequest(WorkLimits):
    """Which dead letters of a job are tried again.

    Without `codes` only those that may go well as things are (`retry` is `now`). Others must be
    named: something has to be fixed first, or they may have been charged. With `tenant` only
    those of its jobs. Limits are those of each new job; without a cap it may spend what its old
    one has left.
    """

    codes: _Codes = Field(default=[])
    since: Instant | None = None
    dry_run: Flag = Field(default=False, description="Only say how many, why and at what cost.")


class RequeueSelection(RequeueRequest):
    """Which dead letters are tried again, of any job. At least one filter must be given."""

    lane: Lane | None = None


class RequeuedJob(BaseModel):
    """What is tried again of one job, `parent`; `job_id` is the new one, null in a dry run."""

    parent: str
    job_id: str | None
    url: str | None
    items: int
    codes: dict[str, int]
    max_cost_micros: int | None


class RequeueAnswer(BaseModel):
    """What is tried again, and what not.

    `left` counts what must be named, or what a schedule looks after; `requeued_before` what other
    jobs have got already: `requeued_as`, where one job was asked about. In a dry run
    `cost_micros_at_most` says what it would cost.
    """

    dry_run: bool
    items: int
    codes: dict[str, int]
    left: dict[str, int]
    requeued_before: dict[str, int]
    requeued_as: list[str]
    cost_micros_at_most: int | None
    jobs: list[RequeuedJob]


@router.get(
    "/failed",
    summary="List what has failed",
    response_class=StreamingResponse,
    responses=documented() | _STREAM,
)
async def stream_failed(
    wanted: Annotated[FailedItemsQuery, Depends()],
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    *,
    tenant: Annotated[Tenant | None, Query(description="Only of this tenant's jobs.")] = None,
    lane: Annotated[Lane | None, Query(description="Only of jobs of this lane.")] = None,
) -> StreamingResponse:
    """Stream the dead letters of all jobs, of any number, the latest failed job first."""
    codes = frozenset(wanted.code or ())
    whose = caller.filter_of(tenant)
    return _stream(runtime, FailureFilter(None, codes, whose, lane, wanted.since))


@router.get(
    "/{job_id}/failed",
    summary="List what of a job has failed",
    response_class=StreamingResponse,
    responses=documented(HTTPStatus.NOT_FOUND) | _STREAM,
)
async def stream_failed_of(
    job_id: str,
    wanted: Annotated[FailedItemsQuery, Depends()],
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
) -> StreamingResponse:
    """Stream the dead letters of a job, of any number, in the order of its items."""
    job = await found_job(runtime, caller, job_id)
    codes = frozenset(wanted.code or ())
    return _stream(runtime, FailureFilter(job.job_id, codes, since=wanted.since))


@router.post("/requeue", summary="Try again what has failed", responses=documented(*BODY_ERRORS))
async def requeue_letters(
    address: LimitsInAddress,
    call: CallOfRequest,
    *,
    wanted: RequeueSelection | None = None,
) -> RequeueAnswer:
    """Try dead letters again, of any job: a new job for each old one, and each letter once.

    `Idempotency-Key` and limits work as for `POST /api/v1/jobs`.
    """
    wanted = wanted or RequeueSelection()
    terms = terms_of(wanted, address)
    if not (wanted.codes or wanted.since or wanted.lane or terms.tenant):
        message = "The body needs one of 'codes', 'since', 'tenant' and 'lane'."
        raise Refused(invalid_request([FieldFault(field="", message=message)]))
    whose = call.caller.filter_of(terms.tenant)
    chosen = FailureFilter(None, frozenset(wanted.codes), whose, wanted.lane, wanted.since)
    return await _requeue(call, whose, chosen, wanted, terms)


@router.post(
    "/{job_id}/requeue",
    summary="Try again what of a job has failed",
    responses=documented(HTTPStatus.NOT_FOUND, *BODY_ERRORS),
)
async def requeue_letters_of(
    job_id: str,
    address: LimitsInAddress,
    call: CallOfRequest,
    *,
    wanted: RequeueRequest | None = None,
) -> RequeueAnswer:
    """Try the dead letters of a job again, in a new job. Repeating the request is safe.

    A dead letter is tried again once; what was bought meanwhile is not bought again.
    `Idempotency-Key` and limits work as for `POST /api/v1/jobs`.
    """
    job = await found_job(call.runtime, call.caller, job_id)
    wanted = wanted or RequeueRequest()
    terms = terms_of(wanted, address)
    whose = call.caller.filter_of(terms.tenant)
    chosen = FailureFilter(job.job_id, frozenset(wanted.codes), tenant=whose, since=wanted.since)
    return await _requeue(call, job.tenant, chosen, wanted, terms)


async def _requeue(
    call: Call, tenant: str | None, chosen: FailureFilter, wanted: RequeueRequest, terms: Terms
) -> RequeueAnswer:
    runtime = call.runtime

    async def requeue() -> RequeueAnswer:
        check_time_is_left(terms)
        report = await requeue_all(runtime, chosen, terms, dry_run=wanted.dry_run)
        content = report.as_json(dry_run=wanted.dry_run)
        for each in content["jobs"]:
            each["url"] = url_of(each["job_id"]) if each["job_id"] else None
        content["requeued_as"] = (
            [] if chosen.job_id is None else await requeued_as(runtime, chosen.job_id)
        )
        return RequeueAnswer.model_validate(content)

    return await call.once(RequeueAnswer, requeue, tenant)


def _stream(runtime: Runtime, wanted: FailureFilter) -> StreamingResponse:
    async def blocks() -> AsyncIterator[bytes]:
        async for _, failed_items in list_failed_items(runtime.jobs.failures, wanted):
            yield b"".join(orjson.dumps(item.as_json()) + b"\n" for item in failed_items)

    return StreamingResponse(blocks(), media_type=NDJSON)
