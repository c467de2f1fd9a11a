"""Dead letters over HTTP: what has failed and why, and trying it again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Self

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from orchestrator.bootstrap import Runtime
from orchestrator.jobs import FailureFilter, Lane
from orchestrator.pipeline import letters_of
from orchestrator.requeue import Sweep, foresee, requeue, requeued_as

from .answers import JOBS_PATH, url_of
from .dependencies import RuntimeOfApp
from .errors import documented
from .finding import found_job
from .limits import MAX_COST_USD, MICROS_PER_USD
from .uploads import NDJSON

router = APIRouter(prefix=JOBS_PATH, tags=["dead letters"])

_Codes = Annotated[list[str], Field(max_length=50)]
_ERRORS: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_LETTER: Final = (
    '{"job_id": "0f1e...", "number": 7, "item": "Acme", "company": "Acme", "company_key": "acme", '
    '"code": "rate_limited", "reason": {"en": "...", "es": "..."}, '
    '"failed_at": "2026-11-26T14:00:00+00:00", "attempts": 3, "retry": "now", "requeued": false}'
)
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK.value: {
        "description": "One dead letter a line.",
        "content": {NDJSON: {"example": _LETTER}},
    }
}


@dataclass(frozen=True, slots=True)
class LettersQuery:
    """Which dead letters are listed, of whatever job."""

    code: Annotated[list[str] | None, Query(description="Only with one of these codes.")] = None
    since: Annotated[AwareDatetime | None, Query(description="Only what failed since.")] = None


class RequeueRequest(BaseModel):
    """Which dead letters of a job are tried again.

    Without `codes` only those that may go well as things are (`retry` is `now`). Others must be
    named: something has to be mended first, or they may have been charged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: _Codes = []
    since: AwareDatetime | None = None
    dry_run: bool = Field(default=False, description="Only say how many, why and at what cost.")
    max_cost_micros: (
        Annotated[int, Field(strict=True, ge=0, le=MAX_COST_USD * MICROS_PER_USD)] | None
    ) = Field(
        default=None,
        description="What each new job may spend; if it is not said, what its old one has left.",
    )


class RequeueSelection(RequeueRequest):
    """Which dead letters are tried again, of whatever job. At least one filter must be given."""

    tenant: str | None = None
    lane: Lane | None = None

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        if not (self.codes or self.since or self.tenant or self.lane):
            raise ValueError("needs one of 'codes', 'since', 'tenant' and 'lane'")
        return self


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
    responses=documented(*_ERRORS) | _STREAM,
)
async def stream_failed(
    wanted: Annotated[LettersQuery, Depends()],
    runtime: RuntimeOfApp,
    *,
    tenant: Annotated[str | None, Query(description="Only of this tenant's jobs.")] = None,
    lane: Annotated[Lane | None, Query(description="Only of jobs of this lane.")] = None,
) -> StreamingResponse:
    """Stream the dead letters of all jobs, of any number, the latest failed job first."""
    codes = frozenset(wanted.code or ())
    return _stream(runtime, FailureFilter(None, codes, tenant, lane, wanted.since))


@router.get(
    "/{job_id}/failed",
    summary="List what of a job has failed",
    response_class=StreamingResponse,
    responses=documented(HTTPStatus.NOT_FOUND, *_ERRORS) | _STREAM,
)
async def stream_failed_of(
    job_id: str, wanted: Annotated[LettersQuery, Depends()], runtime: RuntimeOfApp
) -> StreamingResponse:
    """Stream the dead letters of a job, of any number, in the order of its items."""
    job = await found_job(runtime, job_id)
    codes = frozenset(wanted.code or ())
    return _stream(runtime, FailureFilter(job.job_id, codes, since=wanted.since))


@router.post("/requeue", summary="Try again what has failed", responses=documented(*_ERRORS))
async def requeue_letters(wanted: RequeueSelection, runtime: RuntimeOfApp) -> RequeueAnswer:
    """Try dead letters again, of whatever job: a new job for each old one, and each letter once."""
    codes = frozenset(wanted.codes)
    chosen = FailureFilter(None, codes, wanted.tenant, wanted.lane, wanted.since)
    return await _requeued(runtime, chosen, wanted)


@router.post(
    "/{job_id}/requeue",
    summary="Try again what of a job has failed",
    responses=documented(HTTPStatus.NOT_FOUND, *_ERRORS),
)
async def requeue_letters_of(
    job_id: str, runtime: RuntimeOfApp, wanted: RequeueRequest | None = None
) -> RequeueAnswer:
    """Try the dead letters of a job again, in a new job. Repeating the request is safe.

    A dead letter is tried again once; what was bought meanwhile is not bought again.
    """
    job = await found_job(runtime, job_id)
    wanted = wanted or RequeueRequest()
    chosen = FailureFilter(job.job_id, frozenset(wanted.codes), since=wanted.since)
    return await _requeued(runtime, chosen, wanted)


async def _requeued(
    runtime: Runtime, chosen: FailureFilter, wanted: RequeueRequest
) -> RequeueAnswer:
    act = foresee if wanted.dry_run else requeue
    sweep = await Sweep.of(act(runtime, chosen, max_cost_micros=wanted.max_cost_micros))
    told = sweep.as_json(dry_run=wanted.dry_run)
    told["jobs"] = [{**each, "url": _url(each["job_id"])} for each in told["jobs"]]
    told["requeued_as"] = [] if chosen.job_id is None else await requeued_as(runtime, chosen.job_id)
    return RequeueAnswer.model_validate(told)


def _url(job_id: str | None) -> str | None:
    return None if job_id is None else url_of(job_id)


def _stream(runtime: Runtime, wanted: FailureFilter) -> StreamingResponse:
    async def blocks() -> AsyncIterator[bytes]:
        async for _, letters in letters_of(runtime.failures, wanted):
            yield b"".join(orjson.dumps(letter.as_json()) + b"\n" for letter in letters)

    return StreamingResponse(blocks(), media_type=NDJSON)
