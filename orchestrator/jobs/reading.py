"""A job as its record has it. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from orchestrator.jobs.model import Job, JobKind, Lane, Origin
from orchestrator.jobs.state import JobState

#: Fields of the record that count what was reported begin with this.
TALLY = "n:"


def job_of(job_id: str, fields: Mapping[str, str]) -> Job:
    """Return the job whose record has *fields*."""
    cap = fields.get("max_cost_micros")
    return Job(
        job_id=job_id,
        kind=JobKind(fields["kind"]),
        tenant=fields["tenant"],
        lane=Lane(fields["lane"]),
        origin=Origin(fields["origin"]),
        state=JobState(fields["state"]),
        total=int(fields["total"]),
        items=int(fields["items"]),
        has_row_map="segment_rows" in fields,
        answered=int(fields.get("answered", 0)),
        chunks=int(fields["chunks"]),
        max_cost_micros=None if cap is None else int(cap),
        accepted_at=_instant(fields["accepted_at_ms"]),
        started_at=_instant_or_none(fields.get("started_at_ms")),
        finished_at=_instant_or_none(fields.get("finished_at_ms")),
        deadline=_instant_or_none(fields.get("deadline_ms")),
        parent=fields.get("parent"),
        about=fields.get("about"),
        policy=fields.get("policy"),
        tally={k.removeprefix(TALLY): int(v) for k, v in fields.items() if k.startswith(TALLY)},
    )


def _instant_or_none(milliseconds: str | None) -> datetime | None:
    return None if milliseconds is None else _instant(milliseconds)


def _instant(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
