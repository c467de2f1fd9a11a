"""How many people a page says that its company employs; not its customers, nor those it trains.

The words are in `data/headcount.toml`.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from agents.cdao.vocabulary import SizeBand, size_band_of

from .passages import Quoted, quoted, sentence_at
from .word_lists import Mark, Marks, Phrases, WordFile, load, phrases_of

_MOST: Final = 3_000_000
"""The largest employer of the world has fewer."""
_MOST_LOOKED_AT: Final = 200
_NUMBER: Final = r"\d{1,3}(?:[.,\xa0 ]\d{3})+|\d{1,7}"
_BEFORE_NOUN: Final = re.compile(
    rf"(?<![\d.,/$\u20ac-])(?P<number>{_NUMBER})\s?\+?\s+(?P<between>(?:[a-z-]{{2,20}}\s+){{0,2}})$"
)
_RANGE: Final = re.compile(
    rf"(?P<low>\d{{1,6}})\s?(?:[-\u2013]|a|to|y|and|e)\s?(?P<high>{_NUMBER})\s+(?:[a-z-]{{2,20}}\s+)?$"
)
_BEHIND_TEAM: Final = re.compile(
    rf"\s(?:(?:mas de|mais de|cerca de|casi|unos|unas|unas|over|more than|about|around)\s)?"
    rf"(?P<number>{_NUMBER})(?![\d%]|\s?%)"
)
_OTHER_PEOPLE: Final = re.compile(
    r"\b(?:nuev[oa]s|new|nov[oa]s|additional|mil|millones|thousand|million)\b"
)
_YEAR: Final = re.compile(r"\b(?:desde|since|en|in|em|ano)\s(?:el\s)?(?=(?:19|20)\d\d$)")
_FARTHEST_NUMBER: Final = 60
_FARTHEST_TEAM: Final = 70
_FARTHEST_BEFORE: Final = 25
_FARTHEST_BEHIND: Final = 32


class _Words(WordFile):
    employees: list[str]
    people: list[str]
    team: list[str]
    team_size: list[str]
    refused_before: list[str]
    refused_after: list[str]
    bands: dict[SizeBand, list[str]]


@cache
def _phrases() -> Phrases:
    words = load(_Words, "headcount.toml").model_dump()
    return phrases_of(words | words.pop("bands"))


def headcount_in(text: str) -> tuple[int | SizeBand, Quoted] | None:
    """Return how many people work there: a number, else a size band; None if it is not said.

    Of several numbers the first counts.

    Args:
        text: A page's markdown, bounded by the caller.
    """
    marks = Marks(text, _phrases())
    numbers = sorted((*_counted(marks), *_teams(marks)), key=lambda found: found[1])
    for number, start, end in numbers:
        if 1 < number <= _MOST:
            return number, quoted(text, str(number), start, end)
    return _band(marks)


def _counted(marks: Marks) -> Iterator[tuple[int, int, int]]:
    """Yield the numbers before nouns for employees, with where each phrase begins and ends."""
    for kind in ("employees", "people"):
        for noun in marks.all(kind)[:_MOST_LOOKED_AT]:
            first, last = sentence_at(marks.text, noun.start, noun.end)
            before = marks.bare[max(first, noun.start - _FARTHEST_NUMBER) : noun.start]
            found = _BEFORE_NOUN.search(before)
            if not found or _OTHER_PEOPLE.search(found["between"]) or _RANGE.search(before):
                continue
            start = noun.start - len(before) + found.start("number")
            if not _is_refused(marks, first, Mark(start, noun.end), last) and (
                kind == "employees" or marks.has("team", max(first, start - _FARTHEST_TEAM), start)
            ):
                yield _int(found["number"]), start, noun.end


def _teams(marks: Marks) -> Iterator[tuple[int, int, int]]:
    for team in marks.all("team_size")[:_MOST_LOOKED_AT]:
        found = _BEHIND_TEAM.match(marks.bare, team.end)
        if found:
            yield _int(found["number"]), team.start, found.end()


def _is_refused(marks: Marks, first: int, number: Mark, last: int) -> bool:
    before = marks.bare[max(first, number.start - _FARTHEST_BEFORE) : number.start + 4]
    return (
        marks.has("refused_before", max(first, number.start - _FARTHEST_BEFORE), number.start)
        or marks.has("refused_after", number.end, min(last, number.end + _FARTHEST_BEHIND))
        or _YEAR.search(before) is not None
    )


def _band(marks: Marks) -> tuple[SizeBand, Quoted] | None:
    for noun in marks.all("employees")[:_MOST_LOOKED_AT]:
        first, last = sentence_at(marks.text, noun.start, noun.end)
        before = marks.bare[max(first, noun.start - _FARTHEST_NUMBER) : noun.start]
        found = _RANGE.search(before)
        if not found:
            continue
        start = noun.start - len(before) + found.start()
        low, high = _int(found["low"]), _int(found["high"])
        if not 0 < low < high or _is_refused(marks, first, Mark(start, noun.end), last):
            continue
        if size_band_of(low) is size_band_of(high):
            return size_band_of(low), quoted(marks.text, size_band_of(low), start, noun.end)
    for band in SizeBand:
        for said in marks.all(band):
            return band, quoted(marks.text, band, *said)
    return None


def _int(number: str) -> int:
    return int(re.sub(r"\D", "", number))
