"""`emasai explain` and `emasai invalidate`: what is known of a company, and forgetting it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, out, print_json
from orchestrator.cli.identity import Resolution, print_resolution, resolve
from orchestrator.cli.options import AsJson, CompanyName, CompanyNames, Country, Website
from orchestrator.cli.session import with_runtime
from orchestrator.identity import as_key, is_refined
from orchestrator.leads import StoredDecision
from orchestrator.memo import Entry
from orchestrator.purchasing import LedgerEntry, PurchaseOutcome, Reuse, entry_key

#: Characters of an id in a table.
SHORT: Final = 8
_PLURAL: Final = {"hit": "hits"}


@dataclass(frozen=True, slots=True)
class CompanyHistory:
    """All that is known of a company."""

    name: Resolution
    entry: Entry | None
    purchases: list[LedgerEntry]
    servings: list[Reuse]
    decisions: list[StoredDecision]
    now: datetime
    fresh_for: timedelta
    language: Language

    def as_json(self) -> dict[str, Any]:
        """Return the history for `--json`."""
        return {
            **self.name.as_json(),
            "entry": self.entry and _entry_json(self.entry, self.now),
            "purchases": [self._purchase_json(purchase) for purchase in self.purchases],
            "charged_micros": self.charged_micros,
            "uncertain_micros": self.uncertain_micros,
            "decisions": [decision.model_dump(mode="json") for decision in self.decisions],
        }

    @property
    def charged_micros(self) -> int:
        """The cost of all purchases with an answer."""
        return sum(each.cost_micros for each in self.purchases if not each.is_uncertain)

    @property
    def uncertain_micros(self) -> int:
        """What purchases with lost answers may have cost."""
        return sum(each.cost_micros for each in self.purchases if each.is_uncertain)

    def servings_of(self, purchase: LedgerEntry) -> list[Reuse]:
        """Return the lookups that *purchase* has answered since."""
        return [each for each in self.servings if each.purchase_id == purchase.purchase_id]

    def _purchase_json(self, purchase: LedgerEntry) -> dict[str, Any]:
        servings = self.servings_of(purchase)
        return {
            **purchase.model_dump(mode="json"),
            "served": {each.source: each.served for each in servings},
            "saved_micros": sum(each.saved_micros for each in servings),
        }


def explain(
    name: CompanyName,
    *,
    website: Website = None,
    country: Country = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a company: its key, purchases, cache hits and decisions."""

    async def work(runtime: Runtime) -> CompanyHistory:
        found = await resolve(runtime, name, website=website, country=country)
        purchases = [
            each for key in found.keys for each in await runtime.purchasing.ledger.purchases_of(key)
        ]
        decisions = [
            each
            for key in found.keys
            for each in await runtime.leads.store.decisions_for_company(key)
        ]
        return CompanyHistory(
            found,
            await runtime.purchasing.enricher.entry_of(found.company),
            sorted(purchases, key=lambda purchase: purchase.settled_at),
            await runtime.purchasing.reuse.of([purchase.purchase_id for purchase in purchases]),
            sorted(decisions, key=lambda decision: decision.confirmed_at),
            runtime.clock(),
            runtime.settings.redis_ttl,
            runtime.settings.language,
        )

    history = with_runtime(work)
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
    if history.decisions:
        out.print(_decisions(history.decisions, history.language))


def _memo_sentence(history: CompanyHistory) -> str:
    entry = history.entry
    if entry is not None:
        state = _entry_json(entry, history.now)
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


def _entry_json(entry: Entry, now: datetime) -> dict[str, Any]:
    now_ms = int(now.timestamp() * 1000)
    return {
        "status": entry.status,
        "stored_at": datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC).isoformat(),
        "age_s": entry.age_ms(now_ms) // 1000,
        "fresh_for_s": max(0, entry.expires_at_ms - now_ms) // 1000,
    }


def _purchases(history: CompanyHistory) -> Table:
    columns = ("settled (UTC)", "cost", "saved", "outcome", "job", "asked as", "has served")
    table = _table("Bought", *columns)
    for purchase in history.purchases:
        servings = history.servings_of(purchase)
        table.add_row(
            f"{purchase.settled_at:%Y-%m-%d %H:%M:%S}",
            dollars(purchase.cost_micros) + (" (estimated)" if purchase.estimated else ""),
            dollars(sum(each.saved_micros for each in servings)),
            purchase.outcome.value,
            (purchase.job_id or "-")[:SHORT],
            purchase.company,
            ", ".join(f"{each.served} {_PLURAL.get(each.source, each.source)}" for each in servings)
            or "no other lookup",
        )
    saved = sum(each.saved_micros for each in history.servings)
    table.add_row("charged", dollars(history.charged_micros), dollars(saved))
    if history.uncertain_micros:
        remark = "may have been charged; answers lost"
        table.add_row("uncertain", dollars(history.uncertain_micros), "", remark)
    return table


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
    """Forget stored results of companies, so that the next lookup buys them again.

    The result of a purchase in flight is not stored either; its cost stays counted.
    """
    if bool(names) == bool(pattern):
        raise typer.BadParameter("give either names or --pattern")
    keys = [as_key(name) for name in names or ()]

    async def work(runtime: Runtime) -> int:
        if pattern is not None:
            return await runtime.purchasing.memo.invalidate_pattern(entry_key(pattern))
        known = {one for key in keys for one in await _all_keys(runtime, key)}
        return await runtime.purchasing.memo.invalidate(*map(entry_key, known))

    removed = with_runtime(work)
    if as_json:
        print_json({"removed": removed})
    else:
        out.print(f"Forgot {removed} {'entry' if removed == 1 else 'entries'}.")


async def _all_keys(runtime: Runtime, key: str) -> set[str]:
    """Return the keys of all companies that *key*, or a name with that key, may mean."""
    companies = () if is_refined(key) else await runtime.identity.index.companies_of(key)
    return {
        one for each in (key, *companies) for one in await runtime.identity.index.merged_keys(each)
    }
