"""`emasai explain` and `emasai invalidate`: what is known of a company, and forgetting it.

Evidence is shown as tables for people: steps, sources, values, candidates. Its texts come from the
web: the console shows what a terminal could act on as escapes.
"""

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from agents.case import Claim, Language, Localized
from orchestrator.app import Runtime
from orchestrator.evidence.model import Agreement
from orchestrator.evidence.waterfall import step_name, why
from orchestrator.identity import Mention
from orchestrator.leads import StoredDecision
from orchestrator.lookup import CompanyHistory, entry_json, forget, read_history
from orchestrator.purchasing import (
    EvidenceShown,
    LedgerEntry,
    PurchaseOutcome,
    StepShown,
    entry_key,
)
from orchestrator.surfsense.verbs import step_of

from .console import dollars, out, print_json, table
from .identity import print_resolution
from .options import AsJson, City, CompanyName, CompanyNames, Country, Website
from .session import with_runtime

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
    table = _titled_table("Bought", *columns)
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
    table = _titled_table("Judged", "confirmed (UTC)", "lead", "score", "verdict", "reason")
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


def _titled_table(title: str, *columns: str) -> Table:
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


#: Characters of a text from the web in a table; the JSON has all of it.
LONGEST: Final = 300

_STYLE: Final = {Agreement.AGREE: "green", Agreement.WEAK: "yellow", Agreement.CONFLICT: "red"}
_NO_STEPS: Final = Localized(
    en="The seller gives one answer: it names no steps, nor what it looked at.",
    es="El vendedor da una sola respuesta: no nombra pasos ni lo que ha consultado.",
)
_ARCHIVED: Final = Localized(
    en="From the archive: the next lookup buys.",
    es="Del archivo: la próxima consulta compra.",
)
_NO_SITE: Final = Localized(en="No website was chosen.", es="No se ha elegido ninguna página web.")
_NOT_KEPT: Final = Localized(en="not kept any more", es="ya no se conserva")
_UNEXPLAINED: Final = Localized(en="not bought", es="no se compra")


def show_evidence(shown: EvidenceShown, language: Language) -> None:
    """Print *shown*."""
    if not shown.is_current:
        out.print(_ARCHIVED.in_language(language), style="yellow")
    if shown.has_steps:
        out.print(_steps(shown, language))
        for sentence in not_bought(shown, language):
            out.print(sentence)
    else:
        out.print(_NO_STEPS.in_language(language))
    if shown.sources:
        out.print(_sources(shown, language))
    if shown.evidence is not None and shown.evidence.claims:
        out.print(_values(sorted(shown.evidence.claims, key=lambda claim: claim.field)))
    if shown.website is not None:
        for line in _website(shown, language):
            out.print(line)


def not_bought(shown: EvidenceShown, language: Language) -> Iterator[str]:
    """Yield why nothing more was bought, and why each step was not."""
    if shown.stopped is not None:
        sentence = why(
            shown.stopped,
            language,
            for_profile=shown.for_profile,
            score=_last_score(shown),
            threshold=shown.threshold,
        )
        yield f"{sentence[:1].upper()}{sentence[1:]}."
    for step, reason in (shown.not_bought or {}).items():
        name = step_name(step, language)
        if reason is None:
            yield f"  {name}: {_UNEXPLAINED.in_language(language)}"
        else:
            yield f"  {name}: {why(reason, language, for_profile=shown.for_profile)}"


def _last_score(shown: EvidenceShown) -> tuple[int, int] | None:
    bounds = shown.steps[-1].bounds if shown.steps else None
    return None if bounds is None else (bounds.lowest, bounds.highest)


def _steps(shown: EvidenceShown, language: Language) -> Table:
    columns = (
        "source",
        "cost",
        "bought (UTC)",
        "found",
        "brought",
        "score",
        "possible",
        "may end as",
    )
    steps = _table(*columns, right=("cost", "found", "score"))
    for step in shown.steps:
        steps.add_row(
            step_name(step.step, language),
            dollars(step.cost_micros),
            "" if step.bought_at is None else f"{step.bought_at:%Y-%m-%d %H:%M:%S}",
            "" if step.items is None else str(step.items),
            step.failure or ", ".join(field.value for field in step.brought) or "-",
            *_bounds(step, language),
        )
    steps.add_row("", dollars(shown.cost_micros))
    return steps


def _bounds(step: StepShown, language: Language) -> tuple[str, str, str]:
    bounds = step.bounds
    if bounds is None:
        return "", "", _NOT_KEPT.in_language(language) if step.failure is None else ""
    low, high = bounds.lowest, bounds.highest
    score = str(low) if low == high else f"{low}-{high}"
    return str(step.score), score, ", ".join(sorted(bounds.verdicts))


def _sources(shown: EvidenceShown, language: Language) -> Table:
    sources = _table("looked at", "source", "agreement", "because", "taken")
    for source in shown.sources:
        sources.add_row(
            "\n".join(filter(None, (source.title, source.url))),
            step_name(source.step, language),
            Text(source.agreement.value, style=_STYLE[source.agreement]),
            "; ".join(source.reasons),
            ", ".join(source.taken),
        )
    return sources


def _values(claims: list[Claim]) -> Table:
    values = _table("field", "value", "confidence", "as of", "status", "quote and source")
    for claim in claims:
        others = [f"({', '.join(map(str, claim.alternatives))}?)"] if claim.alternatives else []
        quote = f'"{on_one_line(claim.quote)}"' if claim.quote else ""
        values.add_row(
            claim.field.value,
            on_one_line(" ".join([str(claim.value), *others])),
            f"{claim.confidence:.0%}",
            f"{claim.as_of:%Y-%m-%d}",
            "\n".join(filter(None, (claim.status, claim.method))),
            "\n".join(filter(None, (quote, claim.source_url))),
        )
    return values


def _table(*columns: str, right: Collection[str] = ()) -> Table:
    """Return an empty table that breaks long addresses instead of cutting them."""
    new = table(*columns, right=right, gap=2)
    for column in new.columns:
        column.overflow = "fold"
    return new


def on_one_line(text: str) -> str:
    r"""Return *text* without line breaks, and not too long for a table.

    >>> on_one_line("Calle Mayor, 1\n\n Madrid")
    'Calle Mayor, 1 Madrid'
    """
    line = " ".join(text[: 2 * LONGEST].split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _website(shown: EvidenceShown, language: Language) -> Iterator[Table | str]:
    choice = shown.website
    if choice is None:
        return
    if choice.url is None:
        yield _NO_SITE.in_language(language)
    if choice.reasons:
        yield f"{choice.url or ''}: {'; '.join(choice.reasons)}".lstrip(": ")
    if choice.candidates:
        candidates = _table("website candidate", "points", "because", right=("points",))
        for each in choice.candidates:
            mark = " *" if each.domain == choice.domain else ""
            candidates.add_row(f"{each.url}{mark}", f"{each.score:.2f}", "; ".join(each.reasons))
        yield candidates
