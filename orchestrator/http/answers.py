"""What is answered, as it stands in the body of an answer."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from orchestrator.jobs import Job, JobKind, JobState

#: Counts of a job's tally that have a field of their own.
_OWN_FIELDS = ("done", "spent_micros", "saved_micros")

JOBS_PATH = "/api/v1/jobs"


def url_of(job_id: str) -> str:
    """Return where to ask for a job, relative to the server."""
    return f"{JOBS_PATH}/{job_id}"


class JobAccepted(BaseModel):
    """Work that will be done. `existing` says that equal work was under way already."""

    job_id: str
    state: JobState
    total: int
    url: str
    existing: bool
    warnings: list[str] = Field(
        default=[], description="What was left out of the leads and why; absent without any."
    )


def accepted(job: Job, warnings: list[str], *, existing: bool) -> JobAccepted:
    """Return the answer to a request that became *job*."""
    optional = {"warnings": warnings} if warnings else {}
    return JobAccepted(
        job_id=job.job_id,
        state=job.state,
        total=job.total,
        url=url_of(job.job_id),
        existing=existing,
        **optional,
    )


class LeadAnswer(BaseModel):
    """A lead that will be judged (`aceptado`), or was while the caller waited (`terminado`).

    `result` is there with the latter, as the job's results have it; null if its job was
    cancelled before the lead was judged.
    """

    job_id: str
    lead_id: str
    estado: Literal["aceptado", "terminado"]
    url: str
    result: dict[str, Any] | None = None
    warnings: list[str] = Field(
        default=[], description="What was left out of the lead and why; absent without any."
    )


class NumberedResult(BaseModel):
    """The result of one item, by its number in the request, from 0.

    `result` always has `status`, `company`, `company_key`, `code`, `reason` (`en` and `es`),
    `source`, `as_of`, `cost_micros`, `saved_micros`, `uncertain_micros` (what a purchase may have
    cost whose answer was lost) and `simulated`; a lead's also `lead_id`, `opportunity_id`,
    `viable`, `score`, `draft` and `version` (of the rules), a company's `purchase_id`, `evidence`
    and `candidates`.
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
            job_id=job.job_id,
            kind=job.kind,
            state=job.state,
            total=job.total,
            done=job.done,
            tally={name: n for name, n in sorted(job.tally.items()) if name not in _OWN_FIELDS},
            spent_micros=job.tally.get("spent_micros", 0),
            saved_micros=job.tally.get("saved_micros", 0),
            buy_again=job.buy_again,
            accepted_at=job.accepted_at,
            finished_at=job.finished_at,
            eta_s=None if left is None else round(left.total_seconds()),
        )
