"""`emasai enrich`: evidence about companies, without judging anybody."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.bootstrap import Runtime
from orchestrator.cli.batch import Batch, Outcome, work_through
from orchestrator.cli.budget import read_states, show_warnings
from orchestrator.cli.console import dollars, err, out, print_json
from orchestrator.cli.durations import parse_duration
from orchestrator.cli.limits import Deadline, Limits
from orchestrator.cli.options import AsJson
from orchestrator.cli.run import finish, foresee
from orchestrator.cli.session import WORKERS, with_runtime
from orchestrator.cli.summary import summarize
from orchestrator.identity import Mention, mention_of
from orchestrator.jobs import JobContext, JobKind
from orchestrator.leadfile import FOR_ENRICHMENT, check_writable, read_lead_file
from orchestrator.pipeline import STILL_LOADING, CompanyHandler, CompanyResult


def enrich(  # noqa: PLR0913 - each is an option
    names: Annotated[
        list[str], typer.Argument(metavar="NAME... | FILE.csv", help="Companies, or a file.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="For a file; FILE.out.csv if not said.")
    ] = None,
    *,
    max_cost: Annotated[
        str | None, typer.Option(metavar="USD", help="For a file: buy for this much at most.")
    ] = None,
    deadline: Deadline = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="For a file: say what would be bought.")
    ] = False,
    patience: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="For names: wait so long for each, such as 5s."),
    ] = None,
    website: Annotated[
        str | None, typer.Option(metavar="WEBSITE", help="For one name: its website.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(metavar="CODE", help="For one name: its country, like MX.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look up companies by name, or all companies of a file; each is bought once at most.

    A name that takes longer than --patience is still bought, once: the answers are shown, and the
    command ends when that purchase is stored.
    """
    only = Path(names[0])
    is_file = len(names) == 1 and (only.suffix.lower() in _FILE_SUFFIXES or only.is_file())
    if (website or country) and (is_file or len(names) > 1):
        raise typer.BadParameter("--website and --country are for one name; a file has columns")
    if is_file:
        if patience:
            raise typer.BadParameter("--patience is for names only; --max-cost limits a file")
        limits = Limits.parse(max_cost, deadline)
        _enrich_file(only, output, limits, dry_run=dry_run, as_json=as_json)
    else:
        if output or max_cost or deadline or dry_run:
            raise typer.BadParameter(
                "--output, --max-cost, --deadline and --dry-run are for files only"
            )
        limit = None if patience is None else parse_duration(patience)
        mentions = [Mention(name, website, country) for name in names]
        _enrich_names(mentions, limit, as_json=as_json)


_FILE_SUFFIXES = (".csv", ".tsv", ".txt")


def _enrich_file(
    path: Path, output: Path | None, limits: Limits, *, dry_run: bool, as_json: bool
) -> None:
    target = output or path.with_suffix(".out.csv")
    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)
    batch = Batch(
        lead_file, JobKind.ENRICH, lambda lead: mention_of(lead).text, CompanyResult, limits
    )
    if dry_run:
        foresee(batch, as_json=as_json)
        return
    check_writable(target)

    async def work(parts: Runtime) -> Outcome:
        return await work_through(parts, batch, target, quiet=as_json)

    finish(with_runtime(work, workers=WORKERS), target, items="companies", as_json=as_json)


def _enrich_names(mentions: list[Mention], patience: timedelta | None, *, as_json: bool) -> None:
    async def work(parts: Runtime) -> list[CompanyResult]:
        handler = CompanyHandler(parts.enricher, patience=patience)
        context = JobContext(None, parts.settings.tenant, capped=False)
        reports = [await handler(mention.text, context) for mention in mentions]
        complete = await parts.results.complete([report.result for report in reports])
        results = [CompanyResult.model_validate(result) for result in complete]
        # Shown here: closing what is open waits for the purchases that nobody waits for any more.
        _show_all(results, parts.settings.language, as_json=as_json)
        if not as_json:
            show_warnings(await read_states(parts, context))
        if any(result.code == STILL_LOADING for result in results):
            err.print(_SEEN_THROUGH)
        return results

    results = with_runtime(work)
    summary = summarize(results, rows=len(mentions), invalid_rows=0, items=len(mentions))
    raise typer.Exit(summary.exit_code)


_SEEN_THROUGH = "Waiting until what is under way is paid for and stored; nothing is bought twice."


def _show_all(results: list[CompanyResult], language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json([result.model_dump(mode="json") for result in results])
        return
    for result in results:
        _show(result, language)


def _show(result: CompanyResult, language: Language) -> None:
    out.print(f"[bold]{result.company}[/]  {_came_about(result)}", highlight=False)
    if result.reason is not None:
        out.print(result.reason.in_language(language), markup=False)
    if result.evidence is not None:
        table = Table("field", "value", "confidence", "as of", "source", box=None)
        for claim in sorted(result.evidence.claims, key=lambda claim: claim.field):
            table.add_row(
                claim.field.value,
                str(claim.value),
                f"{claim.confidence:.0%}",
                f"{claim.as_of:%Y-%m-%d}",
                claim.source_url or "",
            )
        out.print(table)


def _came_about(result: CompanyResult) -> str:
    if result.source is None:
        return result.status.value
    price = f"paid {dollars(result.cost_micros)}"
    if not result.cost_micros:
        price = f"saved {dollars(result.saved_micros)}"
    as_of = f", as of {result.as_of:%Y-%m-%d %H:%M} UTC" if result.as_of else ""
    simulated = ", simulated" if result.simulated else ""
    return f"{result.status.value} ({result.source.value}, {price}{as_of}{simulated})"
