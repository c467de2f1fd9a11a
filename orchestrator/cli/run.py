"""`emasai run`: leads of a file, or stored leads, go through the whole pipeline."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from orchestrator.cli.batch import Batch, LeadImport, Outputs, run_file
from orchestrator.cli.options import (
    AsJson,
    BuyAgain,
    ColumnNames,
    Deadline,
    DryRun,
    EncodingName,
    ErrorsFile,
    MappingFile,
    MaxCost,
    OnConflictRule,
    Output,
    Required,
    Tenant,
    parse_columns,
    parse_terms,
)
from orchestrator.cli.sample import run_sample
from orchestrator.cli.stored import CONDITIONS, Selection, estimate_stored, rejudge, run_stored
from orchestrator.handlers import LeadResult
from orchestrator.jobs import JobKind
from orchestrator.leadfile import FOR_PIPELINE, LeadFields, lead_id, read_lead_file
from orchestrator.leads import OnConflict


def run(  # noqa: PLR0913 - each is an option
    leads: Annotated[
        str | None,
        typer.Argument(metavar="LEADS.csv", help="The lead file; with --rejudge also a job id."),
    ] = None,
    output: Output = None,
    errors: ErrorsFile = None,
    *,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    encoding: EncodingName = None,
    required: Required = None,
    on_conflict: OnConflictRule = OnConflict.REPLACE,
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
        typer.Option("--rejudge", help="Judge stored leads by the current rules; buys nothing."),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=1000,
            help="Buy for N leads, spread over the file, and say what the whole file would come "
            "to: price, yield, time.",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Enrich and judge leads: opportunities and discards, with their reasons."""
    terms = parse_terms(max_cost, deadline, tenant, buy_again=buy_again)
    if again and (max_cost or deadline or buy_again or output):
        raise typer.BadParameter(
            "--rejudge buys nothing and writes no file: leave out --max-cost, --deadline, "
            "--buy-again and --output"
        )
    if sample is not None and (again or lead_ids or where or output or dry_run):
        raise typer.BadParameter(
            "--sample is for a lead file and writes none: leave out --rejudge, --lead-id, "
            "--where, --output and --dry-run"
        )
    if not (again or lead_ids or where):
        if leads is None:
            raise typer.BadParameter("give a lead file, --lead-id, --where or --rejudge")
        named = parse_columns(columns, mapping)
        needs = FOR_PIPELINE.union(required or ())
        lead_file = read_lead_file(Path(leads), needs=needs, columns=named, encoding=encoding)
        store = LeadImport(on_conflict)
        batch = Batch(lead_file, JobKind.PIPELINE, _item_of, LeadResult, terms, store)
        if sample is not None:
            run_sample(batch, sample, as_json=as_json)
        run_file(batch, Outputs(output, errors), items="leads", dry_run=dry_run, as_json=as_json)
        return
    if output is not None or columns or mapping or encoding or required:
        raise typer.BadParameter(
            "--output, --column, --mapping, --encoding and --require belong to a lead file"
        )
    selection = Selection.of(leads, lead_ids or (), where or ())
    if again:
        rejudge(selection, terms, dry_run=dry_run, as_json=as_json)
    elif dry_run:
        estimate_stored(selection, terms, as_json=as_json)
    else:
        run_stored(selection, terms, as_json=as_json)


def _item_of(lead: LeadFields) -> str:
    return str(lead_id(lead))
