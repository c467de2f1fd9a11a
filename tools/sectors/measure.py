"""Measures answers against labels: share answered, share right, and the calibration.

English rows of the four fifths are judged by weights that were learned from other rows (five
folds), those of the holdout by weights learned from the four fifths; so no row is judged by weights
that know it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orchestrator.evidence.sectors import (
    LANGUAGES,
    LearnedTable,
    guess_from,
    read_text,
    sector_of_category,
)
from tools.sectors.data import Part, Row, folds, part_of
from tools.sectors.learn import learn

PARTS: tuple[Part, ...] = ("four_fifths", "holdout", "all")
_STEPS = (0.75, 0.8, 0.85, 0.9, 0.95)


class Judged(NamedTuple):
    """A row with the answer to it: `label` is None where there was none."""

    row: Row
    label: str | None
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the answer is the label, or one that is as acceptable."""
        return self.label is not None and self.row.accepts(self.label)


def report(texts: list[Row], categories: list[Row]) -> str:
    """Return all figures as Markdown tables; "right" counts a label that is as acceptable, too."""
    judged = judge_texts(texts)
    by_category = [_judge_category(row) for row in categories]
    lines = [
        "| what | part | rows | answered | right | right, strictly |",
        "|---|---|---|---|---|---|",
    ]
    for language in LANGUAGES:
        own = [one for one in judged if one.row.language == language]
        lines += _figures(f"text, {language}", own)
    lines += _figures("category", by_category)
    lines += ["", "| confidence >= |" + "".join(f" {step} |" for step in _STEPS)]
    lines += ["|---" * (len(_STEPS) + 1) + "|"]
    for language in LANGUAGES:
        own = [one for one in judged if one.row.language == language]
        lines.append(f"| text, {language} |" + "".join(f" {_at(own, step)} |" for step in _STEPS))
    return "\n".join(lines)


def judge_texts(texts: list[Row]) -> list[Judged]:
    """Return the answers to all *texts*."""
    known, held = part_of(texts, "four_fifths"), part_of(texts, "holdout")
    pairs = [*folds(known, 5), (known, held)]
    judged = []
    for seen, tried in pairs:
        table = LearnedTable(learn([row for row in seen if row.language == "en"]))
        judged += [judge(row, table if row.language == "en" else None) for row in tried]
    return judged


def judge(row: Row, table: LearnedTable | None) -> Judged:
    """Return the answer to one text by the weights of *table*."""
    reading = read_text(row.text, row.language, row.company, table)
    guess = guess_from(reading, row.language)
    return Judged(row, guess.sector if guess else None, guess.confidence if guess else 0.0)


def _judge_category(row: Row) -> Judged:
    guess = sector_of_category(row.text, language=row.language)
    return Judged(row, guess.sector if guess else None, guess.confidence if guess else 0.0)


def _figures(what: str, judged: list[Judged]) -> Iterator[str]:
    for part in PARTS:
        rows = {row.key for row in part_of((one.row for one in judged), part)}
        own = [one for one in judged if one.row.key in rows]
        labelled = [one for one in own if one.row.sector]
        answered = [one for one in own if one.label]
        covered = _share(sum(bool(one.label) for one in labelled), len(labelled))
        strict = _share(sum(one.label == one.row.sector for one in answered), len(answered))
        yield f"| {what} | {part} | {len(own)} | {covered} | {_right(answered)} | {strict} |"


def _at(judged: list[Judged], least: float) -> str:
    answered = [one for one in judged if one.label and one.confidence >= least]
    return f"{_right(answered)} ({len(answered)})"


def _right(answered: Iterable[Judged]) -> str:
    flags = [one.is_right for one in answered]
    return _share(sum(flags), len(flags))


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else "-"
