"""`emasai run --rejudge`: the rules of today on the evidence of then. Nothing is bought."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import notice, out, print_json
from orchestrator.cli.exits import Exit
from orchestrator.cli.follow import follow
from orchestrator.cli.selection import Selection
from orchestrator.cli.session import WORKERS, with_runtime
from orchestrator.cli.terms import Terms
from orchestrator.dispatch import submit
from orchestrator.handlers import Change, RejudgedLead
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobKind, NewJob, Origin, lane_of

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
                looks = (parts.rejudge.judge(item) for item in items[start : start + AT_ONCE])
                results += await asyncio.gather(*looks)
        elif items:
            job_id, results = await _in_workers(parts, items, selection, terms, quiet=as_json)
        language = parts.settings.language
        return Rejudgement(results, len(items), job_id, parts.policy_version, language)

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
        policy=parts.policy_version,
    )
    job = await follow(parts, await submit(parts, new), quiet=quiet)
    found = parts.results.rows(job, with_evidence=False)
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
