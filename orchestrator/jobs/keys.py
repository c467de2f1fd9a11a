"""The keys of jobs in Redis DB 3.

All of them expire: a job is remembered for `EMASAI_JOB_TTL_S` after it was accepted, and what
was stored for a job that was never sealed for an hour. The scripts build the same keys by the
same rules (`lua/job.lua`).
"""

import hashlib
from dataclasses import dataclass

#: What all keys of jobs begin with.
ROOT = "jobs1:"
#: Sorted set of jobs that are not finished, by the instant of acceptance (ms).
ACTIVE = f"{ROOT}active"
#: Sorted set of all jobs that are remembered, by the instant of acceptance (ms).
ALL = f"{ROOT}all"
#: Sorted set of jobs with dead letters, by the instant of the last one (ms).
FAILURES = f"{ROOT}failures"
#: Sorted set of jobs whose records cannot be read, by the instant when that was found (ms).
UNREADABLE = f"{ROOT}unreadable"


def pointer(digest: str) -> str:
    """Return the key that leads from a batch's digest to the unfinished job of that batch."""
    return f"{ROOT}same:{digest}"


def idempotency_name(tenant: str, key: str) -> str:
    """Return the name under which *key*, any text, is remembered for *tenant*."""
    return hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()


def idempotency_key(name: str) -> str:
    """Return the key that says what the requests under an idempotency key became."""
    return f"{ROOT}key:{name}"


@dataclass(frozen=True, slots=True)
class LaneKeys:
    """All keys of one lane."""

    lane: str

    @property
    def held(self) -> str:
        """Sorted set of `<job>:<chunk>` that workers hold, by when to look at them (ms)."""
        return f"{ROOT}lane:{self.lane}:held"

    @property
    def tenants(self) -> str:
        """Sorted set of queued tenants, by the instant of their last turn (microseconds)."""
        return f"{ROOT}lane:{self.lane}:tenants"

    @property
    def backlog(self) -> str:
        """Hash: job -> its chunks that no worker holds; `chunks` -> those of all jobs."""
        return f"{ROOT}lane:{self.lane}:backlog"

    @property
    def waiting(self) -> str:
        """Sorted set of jobs with such chunks, by acceptance (ms)."""
        return f"{ROOT}lane:{self.lane}:waiting"

    def jobs(self, tenant: str) -> str:
        """Return the key of a tenant's queued jobs: sorted set, by acceptance (ms)."""
        return f"{ROOT}lane:{self.lane}:jobs:{tenant}"


@dataclass(frozen=True, slots=True)
class JobKeys:
    """All keys of one job."""

    job_id: str

    @property
    def record(self) -> str:
        """Hash: what was asked for, its state, its tally, the first chunk no worker ever had."""
        return f"{ROOT}{self.job_id}"

    @property
    def results(self) -> str:
        """Hash: item number -> result, JSON."""
        return f"{ROOT}{self.job_id}:results"

    @property
    def finished(self) -> str:
        """Bitmap of finished chunks."""
        return f"{ROOT}{self.job_id}:finished"

    @property
    def held(self) -> str:
        """Set of chunks that workers hold."""
        return f"{ROOT}{self.job_id}:held"

    @property
    def returned(self) -> str:
        """Set of chunks that were handed back unfinished, or whose worker was lost."""
        return f"{ROOT}{self.job_id}:returned"

    @property
    def losses(self) -> str:
        """Hash: chunk -> workers that were lost with it; `f:<chunk>` -> how often it failed."""
        return f"{ROOT}{self.job_id}:losses"

    @property
    def begun(self) -> str:
        """Hash: item number -> how often it was begun, `<number>:step` -> the last step of it."""
        return f"{ROOT}{self.job_id}:begun"

    @property
    def timeline(self) -> str:
        """List of `<ms> <event>`."""
        return f"{ROOT}{self.job_id}:timeline"

    def failed(self, code: str) -> str:
        """Return the key of the bitmap of items that are dead letters with *code*."""
        return f"{ROOT}{self.job_id}:failed:{code}"

    @property
    def requeued(self) -> str:
        """Bitmap of dead letters that another job has."""
        return f"{ROOT}{self.job_id}:requeued"

    @property
    def failed_items(self) -> str:
        """Bitmap: which of its parent's dead letters a job takes over."""
        return f"{ROOT}{self.job_id}:letters"

    @property
    def failed_at(self) -> str:
        """String: when each dead letter failed, after how many attempts; 6 bytes an item."""
        return f"{ROOT}{self.job_id}:failed_at"

    def items(self, chunk: int) -> str:
        """Return the key of a chunk's items: JSON list of [number, item]."""
        return f"{ROOT}{self.job_id}:items:{chunk}"

    @property
    def row_counts(self) -> str:
        """String: how many rows each item answers, 32 bits each; none where it is one each."""
        return f"{ROOT}{self.job_id}:row_counts"

    def rows(self, segment: int) -> str:
        """Return the key of a segment of rows, see `stored`; none where rows are items."""
        return f"{ROOT}{self.job_id}:rows:{segment}"

    def chunk_lease(self, chunk: int) -> str:
        """Return the key that holds the token of the worker that has the chunk."""
        return f"{ROOT}{self.job_id}:claim:{chunk}"
