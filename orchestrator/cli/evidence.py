"""What was found about a company, as tables for people: steps, sources, values, candidates.

Texts come from the web: the console shows what a terminal could act on as escapes.
"""

from collections.abc import Collection, Iterator
from typing import Final

from rich.table import Table
from rich.text import Text

from agents.case import Claim, Language, Localized
from orchestrator.cli.console import dollars, out, table
from orchestrator.evidence.model import Agreement
from orchestrator.evidence.waterfall import step_name, why
from orchestrator.purchasing import EvidenceShown, StepShown

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
