"""`emasai explain` and `emasai invalidate`: what is known of a company, and forgetting it."""

from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, out, print_json
from orchestrator.cli.evidence import show_evidence
from orchestrator.cli.identity import print_resolution
from orchestrator.cli.options import AsJson, City, CompanyName, CompanyNames, Country, Website
from orchestrator.cli.session import with_runtime
from orchestrator.evidence.waterfall import step_name
from orchestrator.identity import Mention
from orchestrator.leads import StoredDecision
from orchestrator.lookup import CompanyHistory, entry_json, forget, read_history
from orchestrator.purchasing import LedgerEntry, PurchaseOutcome, entry_key
from orchestrator.surfsense.verbs import step_of

#: Characters of an id in a table.
SHORT: Final = 8
_PLURAL: Final = {"hit": "hits"}


def explain(
    name: CompanyName,
    *,
    website: Website = None,
    country: Country = None,
    city: City = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a company: key, purchases, evidence and decisions."""
    mention = Mention(name, website, country, city)
    history = with_runtime(lambda runtime: read_history(runtime, mention))
    if as_json:
        print_json(history.as_json())
    else:
        _show(history)


def _show(history: CompanyHistory) -> None:
    print_resolution(history.name)
    if not history.name.company.is_ambiguous:
        out.print(_memo_sentence(history))
    if history.purchases:
        out.print(_purchases(history))
    else:
        out.print("Nothing was bought.")
    if history.shown is not None:
        show_evidence(history.shown, history.language)
    if history.decisions:
        out.print(_decisions(history.decisions, history.language))


def _memo_sentence(history: CompanyHistory) -> str:
    entry = history.entry
    if entry is not None:
        state = entry_json(entry, history.now)
        return (
            f"The memo has a fresh entry ({entry.status}), {state['age_s']} s old; "
            f"it serves for another {state['fresh_for_s']} s."
        )
    last = max(history.purchases, key=lambda purchase: purchase.started_at, default=None)
    if last is not None and (last.is_uncertain or last.outcome is PurchaseOutcome.FAILED):
        left = last.started_at + history.fresh_for - history.now
        if left > timedelta(0):
            return (
                f"The memo has no fresh entry. The last purchase has no answer and may have been "
                f"charged: it is not repeated for {round(left / timedelta(minutes=1))} min, unless "
                "you ask for it with `emasai enrich NAME --buy-again`."
            )
    return "The memo has no fresh entry: the next lookup buys."


def _purchases(history: CompanyHistory) -> Table:
    columns = (
        "settled (UTC)",
        "source",
        "cost",
        "saved",
        "outcome",
        "job",
        "asked as",
        "has served",
    )
    table = _table("Bought", *columns)
    for purchase in history.purchases:
        servings = history.servings_of(purchase)
        table.add_row(
            f"{purchase.settled_at:%Y-%m-%d %H:%M:%S}",
            _source_of(purchase, history.language),
            dollars(purchase.cost_micros) + (" (estimated)" if purchase.estimated else ""),
            dollars(sum(each.saved_micros for each in servings)),
            purchase.outcome.value,
            (purchase.job_id or "-")[:SHORT],
            purchase.company,
            ", ".join(f"{each.served} {_PLURAL.get(each.source, each.source)}" for each in servings)
            or "no other lookup",
        )
    saved = sum(each.saved_micros for each in history.servings)
    table.add_row("charged", "", dollars(history.charged_micros), dollars(saved))
    if history.uncertain_micros:
        remark = "may have been charged; answers lost"
        table.add_row("uncertain", "", dollars(history.uncertain_micros), "", remark)
    return table


def _source_of(purchase: LedgerEntry, language: Language) -> str:
    """Return how people call where something was bought."""
    step = step_of(purchase.source)
    return purchase.source if step is None else step_name(step, language)


def _decisions(decisions: list[StoredDecision], language: Language) -> Table:
    table = _table("Judged", "confirmed (UTC)", "lead", "score", "verdict", "reason")
    for stored in decisions:
        decision = stored.decision
        table.add_row(
            f"{stored.confirmed_at:%Y-%m-%d %H:%M:%S}",
            str(stored.lead_id)[:SHORT],
            "-" if decision.score is None else str(decision.score),
            decision.code,
            decision.reason.in_language(language),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, expand=True, padding=(0, 2, 0, 0))
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    # One line for each row: the JSON has what does not fit.
    table.add_column(columns[-1], no_wrap=True, ratio=1)
    return table


def invalidate(
    names: CompanyNames = None,
    *,
    pattern: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Forget all keys that match, e.g. 'banco_*'."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forget results of companies; their next lookup buys them again.

    The result of a purchase in flight is not stored either; its cost stays counted.
    """
    if bool(names) == bool(pattern):
        raise typer.BadParameter("give either names or --pattern")

    async def work(runtime: Runtime) -> int:
        if pattern is not None:
            return await runtime.purchasing.memo.invalidate_pattern(entry_key(pattern))
        return await forget(runtime, names or ())

    removed = with_runtime(work)
    if as_json:
        print_json({"removed": removed})
    else:
        out.print(f"Forgot {removed} {'entry' if removed == 1 else 'entries'}.")
