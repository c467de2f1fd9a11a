"""Which stored leads a command is about: by id, by conditions, or those of an earlier job."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import typer
from pydantic import ValidationError

from orchestrator.app import Runtime
from orchestrator.leadfile import country_code, lead_id, read_lead_file
from orchestrator.leads import LeadFilter

#: What `--where` takes, for its help.
CONDITIONS = (
    "source=WEB, country=ES, imported-since=2026-11-01, policy=other, "
    "status=never-judged|opportunity|discarded"
)
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_FIELDS = {
    "source": "source",
    "country": "country",
    "imported-since": "imported_since",
    "status": "status",
    "policy": "other_policy",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Stored leads. `about` is what a job says that it was asked for."""

    about: str
    lead_ids: tuple[str, ...] | None = None
    conditions: LeadFilter | None = None
    job_id: str | None = None

    @classmethod
    def of(cls, subject: str | None, lead_ids: Sequence[UUID], where: Sequence[str]) -> "Selection":
        """Return what is meant by one of: a file or a job, ids, conditions; by none: all leads.

        Raises:
            typer.BadParameter: More than one of them, or a condition that there is not.
            LeadFileError: The file cannot be read.
        """
        if bool(subject) + bool(lead_ids) + bool(where) > 1:
            raise typer.BadParameter("give a file or a job, or --lead-id, or --where; not several")
        if lead_ids:
            return cls(f"{len(lead_ids)} leads by id", tuple(map(str, lead_ids)))
        if where:
            return cls(f"where {', '.join(where)}", conditions=parse_conditions(where))
        if subject is None:
            return cls("all leads")
        if _JOB_ID.fullmatch(subject) and not Path(subject).exists():
            return cls(f"job {subject}", job_id=subject)
        rows = read_lead_file(Path(subject)).rows()
        ids = dict.fromkeys(str(lead_id(row.lead)) for row in rows if row.lead)
        return cls(Path(subject).name, tuple(ids))

    async def items(self, parts: Runtime) -> tuple[str, ...]:
        """Return the ids of the leads.

        Raises:
            typer.BadParameter: There is no such job, or it was not about leads.
        """
        if self.lead_ids is not None:
            return self.lead_ids
        if self.job_id is None:
            found = await parts.store.chosen(self.conditions, parts.policy_version)
            return tuple(map(str, found))
        job = await parts.records.job(self.job_id)
        if job is None:
            raise typer.BadParameter(f"there is no job {self.job_id} (any more)")
        results = parts.results.rows(job, with_evidence=False)
        ids = [result["lead_id"] async for _, result in results if "lead_id" in result]
        if job.total and not ids:
            raise typer.BadParameter(f"job {self.job_id} has judged no leads")
        return tuple(ids)


def parse_conditions(where: Sequence[str]) -> LeadFilter:
    """Return the filter of `--where NAME=VALUE ...`.

    Raises:
        typer.BadParameter: With one sentence that says which is wrong and what there is.
    """
    values: dict[str, object] = {}
    for condition in where:
        name, _, value = condition.partition("=")
        if name not in _FIELDS or not value or _FIELDS[name] in values:
            raise typer.BadParameter(f"--where {condition!r}: give each once, of {CONDITIONS}")
        values[_FIELDS[name]] = _value(name, value)
    try:
        return LeadFilter.model_validate(values)
    except ValidationError:
        problem = f"--where {', '.join(where)}: a value is none of its kind; {CONDITIONS}"
        raise typer.BadParameter(problem) from None


def _value(name: str, value: str) -> object:
    match name:
        case "imported-since":
            try:
                instant = datetime.fromisoformat(value)
            except ValueError:
                return value
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        case "country":
            return country_code(value) or value
        case "status":
            return value.replace("-", "_")
        case "policy":
            return value == "other" or None
        case _:
            return value
