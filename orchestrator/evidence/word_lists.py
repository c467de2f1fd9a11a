"""The package's lists of words: read and checked once, and found in a text in one pass."""

import re
import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from .passages import skeleton

_LONGEST_INITIALS: Final = 5
_MOST_MARKS: Final = 2_000
"""Phrases of one kind, of one text."""
_WORD: Final = re.compile(r"[^\W_]+|[\u2100-\u27bf\U0001f300-\U0001faff]")
_WITHIN_ADDRESS: Final = frozenset("@._")

M = TypeVar("M", bound="WordFile")


class WordFile(BaseModel):
    """The form of a file of words in `data`; a key too many or too few is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def load(model: type[M], name: str) -> M:
    """Return the file *name* of `data`, a TOML."""
    data = resources.files(__package__).joinpath("data", name).read_bytes()
    return model.model_validate(tomllib.loads(data.decode()))


class Mark(NamedTuple):
    """Where a phrase begins and ends."""

    start: int
    end: int


Phrases = Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]]
"""By their first word: their kind, and an expression for all of that kind."""


def phrases_of(kinds: Mapping[str, Iterable[str]]) -> Phrases:
    """Return the phrases of several *kinds* in the form that `Marks` needs.

    Case and accents do not matter, and short words may have dots between letters: `N.I.F.`
    """
    by_first: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for kind, phrases in kinds.items():
        for phrase in map(skeleton, phrases):
            word = _WORD.search(phrase)
            if not word:
                raise ValueError(f"no word in the phrase {phrase!r}")
            by_first[_key(phrase, word)][kind].add(phrase)
            if _is_initials(phrase):
                by_first[f"{phrase[0]}."][kind].add(phrase)
    return {
        first: tuple((kind, _any_of(phrases)) for kind, phrases in of_kinds.items())
        for first, of_kinds in by_first.items()
    }


def _key(text: str, word: re.Match[str]) -> str:
    """Return the *word* that phrases are looked up by, a single letter with the dot behind it."""
    end = word.end()
    return word[0] + "." if end - word.start() == 1 and text[end : end + 1] == "." else word[0]


def _is_initials(phrase: str) -> bool:
    return phrase.isalpha() and 1 < len(phrase) <= _LONGEST_INITIALS


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return re.compile("|".join(map(_whole, longest_first)))


def _whole(phrase: str) -> str:
    after = r"(?!\w)" if phrase[-1].isalnum() else ""
    if _is_initials(phrase):
        return r"\.?".join(phrase) + after
    return r"\s+".join(map(re.escape, phrase.split())) + after


@lru_cache(maxsize=4)
def _words_of(text: str) -> tuple[str, Mapping[str, list[int]]]:
    """Return the skeleton of *text* and where each word stands in it; a page is asked often."""
    bare = skeleton(text)
    places: dict[str, list[int]] = defaultdict(list)
    for word in _WORD.finditer(bare):
        places[_key(bare, word)].append(word.start())
    return bare, places


class Marks:
    """A text with the places of phrases.

    Attributes:
        text: As given.
        bare: Its `skeleton`.
    """

    def __init__(self, text: str, phrases: Phrases) -> None:
        self.text = text
        self.bare, self._places = _words_of(text)
        self._marks = self.find(phrases)

    def find(self, phrases: Phrases) -> Mapping[str, list[Mark]]:
        """Return where further *phrases* stand in the text, in its order, by kind.

        Not within an address or a host (`info@acme.example`), nor within another of their kind.
        """
        found: dict[str, list[Mark]] = defaultdict(list)
        ends: dict[str, int] = {}
        bare = self.bare
        begins = phrases.keys() & self._places.keys()
        places = ((start, first) for first in begins for start in self._places[first])
        for start, word in sorted(places):
            for kind, pattern in phrases[word]:
                if start < ends.get(kind, 0) or bare[max(0, start - 1) : start] in _WITHIN_ADDRESS:
                    continue
                match = pattern.match(bare, start)
                if match:
                    found[kind].append(Mark(start, match.end()))
                    is_full = len(found[kind]) == _MOST_MARKS
                    ends[kind] = len(bare) if is_full else match.end()
        return found

    def all(self, kind: str) -> list[Mark]:
        """Return the positions of the phrases of *kind*."""
        return self._marks.get(kind, [])

    def last(self, kind: str, start: int, end: int) -> Mark | None:
        """Return the last phrase of *kind* between *start* and *end*."""
        marks = self.all(kind)
        at = bisect_left(marks, (end,)) - 1
        while at >= 0 and marks[at].start >= start:
            if marks[at].end <= end:
                return marks[at]
            at -= 1
        return None

    def has(self, kind: str, start: int = 0, end: int | None = None) -> bool:
        """Return whether a phrase of *kind* is between *start* and *end*."""
        return self.last(kind, start, len(self.bare) if end is None else end) is not None
