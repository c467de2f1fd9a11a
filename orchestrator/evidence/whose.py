"""Whose a contact in a company's page is: its own, or that of a web designer, host or authority.

The words before it tell; they stand in `data/contacts.toml`, with those that announce a phone
number. `Marks` finds all of them in one pass, since a page has many contacts.
"""

import re
import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from .passages import line_at, sentence_at, skeleton

_FARTHEST: Final = 400
"""Characters before a contact in which a phrase may stand."""
_MOST_MARKS: Final = 2_000
"""Phrases of one kind, of one text."""
_LINES_ABOVE: Final = 4
_LONGEST_LABEL: Final = 100
_LONGEST_CLAUSE: Final = 60
_LONGEST_INITIALS: Final = 5
_CELL_END: Final = re.compile(r"[|\u00b7\u2022\n]")
_CLAUSE_END: Final = re.compile(r"[).;\n]\s")
_CONTACT: Final = re.compile(r"@|\d[\d ().-]{6,30}\d")
_HEADING: Final = re.compile(r"[ \t]*(?:#{1,6}[ \t]|\*\*[^*\n]+\*\*[ \t:]*$)")
_OPENED: Final = re.compile(r"\s{0,2}\(\s{0,2}")
_WORD: Final = re.compile(r"[^\W_]+|[\u2100-\u27bf\U0001f300-\U0001faff]")


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
            (first, *_) = _WORD.findall(phrase)
            by_first[first][kind].add(phrase)
            if _is_initials(phrase):
                by_first[phrase[0]][kind].add(phrase)
    return {
        first: tuple((kind, _any_of(phrases)) for kind, phrases in of_kinds.items())
        for first, of_kinds in by_first.items()
    }


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


@cache
def contact_words() -> Mapping[str, Any]:
    """Return the tables of `data/contacts.toml`, read once."""
    data = resources.files(__package__).joinpath("data", "contacts.toml").read_bytes()
    return tomllib.loads(data.decode())


@cache
def _contact_phrases() -> Phrases:
    words = contact_words()
    kinds: dict[str, list[str]] = defaultdict(list)
    for row in words["others"]:
        kinds[row["reach"]] += row["phrases"]
    return phrases_of({**kinds, "own": words["own"]["phrases"], **words["phones"]})


@cache
def _continuations() -> Phrases:
    return phrases_of({"": contact_words()["continues"]["phrases"]})


class Marks:
    """A text with the places of the phrases that say whose its contacts are.

    Attributes:
        text: As given.
        bare: Its `skeleton`.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.bare = skeleton(text)
        self._marks = self.find(_contact_phrases())

    def find(self, phrases: Phrases) -> Mapping[str, list[Mark]]:
        """Return where *phrases* stand in the text, in its order, by kind.

        Not within an address or a host (`info@acme.example`), nor within one another.
        """
        found: dict[str, list[Mark]] = defaultdict(list)
        ends: dict[str, int] = {}
        bare = self.bare
        for word in _WORD.finditer(bare):
            for kind, pattern in phrases.get(word[0], ()):
                start = word.start()
                if start < ends.get(kind, 0) or bare[max(0, start - 1) : start] in _BEFORE_NONE:
                    continue
                match = pattern.match(bare, start)
                if match:
                    found[kind].append(Mark(start, match.end()))
                    is_full = len(found[kind]) == _MOST_MARKS
                    ends[kind] = len(bare) if is_full else match.end()
        return found

    def last(self, kind: str, start: int, end: int) -> Mark | None:
        """Return the last phrase of *kind* that stands between *start* and *end*."""
        marks = self._marks.get(kind, [])
        at = bisect_left(marks, (end,)) - 1
        while at >= 0 and marks[at].start >= start:
            if marks[at].end <= end:
                return marks[at]
            at -= 1
        return None

    def is_anothers(self, start: int, end: int) -> bool:
        """Return whether the words around *start* to *end* say: not the company's."""
        first, _ = line_at(self.text, start, end)
        return (
            self._reaches("cell", max(first, start - _FARTHEST), start, _CELL_END)
            or self._reaches("clause", max(first, start - _LONGEST_CLAUSE), start, _CLAUSE_END)
            or self._reaches("sentence", self._begin(start, end), start, None)
            or self._is_named_behind(end)
            or self._is_named_above(first)
        )

    def _reaches(self, kind: str, first: int, start: int, stop: re.Pattern[str] | None) -> bool:
        named = self.last(kind, first, start)
        if not named or self.last("own", named.end, start):
            return False
        return not (stop and stop.search(self.bare, named.end, start))

    def _begin(self, start: int, end: int) -> int:
        """Return where the sentence begins, or the one that it continues."""
        first, _ = sentence_at(self.text, start, end)
        for _ in range(_LINES_ABOVE):
            if first == 0 or not self._continues(first, start):
                break
            line, _ = line_at(self.text, first, first)
            if first <= line:
                break
            first, _ = sentence_at(self.text, first - 1, first - 1)
        return max(first, start - _FARTHEST)

    def _continues(self, first: int, start: int) -> bool:
        """Return whether the sentence goes on with what the one before it is about."""
        word = _WORD.search(self.bare, first, start)
        return word is not None and any(
            pattern.match(self.bare, word.start())
            for _, pattern in _continuations().get(word[0], ())
        )

    def _is_named_behind(self, end: int) -> bool:
        """Return whether an authority stands behind it in parentheses: `900 293 183 (AEPD)`."""
        opened = _OPENED.match(self.bare, end)
        if not opened:
            return False
        named = self.last("sentence", opened.end(), opened.end() + _LONGEST_LABEL)
        return bool(named and named.start == opened.end())

    def _is_named_above(self, first: int) -> bool:
        """Return whether lines above, of the same paragraph, begin another's address.

        Or the heading of that part of the page is its name.
        """
        lowest = max(0, first - _FARTHEST)
        is_near = True
        for count in range(_FARTHEST):
            if first <= lowest:
                return False
            line, end = self.bare.rfind("\n", lowest, first - 1) + 1, first - 1
            line = max(line, lowest)
            content = self.bare[line:end]
            is_heading = bool(_HEADING.match(content))
            is_near = is_near and count < _LINES_ABOVE and bool(content.strip())
            if (is_near or is_heading) and self._begins_address(line, end, content):
                return True
            if is_heading:
                return False
            first = line
        return False

    def _begins_address(self, line: int, end: int, content: str) -> bool:
        if len(content) > _LONGEST_LABEL or self.last("own", line, end):
            return False
        if self.last("sentence", line, end) and not _CONTACT.search(content):
            return True
        maker = self.last("cell", line, end)
        return bool(maker and not self.bare[maker.end : end].strip(" :*_"))


_BEFORE_NONE: Final = frozenset("@._")
