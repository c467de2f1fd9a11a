"""Stored leads: which ones a command means, their run, and judging them again."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import Exit, notice, out, print_json
from orchestrator.cli.costs import States, as_json_list, read_states, show_warnings
from orchestrator.cli.estimate import Estimate, estimate_of, show_estimate
from orchestrator.cli.follow import follow
from orchestrator.cli.options import Terms
from orchestrator.cli.session import WORKERS, Patience, patiently, with_runtime
from orchestrator.cli.summary import Summary, summarize, summary_table, verdict
from orchestrator.dispatch import submit
from orchestrator.handlers import Change, LeadResult, RejudgedLead
from orchestrator.identity import mention_of
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Job, JobKind, NewJob, Origin, lane_of
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
            found = await parts.leads.store.chosen(self.conditions, parts.leads.pipeline.versions)
            return tuple(map(str, found))
        job = await parts.jobs.records.job(self.job_id)
        if job is None:
            raise typer.BadParameter(f"there is no job {self.job_id} (any more)")
        results = parts.jobs.results.rows(job, with_evidence=False)
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


def run_stored(selection: Selection, terms: Terms, *, as_json: bool) -> None:
    """Run the leads of *selection*, print what came of them, and exit."""

    async def work(parts: Runtime) -> tuple[Job | None, Summary, States]:
        items = await selection.items(parts)
        job, results = None, []
        if items:
            new = NewJob(
                JobKind.PIPELINE,
                items,
                terms.tenant_of(parts),
                terms.max_cost_micros,
                lane=lane_of(len(items)),
                origin=Origin.CLI,
                deadline=terms.deadline,
                about=selection.about,
                policy=parts.leads.policy_version,
                buy_again=terms.buy_again,
            )
            patience = Patience()
            accepted = await patiently(lambda: submit(parts, new), patience)
            job = await follow(parts, accepted, quiet=as_json)
            results = await patiently(lambda: _results(parts, job), patience)
        summary = summarize(results, rows=len(items), invalid_rows=0, items=len(items))
        return job, summary, await read_states(parts, None if job is None else job.context)

    job, summary, budgets = with_runtime(work, workers=WORKERS)
    if as_json:
        about = {"job_id": job and job.job_id, **summary.as_json()}
        print_json({**about, "budgets": as_json_list(budgets)})
    else:
        out.print(summary_table(summary, items="leads"))
        if job is not None:
            out.print(f"Job {job.job_id}: {selection.about}.")
        out.print(verdict(summary), style="green")
        show_warnings(budgets)
    raise typer.Exit(summary.exit_code)


async def _results(parts: Runtime, job: Job) -> list[LeadResult]:
    found = parts.jobs.results.rows(job, with_evidence=False)
    return [LeadResult.model_validate(result) async for _, result in found]


def foresee_stored(selection: Selection, terms: Terms, *, as_json: bool) -> None:
    """Print what running the leads of *selection* would buy."""

    async def work(parts: Runtime) -> Estimate:
        items = await selection.items(parts)
        leads = await parts.leads.store.leads([UUID(item) for item in items])
        mentions = [mention_of(lead) for lead in leads.values()]
        return await estimate_of(
            parts, mentions, rows=len(items), max_cost_micros=terms.max_cost_micros
        )

    show_estimate(with_runtime(work), as_json=as_json)


#: Leads that a dry run looks at side by side.
AT_ONCE: Final = 50
#: Changed leads that the table lists; the JSON has all.
LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Rejudgement:
    """What judging again has come to, or would."""

    results: Sequence[RejudgedLead]
    leads: int
    job_id: str | None
    policy_version: str
    language: Language

    @property
    def pending(self) -> int:
        """How many leads have no result yet."""
        return self.leads - len(self.results)

    @property
    def changes(self) -> Counter[Change]:
        """How many leads each change has met."""
        return Counter(result.change for result in self.results)

    @property
    def changed(self) -> list[RejudgedLead]:
        """The leads whose judgement is another one now."""
        return [r for r in self.results if r.change in (Change.DISCARDED, Change.ADVANCED)]

    @property
    def kept_opportunities(self) -> int:
        """How many opportunities stay although their leads are discarded now."""
        return sum(result.keeps_opportunity for result in self.results)

    @property
    def exit_code(self) -> Exit:
        """What the command ends with."""
        is_whole = not self.pending and not self.changes[Change.NOT_JUDGED]
        return Exit.DONE if is_whole else Exit.PARTLY

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        dates = [result.as_of for result in self.results if result.as_of]
        return {
            "job_id": self.job_id,
            "leads": self.leads,
            "pending": self.pending,
            "changes": {change.value: self.changes[change] for change in Change},
            "not_judged": dict(self.reasons),
            "opportunities_kept": self.kept_opportunities,
            "versions": dict(Counter(r.version for r in self.results if r.version)),
            "policy_version": self.policy_version,
            "oldest_evidence": min(dates, default=None),
            "spent_micros": sum(result.cost_micros for result in self.results),
            "changed": [result.model_dump(mode="json") for result in self.changed],
        }

    @property
    def reasons(self) -> Counter[str]:
        """Why leads were not judged."""
        return Counter(
            r.code for r in self.results if r.change is Change.NOT_JUDGED and r.code is not None
        )


def rejudge(selection: Selection, terms: Terms, *, dry_run: bool, as_json: bool) -> None:
    """Judge the leads of *selection* again, print what that changes, and exit."""

    async def work(parts: Runtime) -> Rejudgement:
        items = await selection.items(parts)
        job_id, results = None, []
        if dry_run:
            for start in range(0, len(items), AT_ONCE):
                looks = (parts.leads.rejudge.judge(item) for item in items[start : start + AT_ONCE])
                results += await asyncio.gather(*looks)
        elif items:
            job_id, results = await _in_workers(parts, items, selection, terms, quiet=as_json)
        language = parts.settings.language
        return Rejudgement(results, len(items), job_id, parts.leads.policy_version, language)

    done = with_runtime(work, workers=0 if dry_run else WORKERS)
    if as_json:
        print_json(done.as_json())
    else:
        _show(done, dry_run=dry_run)
    raise typer.Exit(done.exit_code)


async def _in_workers(
    parts: Runtime, items: tuple[str, ...], selection: Selection, terms: Terms, *, quiet: bool
) -> tuple[str, list[RejudgedLead]]:
    new = NewJob(
        JobKind.REJUDGE,
        items,
        terms.tenant_of(parts),
        lane=lane_of(len(items)),
        origin=Origin.CLI,
        about=selection.about,
        policy=parts.leads.policy_version,
    )
    job = await follow(parts, await submit(parts, new), quiet=quiet)
    found = parts.jobs.results.rows(job, with_evidence=False)
    return job.job_id, [RejudgedLead.model_validate(result) async for _, result in found]


def _show(done: Rejudgement, *, dry_run: bool) -> None:
    if done.changed:
        out.print(_changed(done))
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("leads", str(done.leads), f"{done.pending} not finished" if done.pending else "")
    for change in Change:
        table.add_row(change.value, str(done.changes[change]), _remark(done, change))
    out.print(table)
    out.print("Nothing was stored." if dry_run else "Nothing was bought.", style="green")
    for version in {r.version for r in done.results if r.version} - {done.policy_version}:
        notice(_OTHER_POLICY.format(version=version), _RESTART)


_OTHER_POLICY = "Some leads were judged by policy {version}, which is not the one of this command:"
_RESTART = "restart the workers so that they read the same policy file, and run it again."


def _remark(done: Rejudgement, change: Change) -> str:
    match change:
        case Change.DISCARDED if done.kept_opportunities:
            return f"{done.kept_opportunities} opportunities stay as they are"
        case Change.NOT_JUDGED:
            return ", ".join(f"{code}: {count}" for code, count in done.reasons.most_common())
        case _:
            return ""


def _changed(done: Rejudgement) -> Table:
    title = f"Judged otherwise (of {len(done.changed)})"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("company", "was", "is", "evidence of", "opportunity", "reason"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    for result in done.changed[:LISTED]:
        table.add_row(
            result.company,
            result.previous_code,
            result.code,
            "-" if result.as_of is None else _age(result.as_of),
            "kept" if result.keeps_opportunity else "new" if result.viable else "-",
            "" if result.reason is None else result.reason.in_language(done.language),
        )
    return table


def _age(as_of: datetime) -> str:
    age = utc_now() - as_of
    return f"{age.days} d ago" if age.days else f"{age.seconds // 60} min ago"
