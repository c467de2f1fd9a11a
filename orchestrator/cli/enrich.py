"""`emasai enrich`: evidence about companies, without judging anybody."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import typer
from rich.table import Table
from rich.text import Text

from agents.case import Language, Localized
from orchestrator.app import Runtime
from orchestrator.cli.batch import Batch, Outcome, finish, work_through
from orchestrator.cli.console import dollars, err, out, print_json
from orchestrator.cli.costs import read_states, show_warnings
from orchestrator.cli.estimate import Estimate, estimate_of, foresee, show_estimate
from orchestrator.cli.options import (
    AsJson,
    BuyAgain,
    Deadline,
    MaxCost,
    Tenant,
    Terms,
    check_name,
    parse_duration,
)
from orchestrator.cli.session import LONGEST_S, WORKERS, Patience, patiently, with_runtime
from orchestrator.cli.summary import summarize
from orchestrator.handlers import STILL_LOADING, CompanyHandler, CompanyResult, ItemStatus
from orchestrator.handlers.company import report_of_failure
from orchestrator.handlers.explanation import Explanation
from orchestrator.handlers.result import own_key
from orchestrator.identity import Mention, mention_of
from orchestrator.infra.bounds import printable
from orchestrator.jobs import DeadLetter, GivenUp, JobContext, JobKind, NotNow, Report, Tries
from orchestrator.leadfile import FOR_ENRICHMENT, check_writable, read_lead_file
from orchestrator.purchasing import run_account


def enrich(  # noqa: PLR0913 - each is an option
    names: Annotated[
        list[str], typer.Argument(metavar="NAME... | FILE.csv", help="Companies, or a file.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="For a file; FILE.out.csv if not said.")
    ] = None,
    *,
    max_cost: MaxCost = None,
    deadline: Deadline = None,
    tenant: Tenant = None,
    buy_again: BuyAgain = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be bought; buy nothing.")
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
    terms = Terms.parse(max_cost, deadline, tenant, buy_again=buy_again)
    only = Path(names[0])
    is_file = len(names) == 1 and (only.suffix.lower() in _FILE_SUFFIXES or only.is_file())
    if (website or country) and (is_file or len(names) > 1):
        raise typer.BadParameter("--website and --country are for one name; a file has columns")
    if is_file:
        if patience:
            raise typer.BadParameter("--patience is for names only; --max-cost limits a file")
        _enrich_file(only, output, terms, dry_run=dry_run, as_json=as_json)
        return
    if output:
        raise typer.BadParameter("--output is for files only")
    limit = None if patience is None else parse_duration(patience)
    mentions = [Mention(check_name(name), website, country) for name in names]
    if dry_run:
        _foresee_names(mentions, terms, as_json=as_json)
    else:
        _enrich_names(mentions, terms, limit, as_json=as_json)


_FILE_SUFFIXES = (".csv", ".tsv", ".txt")
#: Names that are looked up side by side.
AT_ONCE: Final = 50


def _enrich_file(
    path: Path, output: Path | None, terms: Terms, *, dry_run: bool, as_json: bool
) -> None:
    target = output or path.with_suffix(".out.csv")
    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)
    batch = Batch(
        lead_file, JobKind.ENRICH, lambda lead: mention_of(lead).text, CompanyResult, terms
    )
    if dry_run:
        foresee(batch, as_json=as_json)
        return
    check_writable(target)

    async def work(parts: Runtime) -> Outcome:
        return await work_through(parts, batch, target, quiet=as_json)

    finish(with_runtime(work, workers=WORKERS), target, items="companies", as_json=as_json)


def _foresee_names(mentions: list[Mention], terms: Terms, *, as_json: bool) -> None:
    usable = [mention for mention in mentions if own_key(mention) is not None]

    async def work(parts: Runtime) -> Estimate:
        return await estimate_of(
            parts, usable, rows=len(mentions), max_cost_micros=terms.max_cost_micros
        )

    show_estimate(with_runtime(work), as_json=as_json)


def _enrich_names(
    mentions: list[Mention], terms: Terms, patience: timedelta | None, *, as_json: bool
) -> None:
    async def work(parts: Runtime) -> list[CompanyResult]:
        context = await _context(parts, terms)
        reports = await look_up_all(parts, mentions, terms, context, patience)
        complete = await parts.jobs.results.complete([report.result for report in reports])
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


async def _context(parts: Runtime, terms: Terms) -> JobContext:
    """Return what purchases of no job are made for; a cap is kept under an id of its own."""
    run_id = uuid4().hex
    buy_again = run_id if terms.buy_again else None
    if terms.max_cost_micros is None:
        return JobContext(None, terms.tenant_of(parts), capped=False, buy_again=buy_again)
    await parts.purchasing.budget.set_cap(run_account(run_id), terms.max_cost_micros)
    return JobContext(run_id, terms.tenant_of(parts), capped=True, buy_again=buy_again)


async def look_up_all(
    parts: Runtime,
    mentions: list[Mention],
    terms: Terms,
    context: JobContext,
    patience: timedelta | None,
) -> list[Report]:
    """Look *mentions* up side by side; return their reports in order.

    Raises:
        NotNow: A server of ours is away, and nothing could be found out about any of them.
    """
    handler, slots = (
        CompanyHandler(parts.purchasing.enricher, patience=patience),
        asyncio.Semaphore(AT_ONCE),
    )
    longest_s = LONGEST_S if patience is None else min(LONGEST_S, patience.total_seconds())
    bearing = Patience(longest_s)

    async def look_up(mention: Mention) -> Report | NotNow:
        async with slots:
            if terms.deadline is not None and parts.clock() >= terms.deadline:
                return await handler.give_up(mention.text, context, GivenUp(DeadLetter.DEADLINE))
            try:
                # Each with its own count of tries.
                return await patiently(
                    lambda: handler(mention.text, replace(context, tries=Tries())), bearing
                )
            except NotNow as away:
                return away

    found = await asyncio.gather(*map(look_up, mentions))
    faults = [each for each in found if isinstance(each, NotNow)]
    if len(faults) == len(found):
        raise faults[0]
    return [
        _report_of_fault(mention, each) if isinstance(each, NotNow) else each
        for mention, each in zip(mentions, found, strict=True)
    ]


def _report_of_fault(mention: Mention, away: NotNow) -> Report:
    es = "Un servidor no estaba disponible; vuelva a ejecutarlo más tarde."
    reason = Localized(en=f"{away.reason[:1].upper()}{away.reason[1:]}; run it again later.", es=es)
    return report_of_failure(mention, Explanation(ItemStatus.FAILED, "unavailable", reason))


_SEEN_THROUGH = "Waiting until what is under way is paid for and stored; nothing is bought twice."


def _show_all(results: list[CompanyResult], language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json([result.model_dump(mode="json") for result in results])
        return
    for result in results:
        _show(result, language)


def _show(result: CompanyResult, language: Language) -> None:
    out.print(Text.assemble((printable(result.company), "bold"), "  ", _came_about(result)))
    if result.reason is not None:
        out.print(result.reason.in_language(language))
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
