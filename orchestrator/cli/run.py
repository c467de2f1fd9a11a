"""`emasai run`: leads of a file, or stored leads, go through the whole pipeline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from orchestrator.app import Runtime
from orchestrator.cli.batch import Batch, Outcome, finish, work_through
from orchestrator.cli.estimate import foresee
from orchestrator.cli.options import BuyAgain, Deadline, MaxCost, Tenant, Terms
from orchestrator.cli.session import WORKERS, with_runtime
from orchestrator.cli.stored import CONDITIONS, Selection, foresee_stored, rejudge, run_stored
from orchestrator.handlers import LeadResult
from orchestrator.jobs import JobKind
from orchestrator.leadfile import (
    LeadFields,
    check_writable,
    lead_from,
    lead_id,
    read_lead_file,
)


def run(  # noqa: PLR0913 - each is an option
    leads: Annotated[
        str | None,
        typer.Argument(metavar="LEADS.csv", help="The lead file; with --rejudge also a job id."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to; LEADS.out.csv if not said.")
    ] = None,
    *,
    max_cost: MaxCost = None,
    deadline: Deadline = None,
    tenant: Tenant = None,
    buy_again: BuyAgain = False,
    lead_ids: Annotated[
        list[UUID] | None,
        typer.Option("--lead-id", metavar="ID", help="A stored lead; may be given repeatedly."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help=f"Stored leads that meet all of: {CONDITIONS}."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--rejudge", help="Judge stored leads by the rules of today; buys nothing."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; buy and store nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Enrich and judge leads: opportunities and discards, each with its reason."""
    terms = Terms.parse(max_cost, deadline, tenant, buy_again=buy_again)
    if again:
        if terms.has_limits or buy_again or output is not None:
            raise typer.BadParameter("--rejudge buys nothing, waits for nothing, writes no file")
        selection = Selection.of(leads, lead_ids or (), where or ())
        rejudge(selection, terms, dry_run=dry_run, as_json=as_json)
    elif lead_ids or where:
        if output is not None:
            raise typer.BadParameter("--output belongs to a lead file")
        selection = Selection.of(leads, lead_ids or (), where or ())
        command = foresee_stored if dry_run else run_stored
        command(selection, terms, as_json=as_json)
    elif leads is None:
        raise typer.BadParameter("give a lead file, --lead-id, --where or --rejudge")
    else:
        _run_file(Path(leads), output, terms, dry_run=dry_run, as_json=as_json)


def _run_file(
    leads: Path, output: Path | None, terms: Terms, *, dry_run: bool, as_json: bool
) -> None:
    target = output or leads.with_suffix(".out.csv")
    lead_file = read_lead_file(leads)
    batch = Batch(
        lead_file,
        JobKind.PIPELINE,
        lambda lead: str(lead_id(lead)),
        LeadResult,
        terms,
        prepare=_import,
    )
    if dry_run:
        foresee(batch, as_json=as_json)
        return
    check_writable(target)

    async def work(parts: Runtime) -> Outcome:
        return await work_through(parts, batch, target, quiet=as_json)

    finish(with_runtime(work, workers=WORKERS), target, items="leads", as_json=as_json)


async def _import(parts: Runtime, leads: Sequence[LeadFields]) -> None:
    await parts.leads.store.import_leads([lead_from(lead) for lead in leads])
