"""`emasai enrich`: evidence about companies, without judging them."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from orchestrator.app import Runtime
from orchestrator.cli.batch import Batch, Outputs, run_file
from orchestrator.cli.console import (
    day,
    dollars,
    err,
    instant,
    out,
    percent,
    print_json,
    table,
)
from orchestrator.cli.costs import show_warnings
from orchestrator.cli.explain import show_evidence
from orchestrator.cli.options import (
    AsJson,
    BuyAgain,
    City,
    ColumnNames,
    Country,
    Deadline,
    DryRun,
    EncodingName,
    ErrorsFile,
    MappingFile,
    MaxCost,
    Output,
    Tenant,
    Website,
    check_name,
    parse_columns,
    parse_duration,
    parse_terms,
)
from orchestrator.cli.run import SUFFIXES
from orchestrator.cli.session import LONGEST_S, Patience, patiently, with_runtime
from orchestrator.cli.spanish import language, translate
from orchestrator.cli.summary import Estimate, estimate, in_parts, show_estimate, summarize
from orchestrator.dispatch import Terms
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers import STILL_LOADING, CompanyResult
from orchestrator.handlers.result import own_key
from orchestrator.identity import Mention
from orchestrator.infra.printable import printable
from orchestrator.jobs import JobKind
from orchestrator.leadfile import FOR_ENRICHMENT, read_lead_file
from orchestrator.lookup import billing_context, look_up_all, read_evidence
from orchestrator.purchasing import EvidenceShown
from orchestrator.spending import read_budgets

#: Names that are looked up side by side.
AT_ONCE: Final = 50


_IN_FLIGHT = "Waiting until purchases in flight are stored; nothing is bought twice."


def enrich(  # noqa: PLR0913 - each is an option
    names: Annotated[
        list[str], typer.Argument(metavar="NAME... | FILE.csv", help="Companies, or a file.")
    ],
    output: Output = None,
    errors: ErrorsFile = None,
    *,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    encoding: EncodingName = None,
    max_cost: MaxCost = None,
    deadline: Deadline = None,
    tenant: Tenant = None,
    buy_again: BuyAgain = False,
    dry_run: DryRun = False,
    patience: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="For names: the longest wait for each, such as 5s."),
    ] = None,
    website: Website = None,
    country: Country = None,
    city: City = None,
    with_evidence: Annotated[
        bool,
        typer.Option(
            "--show-evidence",
            help="For names: what was found where, the score's bounds, and what was not bought.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look up companies by name, or those of a file; each is bought once.

    A name that takes longer than --patience is still bought, once: the other answers are shown,
    and the command ends when that purchase is stored.
    """
    terms = parse_terms(max_cost, deadline, tenant, buy_again=buy_again)
    only = Path(names[0])
    is_path = only.is_file() or (only.is_dir() and len(only.parts) > 1)
    is_file = len(names) == 1 and (only.suffix.lower() in SUFFIXES or is_path)
    if (website or country or city) and (is_file or len(names) > 1):
        complaint = "--website, --country and --city are for one name; a file has columns"
        raise typer.BadParameter(complaint)
    if is_file:
        if patience:
            raise typer.BadParameter("--patience is for names only; --max-cost limits a file")
        if with_evidence:
            raise typer.BadParameter("--show-evidence is for names only; a file has columns")
        lead_file = read_lead_file(
            only, needs=FOR_ENRICHMENT, columns=parse_columns(columns, mapping), encoding=encoding
        )
        batch = Batch(lead_file, JobKind.ENRICH, CompanyResult, terms)
        run_file(
            batch, Outputs(output, errors), items="companies", dry_run=dry_run, as_json=as_json
        )
        return
    if output or errors or columns or mapping or encoding:
        raise typer.BadParameter("--output, --column, --mapping and --encoding are for files only")
    limit = None if patience is None else parse_duration(patience)
    mentions = [Mention(check_name(name), website, country, city) for name in names]
    if dry_run:
        _estimate_names(mentions, terms, as_json=as_json)
    else:
        _enrich_names(mentions, terms, limit, with_evidence=with_evidence, as_json=as_json)


def _estimate_names(mentions: list[Mention], terms: Terms, *, as_json: bool) -> None:
    usable = [(mention, wants_profile) for mention in mentions if own_key(mention) is not None]

    async def work(runtime: Runtime) -> Estimate:
        cap = terms.max_cost_micros
        parts = in_parts(usable)
        return await estimate(runtime, parts, rows=len(mentions), max_cost_micros=cap)

    show_estimate(with_runtime(work), as_json=as_json)


def _enrich_names(
    mentions: list[Mention],
    terms: Terms,
    patience: timedelta | None,
    *,
    with_evidence: bool,
    as_json: bool,
) -> None:
    async def work(runtime: Runtime) -> list[CompanyResult]:
        context = await billing_context(runtime, terms)
        longest_s = LONGEST_S if patience is None else min(LONGEST_S, patience.total_seconds())
        retried = partial(patiently, patience=Patience(longest_s))
        reports = await look_up_all(runtime, mentions, terms, context, patience, retried)
        complete = await runtime.jobs.results.complete([report.result for report in reports])
        results = [CompanyResult.model_validate(result) for result in complete]
        shown = None
        if with_evidence:
            shown = [await _evidence_of(runtime, mention) for mention in mentions]
        # Printed here: closing the runtime waits for purchases that have outlasted --patience.
        _show_all(results, shown, as_json=as_json)
        if not as_json:
            show_warnings(await read_budgets(runtime, context))
        if any(result.code == STILL_LOADING for result in results):
            err.print(translate(_IN_FLIGHT))
        return results

    results = with_runtime(work)
    summary = summarize(results, rows=len(mentions), items=len(mentions))
    raise typer.Exit(summary.exit_code)


async def _evidence_of(runtime: Runtime, mention: Mention) -> EvidenceShown | None:
    """Return what is kept of a company; None of a name that means none."""
    if own_key(mention) is None:
        return None
    return await patiently(lambda: read_evidence(runtime, mention), Patience())


def _show_all(
    results: list[CompanyResult],
    shown: list[EvidenceShown | None] | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        found = [result.model_dump(mode="json") for result in results]
        if shown is not None:
            for each, evidence in zip(found, shown, strict=True):
                each["research"] = evidence and evidence.as_json()
        print_json(found)
        return
    for number, result in enumerate(results):
        out.print(Text.assemble((printable(result.company), "bold"), "  ", _origin(result)))
        if result.reason is not None:
            out.print(result.reason.in_language(language()))
        if shown is not None:
            if evidence := shown[number]:
                show_evidence(evidence)
        elif result.evidence is not None:
            claims = table("field", "value", "confidence", "as of", "source", gap=1)
            for claim in sorted(result.evidence.claims, key=lambda claim: claim.field):
                claims.add_row(
                    claim.field.value,
                    str(claim.value),
                    percent(claim.confidence),
                    day(claim.as_of),
                    claim.source_url or "",
                )
            out.print(claims)


def _origin(result: CompanyResult) -> str:
    """Return how a result came about, and what it cost or saved."""
    details = [] if result.source is None else [result.source.value]
    if result.cost_micros:
        details.append(translate("paid {}", dollars(result.cost_micros)))
    elif result.source is not None:
        details.append(translate("saved {}", dollars(result.saved_micros)))
    if result.uncertain_micros:
        details.append(translate("uncertain {}", dollars(result.uncertain_micros)))
    if result.as_of:
        details.append(translate("as of {} UTC", instant(result.as_of)))
    if details and result.simulated:
        details.append(translate("simulated"))
    return f"{result.status.value} ({', '.join(details)})" if details else result.status.value
