"""Jobs over HTTP: list them, see how far one is, steer it, and read its results."""

import csv
import re
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from io import StringIO
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from orchestrator.app import Runtime
from orchestrator.dispatch import command
from orchestrator.infra.bounds import Tenant
from orchestrator.jobs import (
    Command,
    Job,
    JobCursor,
    JobFilter,
    JobGone,
    JobKind,
    JobState,
    Lane,
    Origin,
    UnreadableJob,
)
from orchestrator.leadfile.cells import guard_parts

from .bodies import CSV, JOBS_PATH, MAX_RESULTS, NDJSON
from .errors import Refusal, Refused, documented
from .openapi import media_type_of_answer
from .requests import CallerOfRequest, RuntimeOfApp
from .security import Caller

router = APIRouter(prefix=JOBS_PATH, tags=["jobs"])

#: Counts of a job's tally that have a field of their own.
_OWN_FIELDS = ("done", "spent_micros", "saved_micros")


def url_of(job_id: str) -> str:
    """Return where to ask for a job, relative to the server."""
    return f"{JOBS_PATH}/{job_id}"


_CURSOR = re.compile(r"^\d{1,15}-[0-9a-f]{32}$", re.ASCII)
_Found = tuple[JobCursor, Job | UnreadableJob]
# Anything else is no job's id, and might be the name of another key of the same database.
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_STEERING: Final[dict[str, Any]] = {
    "response_model_exclude_unset": True,
    "responses": documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE),
}


class NumberedResult(BaseModel):
    """The result of one item, by its number in the request, from 0.

    `result` always has `status`, `company`, `company_key`, `code`, `reason` (`en` and `es`),
    `source`, `as_of`, `cost_micros`, `saved_micros`, `uncertain_micros` (what a purchase may have
    cost whose answer was lost), `simulated` and `purchase_id`; a lead's also `lead_id`,
    `opportunity_id`, `viable`, `score`, `draft` and `version` (of the rules), a company's
    `evidence` and `candidates`.
    """

    number: int
    result: dict[str, Any]


class JobStatus(BaseModel):
    """How far a job is. Money in millionths of a US dollar.

    `tally` counts results: `status:<status>`, `source:<how the evidence came>` and
    `discard:<reason>`. `results` and `next_offset` are there if they were asked for;
    `next_offset` is null on the last page. `eta_s` is how many seconds the rest will take at the
    pace so far, null before the first result and after the last. `buy_again`: it may buy companies
    whose earlier purchase has lost its answer. What such a purchase may have cost is in the results
    (`uncertain_micros`), of every lead of the company, so there is no sum of it here.
    """

    job_id: str
    kind: JobKind
    state: JobState
    total: int
    done: int
    tally: dict[str, int]
    spent_micros: int
    saved_micros: int
    buy_again: bool
    accepted_at: datetime
    finished_at: datetime | None
    eta_s: int | None
    results: list[NumberedResult] = []
    next_offset: int | None = None

    @classmethod
    def of(cls, job: Job, now: datetime) -> "JobStatus":
        """Return what *job* says of itself at *now*, without results."""
        left = job.time_left(now)
        return cls(
            **_facts(job),
            tally={name: n for name, n in sorted(job.tally.items()) if name not in _OWN_FIELDS},
            buy_again=job.buy_again,
            eta_s=None if left is None else round(left.total_seconds()),
        )


def _facts(job: Job) -> dict[str, Any]:
    """Return the fields that both forms of a job have."""
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "total": job.total,
        "done": job.done,
        "spent_micros": job.tally.get("spent_micros", 0),
        "saved_micros": job.tally.get("saved_micros", 0),
        "accepted_at": job.accepted_at,
        "finished_at": job.finished_at,
    }


class ListedJob(BaseModel):
    """A job in a list. `failed` counts its dead letters; `parent` is the job that had them before.

    Money in millionths of a US dollar.
    """

    job_id: str
    url: str
    kind: JobKind
    state: JobState
    lane: Lane
    tenant: str
    origin: Origin
    total: int
    done: int
    failed: int
    spent_micros: int
    saved_micros: int
    max_cost_micros: int | None
    accepted_at: datetime
    finished_at: datetime | None
    deadline: datetime | None
    parent: str | None

    @classmethod
    def of(cls, job: Job) -> "ListedJob":
        """Return what *job* says of itself."""
        return cls(
            **_facts(job),
            url=url_of(job.job_id),
            lane=job.lane,
            tenant=job.tenant,
            origin=job.origin,
            failed=sum(n for name, n in job.tally.items() if name.startswith("failed:")),
            max_cost_micros=job.max_cost_micros,
            deadline=job.deadline,
            parent=job.parent,
        )


class UnreadableRecord(BaseModel):
    """A job that no worker continues, since its record cannot be read. Cancel it."""

    job_id: str
    problem: str


class JobPage(BaseModel):
    """Some jobs. The next page is asked for with `next_cursor`, which the last one has not."""

    jobs: list[ListedJob]
    unreadable: list[UnreadableRecord] = Field(
        default=[], description="Jobs of this page whose records cannot be read."
    )
    next_cursor: str | None = Field(examples=["1795701600000-0f1e2d3c4b5a69788796a5b4c3d2e1f0"])


async def found_job(runtime: Runtime, caller: Caller, job_id: str) -> Job:
    """Return the job; answer 404 if there is none that *caller* may see.

    Raises:
        UnreadableJob: Its record cannot be read, and the caller may see every job.
    """
    try:
        job = await runtime.jobs.records.job(job_id) if _JOB_ID.fullmatch(job_id) else None
    except UnreadableJob:
        if caller.tenant is None:
            raise
        job = None  # whose it is cannot be read either
    if job is None or not caller.sees(job.tenant):
        days = runtime.settings.job_ttl.days
        message = (
            f"There is no such job; jobs are remembered for {days} days after their acceptance."
        )
        raise Refused(Refusal("unknown_job", message))
    return job


@router.get(
    "",
    summary="List jobs",
    responses=documented(),
)
async def list_jobs(
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    *,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    lane: Annotated[Lane | None, Query(description="Only jobs of this lane.")] = None,
    tenant: Annotated[Tenant | None, Query(description="Only jobs of this tenant.")] = None,
    cursor: Annotated[
        str | None,
        Query(pattern=_CURSOR.pattern, description="`next_cursor` of the last page."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Jobs of this page.")] = 100,
) -> JobPage:
    """List jobs, newest first. Pages do not repeat or skip a job, also while new ones come."""
    after = None if cursor is None else _place(cursor)
    wanted = JobFilter(state, lane, caller.filter_of(tenant))
    found: list[_Found] = []
    async for each in runtime.jobs.job_list.walk(wanted, after=after):
        if caller.tenant is not None and isinstance(each[1], UnreadableJob):
            continue  # whose it is cannot be read either
        # Something else may have written members that no cursor can name.
        if len(found) >= limit and _CURSOR.fullmatch(_cursor(found[-1][0])):
            return _page(found, _cursor(found[-1][0]))
        found.append(each)
    return _page(found, None)


def _page(found: list[_Found], cursor: str | None) -> JobPage:
    return JobPage(
        jobs=[ListedJob.of(job) for _, job in found if isinstance(job, Job)],
        unreadable=[
            UnreadableRecord(job_id=job.job_id, problem=job.problem)
            for _, job in found
            if isinstance(job, UnreadableJob)
        ],
        next_cursor=cursor,
    )


def _cursor(place: JobCursor) -> str:
    return f"{place.at_ms}-{place.job_id}"


def _place(cursor: str) -> JobCursor:
    at_ms, _, job_id = cursor.partition("-")
    return JobCursor(int(at_ms), job_id)


@router.get(
    "/{job_id}",
    summary="See how far a job is",
    response_model_exclude_unset=True,
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def show_job(
    job_id: str,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    *,
    results: Annotated[bool, Query(description="Whether to list results, too.")] = False,
    offset: Annotated[int, Query(ge=0, description="Number of the first item.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Items of this page.")] = 100,
) -> JobStatus:
    """Return the state and the tally of a job and, if asked for, a page of its results.

    Results come in the order of the request; an item that is not done yet is left out.
    """
    job = await found_job(runtime, caller, job_id)
    status = JobStatus.of(job, runtime.clock())
    if not results:
        return status
    stop = min(offset + limit, job.total)
    page = runtime.jobs.results.rows(job, start=offset, stop=stop)
    listed = [NumberedResult(number=number, result=result) async for number, result in page]
    return status.model_copy(
        update={"results": listed, "next_offset": stop if stop < job.total else None}
    )


@router.post("/{job_id}/pause", summary="Pause a job", **_STEERING)
async def pause_job(job_id: str, runtime: RuntimeOfApp, caller: CallerOfRequest) -> JobStatus:
    """Begin no further item; what is under way ends and counts. A finished job stays finished."""
    return await _command_job(runtime, caller, job_id, Command.PAUSE)


@router.post("/{job_id}/resume", summary="Resume a paused job", **_STEERING)
async def resume_job(job_id: str, runtime: RuntimeOfApp, caller: CallerOfRequest) -> JobStatus:
    """Go on where the job was paused."""
    return await _command_job(runtime, caller, job_id, Command.RESUME)


@router.post("/{job_id}/cancel", summary="Cancel a job", **_STEERING)
async def cancel_job(job_id: str, runtime: RuntimeOfApp, caller: CallerOfRequest) -> JobStatus:
    """End a job for good. What has no result gets none, and purchases for it alone are stopped.

    It is `cancelling` until the workers have let go of it, which takes seconds. Companies that a
    schedule has asked for stay watched, and are looked at again after their period.
    """
    return await _command_job(runtime, caller, job_id, Command.CANCEL)


async def _command_job(runtime: Runtime, caller: Caller, job_id: str, wanted: Command) -> JobStatus:
    try:
        await found_job(runtime, caller, job_id)
    except UnreadableJob:
        if wanted is not Command.CANCEL:
            raise
    job = await command(runtime, job_id, wanted)
    if job is None:
        raise JobGone(job_id)
    return JobStatus.of(job, runtime.clock())


@router.get(
    "/{job_id}/results",
    summary="Read all results of a job",
    response_class=StreamingResponse,
    responses={
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        HTTPStatus.OK.value: {
            "description": "One result a line, in the order of the request.",
            "content": {NDJSON: {"example": '{"number": 0, "result": {...}}'}, CSV: {}},
        },
    },
)
async def stream_results(
    job_id: str,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    request: Request,
    *,
    offset: Annotated[int, Query(ge=0, description="Number of the first row.")] = 0,
    evidence: Annotated[bool, Query(description="Whether to add evidence (NDJSON).")] = True,
) -> StreamingResponse:
    """Stream the results of a job in the order of its rows, of any number, as they are there.

    A row that is not done yet is left out. NDJSON has a numbered result a line; CSV, with the
    header `Accept: text/csv`, has no evidence.
    """
    job = await found_job(runtime, caller, job_id)
    if media_type_of_answer(request.scope) == CSV:
        lines, media_type = _csv(runtime, job, offset), f"{CSV}; charset=utf-8"
    else:
        lines, media_type = _ndjson(runtime, job, offset, with_evidence=evidence), NDJSON
    return StreamingResponse(_together(lines), media_type=media_type)


async def _ndjson(
    runtime: Runtime, job: Job, offset: int, *, with_evidence: bool
) -> AsyncIterator[bytes]:
    async for number, result in runtime.jobs.results.rows(
        job, start=offset, with_evidence=with_evidence
    ):
        yield orjson.dumps({"number": number, "result": result}) + b"\n"


_COLUMNS: Final = (
    *("status", "company", "company_key", "code", "reason", "source", "found", "as_of"),
    *("cost_micros", "saved_micros", "uncertain_micros", "simulated", "purchase_id"),
    *("website", "country"),
    *("lead_id", "opportunity_id", "viable", "score"),
)


async def _csv(runtime: Runtime, job: Job, offset: int) -> AsyncIterator[bytes]:
    language = runtime.settings.language
    yield _line(["number", *_COLUMNS])
    async for number, result in runtime.jobs.results.rows(job, start=offset, with_evidence=False):
        reason = (result.get("reason") or {}).get(language)
        yield _line([number, *({**result, "reason": reason}.get(name) for name in _COLUMNS)])


def _line(values: list[Any]) -> bytes:
    text = StringIO()
    cells = ["" if value is None else str(value) for value in values]
    csv.writer(text, lineterminator="\r\n").writerow([guard_parts(cell) for cell in cells])
    return text.getvalue().encode()


async def _together(lines: AsyncIterator[bytes], size: int = 65_536) -> AsyncIterator[bytes]:
    """Yield *lines* some at a time: a write to the socket for each would take longest of all."""
    block = bytearray()
    async for line in lines:
        block += line
        if len(block) >= size:
            yield bytes(block)
            block.clear()
    yield bytes(block)
