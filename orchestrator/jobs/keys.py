"""The keys of jobs in Redis DB 3; nowhere else are they built.

All of them expire: a job is remembered for `EMASAI_JOB_TTL_S` after it was accepted, and what
was stored for a job that was never sealed for an hour.
"""

from dataclasses import dataclass

#: Sorted set of jobs that are not finished, by the instant of acceptance (ms).
ACTIVE = "jobs1:active"


def pointer(digest: str) -> str:
    """Return the key that leads from a batch's digest to the unfinished job of that batch."""
    return f"jobs1:same:{digest}"


@dataclass(frozen=True, slots=True)
class JobKeys:
    """All keys of one job."""

    job_id: str

    @property
    def record(self) -> str:
        """Hash: what was asked for, its state, and its tally."""
        return f"jobs1:{self.job_id}"

    @property
    def open(self) -> str:
        """Set of chunk numbers that are not finished."""
        return f"jobs1:{self.job_id}:open"

    @property
    def results(self) -> str:
        """Hash: item number -> result, JSON."""
        return f"jobs1:{self.job_id}:results"

    def items(self, chunk: int) -> str:
        """Return the key of a chunk's items: JSON list of [number, item]."""
        return f"jobs1:{self.job_id}:items:{chunk}"

    @property
    def row_counts(self) -> str:
        """String: how many rows each item answers, 32 bits each; none where it is one each."""
        return f"jobs1:{self.job_id}:row_counts"

    def rows(self, segment: int) -> str:
        """Return the key of a segment of rows, see `rowmap`; none where rows are items."""
        return f"jobs1:{self.job_id}:rows:{segment}"

    def claim(self, chunk: int) -> str:
        """Return the key that holds the token of the worker that has the chunk."""
        return f"jobs1:{self.job_id}:claim:{chunk}"

    def rung(self, chunk: int) -> str:
        """Return the key that is there while a doorbell for the chunk is on its way."""
        return f"jobs1:{self.job_id}:rung:{chunk}"
