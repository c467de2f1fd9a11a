"""`emasai run`: leads of a file, or stored leads, go through the whole pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from orchestrator.cli.batch import Batch, LeadImport, Outputs, run_file
from orchestrator.cli.files import estimate_files, lead_files, run_files
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
from orchestrator.dispatch import Terms
from orchestrator.handlers import LeadResult
from orchestrator.jobs import JobKind
from orchestrator.leadfile import FOR_PIPELINE, LeadField, read_lead_file
from orchestrator.leads import OnConflict


def run(  # noqa: PLR0913 - each is an option
    leads: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LEADS.csv...]",
            help="Lead files, or folders with such; with --rejudge one file or a job id.",
        ),
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
    if again and (max_cost or deadline or buy_again or output or errors):
        raise typer.BadParameter(
            "--rejudge buys nothing and writes no file: leave out --max-cost, --deadline, "
            "--buy-again, --output and --errors"
        )
    if sample is not None and (again or lead_ids or where or output or errors or dry_run):
        raise typer.BadParameter(
            "--sample is for a lead file and writes none: leave out --rejudge, --lead-id, "
            "--where, --output, --errors and --dry-run"
        )
    if not (again or lead_ids or where):
        if not leads:
            raise typer.BadParameter("give a lead file, --lead-id, --where or --rejudge")
        needs = FOR_PIPELINE.union(required or ())
        named = parse_columns(columns, mapping)
        opener = _Opener(terms, needs, named, encoding, LeadImport(on_conflict))
        outputs = Outputs(output, errors)
        _run_files(leads, opener, outputs, sample, dry_run=dry_run, as_json=as_json)
        return
    if output is not None or errors is not None or columns or mapping or encoding or required:
        raise typer.BadParameter(
            "--output, --errors, --column, --mapping, --encoding and --require belong to a file"
        )
    selection = Selection.of(leads or (), lead_ids or (), where or ())
    if again:
        rejudge(selection, terms, dry_run=dry_run, as_json=as_json)
    elif dry_run:
        estimate_stored(selection, terms, as_json=as_json)
    else:
        run_stored(selection, terms, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Opener:
    """How lead files are read, and what is done with their leads."""

    terms: Terms
    needs: frozenset[LeadField]
    columns: Mapping[LeadField, Sequence[str]]
    encoding: str | None
    leads: LeadImport

    def __call__(self, path: Path, cap_micros: int | None) -> Batch:
        """Return the batch of a file, which may cost this much.

        Raises:
            LeadFileError: The file cannot be used.
        """
        lead_file = read_lead_file(
            path, needs=self.needs, columns=self.columns, encoding=self.encoding
        )
        terms = replace(self.terms, max_cost_micros=cap_micros)
        return Batch(lead_file, JobKind.PIPELINE, LeadResult, terms, self.leads)


def _run_files(
    names: Sequence[str],
    opener: _Opener,
    outputs: Outputs,
    sample: int | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    paths, cap = lead_files(names), opener.terms.max_cost_micros
    if len(paths) == 1:
        batch = opener(paths[0], cap)
        if sample is not None:
            run_sample(batch, sample, as_json=as_json)
        run_file(batch, outputs, items="leads", dry_run=dry_run, as_json=as_json)
    elif sample is not None:
        raise typer.BadParameter("--sample is for one file")
    elif dry_run:
        estimate_files(paths, opener, cap_micros=cap, as_json=as_json)
    else:
        run_files(paths, opener, outputs, cap_micros=cap, items="leads", as_json=as_json)
