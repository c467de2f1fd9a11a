"""Which jobs there are, over HTTP: newest first, page by page."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from orchestrator.infra.bounds import Tenant
from orchestrator.jobs import (
    Job,
    JobCursor,
    JobFilter,
    JobKind,
    JobState,
    Lane,
    Origin,
    UnreadableJob,
)

from .answers import JOBS_PATH, url_of
from .dependencies import CallerOfRequest, RuntimeOfApp
from .errors import documented
from .limits import MAX_RESULTS

_CURSOR = re.compile(r"^\d{1,15}-[0-9a-f]{32}$", re.ASCII)
_Found = tuple[JobCursor, Job | UnreadableJob]

router = APIRouter(prefix=JOBS_PATH, tags=["jobs"])


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
            job_id=job.job_id,
            url=url_of(job.job_id),
            kind=job.kind,
            state=job.state,
            lane=job.lane,
            tenant=job.tenant,
            origin=job.origin,
            total=job.total,
            done=job.done,
            failed=sum(n for name, n in job.tally.items() if name.startswith("failed:")),
            spent_micros=job.tally.get("spent_micros", 0),
            saved_micros=job.tally.get("saved_micros", 0),
            max_cost_micros=job.max_cost_micros,
            accepted_at=job.accepted_at,
            finished_at=job.finished_at,
            deadline=job.deadline,
            parent=job.parent,
        )


class UnreadableRecord(BaseModel):
    """A job that nobody works on, since what is stored of it cannot be read. Cancel it."""

    job_id: str
    problem: str


class JobPage(BaseModel):
    """Some jobs. The next page is asked for with `next_cursor`, which the last one has not."""

    jobs: list[ListedJob]
    unreadable: list[UnreadableRecord] = Field(
        default=[], description="Jobs of this page whose records cannot be read."
    )
    next_cursor: str | None = Field(examples=["1795701600000-0f1e2d3c4b5a69788796a5b4c3d2e1f0"])


@router.get(
    "",
    summary="List jobs",
    responses=documented(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
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
