"""Prints how often answers about companies were right, against the confidence that they were given.

    python -m tools.evidence_calibration FOLDER [--part dev|holdout|all] [--set dev]

FOLDER has labelled data in the form that its README describes; it is no part of this project. The
table stands in docs/evidence.md, and `orchestrator/evidence/data/confidence.toml` has its numbers
from there. Labels have errors of their own, so no share reaches 1.
"""

import argparse
import csv
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from agents.case import ClaimField
from orchestrator.evidence import sectors, website
from orchestrator.evidence.agreement import place_belongs
from orchestrator.evidence.confidence import Statement, judge
from orchestrator.evidence.contacts import contacts_in
from orchestrator.evidence.hosts import host_of, registrable
from orchestrator.evidence.model import Agreement, Method, Observed, Place, Step, Subject
from tools.evidence_entry import hits_of

Row: TypeAlias = Mapping[str, Any]

#: Every fifth row, by a hash that never changes, is only measured and never looked at.
_HOLDOUT: Final = 5
_MOST_MARKS: Final = 4
_CERTAINTY: Final = 1.96
"""Standard deviations of the bound that the true share exceeds in 97.5 of 100 cases."""


class Answer(NamedTuple):
    """One answer: the method's own mark of it, the confidence it was given, and the truth."""

    mark: float
    confidence: float
    is_right: bool


class Task(NamedTuple):
    """Labelled data (a file's stem), and how answers to a row of it are made and compared."""

    name: str
    data: str
    answers: Callable[[Row], Iterable[Answer]]


def believed(field: ClaimField, method: Method, own: float | None = None) -> float:
    """Return the confidence of a value that a single source states."""
    observed = Observed(field, "x", "x", method, Step.CRAWL, confidence=own)
    ((judged,),) = judge([Statement(observed, "one source")]).values()
    return judged.confidence


def _sector(row: Row) -> Iterator[Answer]:
    guess = sectors.sector_in_text(row["text"], language=row["lang"], name=row["company"])
    return _sector_answer(row, guess, Method.WORD_LIST)


def _category(row: Row) -> Iterator[Answer]:
    guess = sectors.sector_of_category(row["category"], language=row["lang"])
    return _sector_answer(row, guess, Method.MAPS_CATEGORY)


def _hand_labelled(row: Row) -> Iterator[Answer]:
    if row["label"] == "manual":
        yield from _category(row)


def _sector_answer(row: Row, guess: sectors.SectorGuess | None, method: Method) -> Iterator[Answer]:
    if guess:
        accepted = {row["sector"], *filter(None, row["also"].split("|"))}
        confidence = believed(ClaimField.SECTOR, method, guess.confidence)
        yield Answer(guess.confidence, confidence, guess.sector.value in accepted)


def _website(row: Row) -> Iterator[Answer]:
    subject = Subject(row["company"], city=row["city"] or None, country=row["country"] or None)
    choice = website.choose(subject, hits_of(row["item"]), ())
    if choice.domain:
        accepted = {_site(one) for one in (row["domain"], *row["accept"]) if one}
        score = max((one.score for one in choice.candidates), default=0.0)
        confidence = believed(ClaimField.WEBSITE, Method.WEBSITE_SCORE)
        yield Answer(score, confidence, _site(choice.domain) in accepted)


def _place(row: Row) -> Iterator[Answer]:
    subject = Subject(row["company"], city=row["city"] or None, country=row["country"] or None)
    place = Place(
        row["place_title"],
        city=row["place_city"] or None,
        country=row["country"] or None,
        website=row["place_website"] or None,
    )
    # A further branch of the same company is neither right nor wrong.
    is_debatable = row["kind"].startswith("branch")
    if place_belongs(subject, place).agreement is Agreement.AGREE and not is_debatable:
        yield Answer(1.0, believed(ClaimField.PHONE, Method.MAPS_FIELD), row["same"] == "1")


def _emails(row: Row) -> Iterator[Answer]:
    accepted = {email.casefold() for email in row["emails"]}
    confidence = believed(ClaimField.EMAIL, Method.PAGE_CONTACT)
    for email in contacts_in(row["text"], row["country"]).emails:
        yield Answer(1.0, confidence, email.value in accepted)


def _phones(row: Row) -> Iterator[Answer]:
    accepted = {_alnum(phone) for phone in row["phones"]}
    faxes = {_alnum(phone) for phone in row.get("fax") or ()}
    confidence = believed(ClaimField.PHONE, Method.PAGE_CONTACT)
    for phone in contacts_in(row["text"], row["country"]).phones:
        if _alnum(phone.value) not in faxes:
            yield Answer(1.0, confidence, _alnum(phone.value) in accepted)


def _tax_ids(row: Row) -> Iterator[Answer]:
    accepted = {_alnum(tax_id["value"]) for tax_id in row["tax_ids"]}
    confidence = believed(ClaimField.TAX_ID, Method.CHECK_DIGIT)
    for tax_id in contacts_in(row["text"], row["country"]).tax_ids:
        yield Answer(1.0, confidence, _alnum(tax_id.value) in accepted)


def _site(address: str) -> str:
    host = host_of(address)
    return registrable(host) if host else address


def _alnum(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


TASKS: Final = (
    Task("sector of a text", "sector", _sector),
    Task("sector of a Maps category", "maps_category", _category),
    Task("the same, labelled by hand", "maps_category", _hand_labelled),
    Task("website among search results", "serp", _website),
    Task("place on Maps", "pairs", _place),
    Task("e-mail addresses", "pages", _emails),
    Task("phone numbers", "pages", _phones),
    Task("tax ids", "pages", _tax_ids),
)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with sector.dev.csv, pairs.dev.csv and so on")
    parser.add_argument("--part", default="dev", choices=("dev", "holdout", "all"))
    parser.add_argument("--set", default="dev", help="the middle of the files' names")
    options = parser.parse_args(arguments)
    print("| task | mark at least | answers | right | surely above | confidence given |")
    print("|---|---|---|---|---|---|")
    for task in TASKS:
        rows = _rows(options.folder, f"{task.data}.{options.set}")
        answers = [
            answer
            for row in rows
            if options.part == "all" or _is_holdout(row) == (options.part == "holdout")
            for answer in task.answers(row)
        ]
        print(*_lines(task.name, answers), sep="\n")


def _rows(folder: Path, stem: str) -> list[Row]:
    if (table := folder / f"{stem}.csv").exists():
        with table.open(newline="", encoding="utf-8") as file:
            return [*csv.DictReader(file)]
    lines = (folder / f"{stem}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def _is_holdout(row: Row) -> bool:
    key = row["id"] if "id" in row else f"{row['category']}|{row['lang']}"
    return zlib.crc32(key.encode()) % _HOLDOUT == 0


def _lines(name: str, answers: list[Answer]) -> Iterator[str]:
    """Yield the rows of one task: all answers, and those with the better marks."""
    for mark in _marks(answers):
        kept = [answer for answer in answers if answer.mark >= mark]
        right = sum(answer.is_right for answer in kept)
        given = sum(answer.confidence for answer in kept) / len(kept)
        yield (
            f"| {name} | {mark:.2f} | {len(kept)} | {right / len(kept):.3f} "
            f"| {surely_above(right, len(kept)):.3f} | {given:.3f} |"
        )


def _marks(answers: list[Answer]) -> list[float]:
    """Return marks that cut the answers into parts of about the same size, the lowest first."""
    marks = sorted(answer.mark for answer in answers)
    cuts = [marks[len(marks) * part // _MOST_MARKS] for part in range(_MOST_MARKS) if marks]
    return sorted(set(cuts))


def surely_above(right: int, total: int) -> float:
    """Return the lower end of Wilson's interval for the true share.

    >>> round(surely_above(9, 10), 2), round(surely_above(90, 100), 2)
    (0.6, 0.83)
    """
    share, square = right / total, _CERTAINTY**2
    middle = share + square / (2 * total)
    spread = _CERTAINTY * math.sqrt((share * (1 - share) + square / (4 * total)) / total)
    return max(0.0, (middle - spread) / (1 + square / total))


if __name__ == "__main__":
    main()
