"""`emasai run --lead-id | --where`: stored leads go through the pipeline."""

from uuid import UUID

import typer

from orchestrator.app import Runtime
from orchestrator.cli.budget import States, as_json_list, read_states, show_warnings
from orchestrator.cli.console import out, print_json
from orchestrator.cli.estimate import Estimate, estimate_of, show_estimate
from orchestrator.cli.follow import follow
from orchestrator.cli.patience import Patience, patiently
from orchestrator.cli.selection import Selection
from orchestrator.cli.session import WORKERS, with_runtime
from orchestrator.cli.summary import Summary, summarize, summary_table, verdict
from orchestrator.cli.terms import Terms
from orchestrator.dispatch import submit
from orchestrator.handlers import LeadResult
from orchestrator.identity import mention_of
from orchestrator.jobs import Job, JobKind, NewJob, Origin, lane_of


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
                policy=parts.policy_version,
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
    found = parts.results.rows(job, with_evidence=False)
    return [LeadResult.model_validate(result) async for _, result in found]


def foresee_stored(selection: Selection, terms: Terms, *, as_json: bool) -> None:
    """Print what running the leads of *selection* would buy."""

    async def work(parts: Runtime) -> Estimate:
        items = await selection.items(parts)
        leads = await parts.store.leads([UUID(item) for item in items])
        mentions = [mention_of(lead) for lead in leads.values()]
        return await estimate_of(
            parts, mentions, rows=len(items), max_cost_micros=terms.max_cost_micros
        )

    show_estimate(with_runtime(work), as_json=as_json)
