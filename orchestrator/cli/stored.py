"""Stored leads: which ones a command means, their run, and judging them again."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.batch import Outcome, finish
from orchestrator.cli.batch import in_parts as parts_of
from orchestrator.cli.console import (
    Exit,
    figures,
    notice,
    number,
    out,
    print_json,
    print_sentence,
    span,
    table,
)
from orchestrator.cli.installation import WORKERS
from orchestrator.cli.session import Patience, follow, patiently, with_runtime
from orchestrator.cli.spanish import language, translate
from orchestrator.cli.summary import (
    Estimate,
    estimate,
    in_parts,
    show_estimate,
    summarize,
)
from orchestrator.dispatch import Terms, submit
from orchestrator.handlers import Change, LeadResult, RejudgedLead
from orchestrator.handlers.lead import leads_asked
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Job, JobKind, Origin
from orchestrator.leadfile import LeadFile, country_code, lead_from, read_lead_file
from orchestrator.leads import LeadFilter
from orchestrator.spending import read_budgets

Result = TypeVar("Result", bound=LeadResult)

#: Leads that a dry run looks at side by side.
AT_ONCE: Final = 50
#: Changed leads that the table lists; the JSON has all.
LISTED: Final = 20
#: The conditions of `--where`, for its help.
CONDITIONS: Final = (
    "source=WEB, country=ES, imported-since=2026-11-01, policy=other, "
    "status=never-judged|opportunity|discarded"
)
_JOB_ID: Final = re.compile(r"[0-9a-f]{32}")
_FIELDS: Final = {
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
    lead_file: LeadFile | None = None

    @classmethod
    def of(
        cls, subjects: Sequence[str], lead_ids: Sequence[UUID], where: Sequence[str]
    ) -> "Selection":
        """Return the leads of one of: a file, a job, ids, or conditions; of none: all leads.

        Raises:
            typer.BadParameter: More than one of them, or an unknown condition.
            LeadFileError: The file cannot be read.
        """
        if len(subjects) + bool(lead_ids) + bool(where) > 1:
            raise typer.BadParameter("give a file or a job, or --lead-id, or --where; not several")
        if lead_ids:
            return cls(f"{len(lead_ids)} leads by id", tuple(map(str, lead_ids)))
        if where:
            return cls(f"where {', '.join(where)}", conditions=parse_conditions(where))
        if not subjects:
            return cls("all leads")
        subject = subjects[0]
        if _JOB_ID.fullmatch(subject) and not Path(subject).exists():
            return cls(f"job {subject}", job_id=subject)
        return cls(Path(subject).name, lead_file=read_lead_file(Path(subject)))

    async def items(self, runtime: Runtime) -> tuple[str, ...]:
        """Return the ids of the leads, as items of a job.

        Raises:
            typer.BadParameter: The job is unknown, or was not about leads.
        """
        if self.lead_ids is not None:
            return self.lead_ids
        if self.lead_file is not None:
            return await _stored_in(runtime, self.lead_file)
        if self.job_id is None:
            found = await runtime.leads.store.select_ids(
                self.conditions, runtime.leads.pipeline.versions
            )
            return tuple(map(str, found))
        job = await runtime.jobs.records.job(self.job_id)
        if job is None:
            raise typer.BadParameter(f"there is no job {self.job_id}")
        results = runtime.jobs.results.rows(job, with_evidence=False)
        ids = [result["lead_id"] async for _, result in results if "lead_id" in result]
        if job.total and not ids:
            raise typer.BadParameter(f"job {self.job_id} has judged no leads")
        return tuple(ids)


async def _stored_in(runtime: Runtime, lead_file: LeadFile) -> tuple[str, ...]:
    """Return the ids of the leads of *lead_file*, as they are stored."""
    leads = (row.lead for row in lead_file.rows() if row.lead and not row.is_repetition)
    ids: dict[str, None] = {}
    for some in parts_of(map(lead_from, leads)):
        ids |= dict.fromkeys(map(str, await runtime.leads.store.recognize(some)))
    return tuple(ids)


def parse_conditions(where: Sequence[str]) -> LeadFilter:
    """Return the filter of `--where NAME=VALUE ...`.

    Raises:
        typer.BadParameter: One of them is wrong.
    """
    values: dict[str, object] = {}
    for condition in where:
        name, _, value = condition.partition("=")
        if name not in _FIELDS or not value or _FIELDS[name] in values:
            raise typer.BadParameter(
                f"--where {condition!r}: give each of {CONDITIONS} at most once"
            )
        values[_FIELDS[name]] = _value(name, value)
    try:
        return LeadFilter.model_validate(values)
    except ValidationError:
        problem = f"--where {', '.join(where)}: a value is not valid; {CONDITIONS}"
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
    """Run the leads of *selection*, print the outcome, and exit."""

    async def work(runtime: Runtime) -> Outcome:
        items, patience = await selection.items(runtime), Patience()
        job, results = None, []
        if items:
            new = terms.new_job(
                runtime, JobKind.PIPELINE, items, origin=Origin.CLI, about=selection.about
            )
            accepted = await patiently(lambda: submit(runtime, new), patience)
            job = await follow(runtime, accepted, quiet=as_json)
            results = await patiently(lambda: _results(runtime, job, LeadResult), patience)
        summary = summarize(results, rows=len(items), items=len(items))
        budgets = await read_budgets(runtime, None if job is None else job.context)
        return Outcome(job, summary, budgets)

    outcome = with_runtime(work, workers=WORKERS)
    finish(outcome, items="leads", as_json=as_json, about=selection.about)


async def _results(runtime: Runtime, job: Job, model: type[Result]) -> list[Result]:
    found = runtime.jobs.results.rows(job, with_evidence=False)
    return [model.model_validate(result) async for _, result in found]


def estimate_stored(selection: Selection, terms: Terms, *, as_json: bool) -> None:
    """Print what running the leads of *selection* would buy."""

    async def work(runtime: Runtime) -> Estimate:
        items = await selection.items(runtime)
        leads = await runtime.leads.store.leads([UUID(item) for item in items])
        asked = leads_asked(runtime.leads.pipeline, leads.values(), runtime.clock())
        cap = terms.max_cost_micros
        return await estimate(runtime, in_parts(asked), rows=len(items), max_cost_micros=cap)

    show_estimate(with_runtime(work), as_json=as_json)


@dataclass(frozen=True, slots=True)
class Rejudgement:
    """The outcome of judging again, or of its dry run."""

    results: Sequence[RejudgedLead]
    leads: int
    job_id: str | None
    policy_version: str

    @property
    def pending(self) -> int:
        """How many leads have no result yet."""
        return self.leads - len(self.results)

    @property
    def changes(self) -> Counter[Change]:
        """How many leads each change applies to."""
        return Counter(result.change for result in self.results)

    @property
    def changed(self) -> list[RejudgedLead]:
        """The leads whose judgement has changed."""
        return [r for r in self.results if r.change in (Change.DISCARDED, Change.ADVANCED)]

    @property
    def kept_opportunities(self) -> int:
        """How many opportunities remain although their leads are discarded now."""
        return sum(result.keeps_opportunity for result in self.results)

    @property
    def exit_code(self) -> Exit:
        """The exit code of the command."""
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
        """The reasons why leads were not judged."""
        return Counter(
            r.code for r in self.results if r.change is Change.NOT_JUDGED and r.code is not None
        )


def rejudge(selection: Selection, terms: Terms, *, dry_run: bool, as_json: bool) -> None:
    """Judge the leads of *selection* again, print what that changes, and exit."""

    async def work(runtime: Runtime) -> Rejudgement:
        items = await selection.items(runtime)
        job, results = None, list[RejudgedLead]()
        if dry_run:
            for start in range(0, len(items), AT_ONCE):
                looks = map(runtime.leads.rejudge.judge, items[start : start + AT_ONCE])
                results += await asyncio.gather(*looks)
        elif items:
            new = terms.new_job(
                runtime, JobKind.REJUDGE, items, origin=Origin.CLI, about=selection.about
            )
            job = await follow(runtime, await submit(runtime, new), quiet=as_json)
            results = await _results(runtime, job, RejudgedLead)
        job_id = None if job is None else job.job_id
        return Rejudgement(results, len(items), job_id, runtime.leads.policy_version)

    done = with_runtime(work, workers=0 if dry_run else WORKERS)
    if as_json:
        print_json(done.as_json())
    else:
        _show(done, dry_run=dry_run)
    raise typer.Exit(done.exit_code)


def _show(done: Rejudgement, *, dry_run: bool) -> None:
    if done.changed:
        out.print(_changes_table(done))
    pending = translate("{} not finished", number(done.pending)) if done.pending else ""
    changes = ((each.value, number(done.changes[each]), _remark(done, each)) for each in Change)
    out.print(figures([("leads", number(done.leads), pending), *changes]))
    print_sentence("Nothing was stored." if dry_run else "Nothing was bought.", style="green")
    for version in {r.version for r in done.results if r.version} - {done.policy_version}:
        notice(translate(_OTHER_POLICY, version), translate(_RESTART))


_OTHER_POLICY = "Some leads were judged by policy {}, not by the one of this command:"
_RESTART = "restart the workers so that they read the same policy file, and run it again."


def _remark(done: Rejudgement, change: Change) -> str:
    match change:
        case Change.DISCARDED if done.kept_opportunities:
            kept = number(done.kept_opportunities)
            return translate("{} opportunities stay as they are", kept)
        case Change.NOT_JUDGED:
            return ", ".join(f"{code}: {count}" for code, count in done.reasons.most_common())
        case _:
            return ""


def _changes_table(done: Rejudgement) -> Table:
    changed = table("company", "was", "is", "evidence of", "opportunity", "reason", gap=2)
    changed.title = translate("Changed judgements ({})", number(len(done.changed)))
    changed.title_justify = "left"
    for column in changed.columns:
        column.no_wrap = True
    for result in done.changed[:LISTED]:
        changed.add_row(
            result.company,
            result.previous_code,
            result.code,
            "-" if result.as_of is None else translate("{} ago", span(utc_now() - result.as_of)),
            translate("kept" if result.keeps_opportunity else "created" if result.viable else "-"),
            "" if result.reason is None else result.reason.in_language(language()),
        )
    return changed
