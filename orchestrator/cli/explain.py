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

from agents.case import Claim
from orchestrator.app import Runtime
from orchestrator.evidence.model import Agreement
from orchestrator.evidence.waterfall import step_name, why
from orchestrator.evidence.website import WebsiteChoice
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

from .console import (
    day,
    dollars,
    instant,
    number,
    out,
    percent,
    print_json,
    print_sentence,
    table,
)
from .identity import print_resolution
from .options import AsJson, City, CompanyName, CompanyNames, Country, Website
from .session import with_runtime
from .spanish import language, translate

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
        out.print(_memo_sentence(history), soft_wrap=True)
    if history.purchases:
        out.print(_purchases(history))
    else:
        print_sentence("Nothing was bought.")
    if history.shown is not None:
        show_evidence(history.shown)
    if history.decisions:
        out.print(_decisions(history.decisions))


def _memo_sentence(history: CompanyHistory) -> str:
    entry = history.entry
    if entry is not None:
        state = entry_json(entry, history.now)
        return translate(
            "The memo has a fresh entry ({}), {} s old; it serves for another {} s.",
            entry.status,
            state["age_s"],
            state["fresh_for_s"],
        )
    last = max(history.purchases, key=lambda purchase: purchase.started_at, default=None)
    if last is not None and (last.is_uncertain or last.outcome is PurchaseOutcome.FAILED):
        left = last.started_at + history.fresh_for - history.now
        if left > timedelta(0):
            return translate(
                "The memo has no fresh entry. The last purchase has no answer and may have been "
                "charged: it is not repeated for {} min, unless you ask for it with "
                "`emasai enrich NAME --buy-again`.",
                round(left / timedelta(minutes=1)),
            )
    return translate("The memo has no fresh entry: the next lookup buys.")


def _purchases(history: CompanyHistory) -> Table:
    money, identity = ("source", "cost", "saved", "outcome"), ("job", "asked as", "has served")
    table = _titled_table("Bought", "settled (UTC)", *money, *identity)
    for purchase in history.purchases:
        servings = history.servings_of(purchase)
        served = (
            f"{number(each.served)} {translate(_PLURAL.get(each.source, each.source))}"
            for each in servings
        )
        estimated = f" ({translate('estimated')})" if purchase.estimated else ""
        table.add_row(
            instant(purchase.settled_at),
            _source_of(purchase),
            dollars(purchase.cost_micros) + estimated,
            dollars(sum(each.saved_micros for each in servings)),
            purchase.outcome.value,
            (purchase.job_id or "-")[:SHORT],
            purchase.company,
            ", ".join(served) or translate("no other lookup"),
        )
    saved = sum(each.saved_micros for each in history.servings)
    table.add_row(translate("charged"), "", dollars(history.charged_micros), dollars(saved))
    if history.uncertain_micros:
        remark = translate("may have been charged; answers lost")
        uncertain = dollars(history.uncertain_micros)
        table.add_row(translate("uncertain"), "", uncertain, "", remark)
    return table


def _source_of(purchase: LedgerEntry) -> str:
    """Return how people call where something was bought."""
    step = step_of(purchase.source)
    return purchase.source if step is None else step_name(step, language())


def _decisions(decisions: list[StoredDecision]) -> Table:
    table = _titled_table("Judged", "confirmed (UTC)", "lead", "score", "verdict", "reason")
    for stored in decisions:
        decision = stored.decision
        table.add_row(
            instant(stored.confirmed_at),
            str(stored.lead_id)[:SHORT],
            "-" if decision.score is None else str(decision.score),
            decision.code,
            decision.reason.in_language(language()),
        )
    return table


def _titled_table(title: str, *columns: str) -> Table:
    titled = table(*columns, gap=2)
    titled.title, titled.title_justify, titled.expand = translate(title), "left", True
    for column in titled.columns:
        # One line for each row: the JSON has what does not fit.
        column.no_wrap = True
    titled.columns[-1].ratio = 1
    return titled


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
        forgot = "Forgot {} entry." if removed == 1 else "Forgot {} entries."
        print_sentence(forgot, number(removed))


#: Characters of a text from the web in a table; the JSON has all of it.
LONGEST: Final = 300

_STYLE: Final = {Agreement.AGREE: "green", Agreement.WEAK: "yellow", Agreement.CONFLICT: "red"}


def show_evidence(shown: EvidenceShown) -> None:
    """Print *shown*."""
    if not shown.is_current:
        print_sentence("From the archive: the next lookup buys.", style="yellow")
    if shown.has_steps:
        out.print(_steps(shown))
        for sentence in _not_bought(shown):
            out.print(sentence)
    else:
        print_sentence("The seller gives one answer: it names no steps, nor what it looked at.")
    if shown.sources:
        out.print(_sources(shown))
    if shown.evidence is not None and shown.evidence.claims:
        out.print(_values(sorted(shown.evidence.claims, key=lambda claim: claim.field)))
    if shown.website is not None:
        for line in _website(shown.website):
            out.print(line)


def _not_bought(shown: EvidenceShown) -> Iterator[str]:
    """Yield why nothing more was bought, and why each step was not."""
    if shown.stopped is not None:
        sentence = why(
            shown.stopped,
            language(),
            for_profile=shown.for_profile,
            score=_last_score(shown),
            threshold=shown.threshold,
        )
        yield f"{sentence[:1].upper()}{sentence[1:]}."
    for step, reason in (shown.not_bought or {}).items():
        name = step_name(step, language())
        if reason is None:
            yield f"  {name}: {translate('not bought')}"
        else:
            yield f"  {name}: {why(reason, language(), for_profile=shown.for_profile)}"


def _last_score(shown: EvidenceShown) -> tuple[int, int] | None:
    bounds = shown.steps[-1].bounds if shown.steps else None
    return None if bounds is None else (bounds.lowest, bounds.highest)


def _steps(shown: EvidenceShown) -> Table:
    bought, judged = ("bought (UTC)", "found", "brought"), ("score", "possible", "may end as")
    steps = _table("source", "cost", *bought, *judged, right=("cost", "found", "score"))
    for step in shown.steps:
        steps.add_row(
            step_name(step.step, language()),
            dollars(step.cost_micros),
            "" if step.bought_at is None else instant(step.bought_at),
            "" if step.items is None else number(step.items),
            step.failure or ", ".join(field.value for field in step.brought) or "-",
            *_bounds(step),
        )
    steps.add_row("", dollars(shown.cost_micros))
    return steps


def _bounds(step: StepShown) -> tuple[str, str, str]:
    bounds = step.bounds
    if bounds is None:
        return "", "", translate("not kept any more") if step.failure is None else ""
    low, high = bounds.lowest, bounds.highest
    score = str(low) if low == high else f"{low}-{high}"
    return str(step.score), score, ", ".join(sorted(bounds.verdicts))


def _sources(shown: EvidenceShown) -> Table:
    sources = _table("looked at", "source", "agreement", "because", "taken")
    for source in shown.sources:
        sources.add_row(
            "\n".join(filter(None, (source.title, source.url))),
            step_name(source.step, language()),
            Text(translate(source.agreement), style=_STYLE[source.agreement]),
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
            percent(claim.confidence),
            day(claim.as_of),
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


def _website(choice: WebsiteChoice) -> Iterator[Table | str]:
    if choice.url is None:
        yield translate("No website was chosen.")
    if choice.reasons:
        yield f"{choice.url or ''}: {'; '.join(choice.reasons)}".lstrip(": ")
    if choice.candidates:
        candidates = _table("website candidate", "points", "because", right=("points",))
        for each in choice.candidates:
            mark = " *" if each.domain == choice.domain else ""
            candidates.add_row(f"{each.url}{mark}", number(each.score, 2), "; ".join(each.reasons))
        yield candidates
