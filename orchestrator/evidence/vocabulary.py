"""Words that do not tell companies apart, and places: what `names` needs to weigh a name. Pure.

Reads `data/name_words.tsv` and `data/towns.tsv`, which sales-ops can edit, once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from orchestrator.identity.writing import split_words

_DATA: Final = Path(__file__).with_name("data")
_SHORTEST_TYPED: Final = 6
_KINDS: Final = frozenset({"joining", "filler", "trade"})


@dataclass(frozen=True, slots=True)
class Words:
    """Folded words by what they say about a company's name."""

    joining: frozenset[str]
    filler: frozenset[str]
    trade: frozenset[str]


class Town(NamedTuple):
    """A town, province, region or country. Two places of one name are two towns."""

    name: str
    country: str
    within: frozenset[str]

    def may_be(self, other: "Town") -> bool:
        """Return whether a company in one of the two may say that it is in the other."""
        if self.country != other.country:
            return False
        if self.name == other.name or self.is_country or other.is_country:
            return True
        return self.name in other.within or other.name in self.within

    @property
    def is_country(self) -> bool:
        """Whether it stands for the country itself."""
        return self.name in _country_names().get(self.country, ())


class Span(NamedTuple):
    """Words `start` to `end` of a text that name a place: all the places of that name."""

    start: int
    end: int
    towns: frozenset[Town]


@cache
def words() -> Words:
    """Read the words; a line of another shape is an error of the package."""
    kinds: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for kind, listed in _rows("name_words.tsv", 2):
        kinds[kind].update(listed.split())
    return Words(**{kind: frozenset(listed) for kind, listed in kinds.items()})


def is_generic(word: str) -> bool:
    """Return whether many companies have *word*, perhaps with a letter left out, in their name."""
    return word in _generic() or (len(word) >= _SHORTEST_TYPED and word in _typed())


@cache
def _generic() -> frozenset[str]:
    return words().filler | words().trade


@cache
def _typed() -> frozenset[str]:
    """Return the longer generic words, each with one letter left out, as people type them."""
    return frozenset(
        word[:i] + word[i + 1 :]
        for word in _generic()
        if len(word) > _SHORTEST_TYPED
        for i in range(len(word))
    )


@cache
def _towns() -> dict[tuple[str, ...], frozenset[Town]]:
    """Return the towns by the words of each of their spellings."""
    found: dict[tuple[str, ...], set[Town]] = {}
    for country, spellings, within in _rows("towns.tsv", 3):
        names = spellings.split("; ")
        town = Town(names[0], country, frozenset(filter(None, within.split("; "))))
        for name in names:
            found.setdefault(tuple(name.split()), set()).add(town)
    return {name: frozenset(towns) for name, towns in found.items()}


@cache
def _country_names() -> dict[str, frozenset[str]]:
    """Return the first name of each country: the first line of a country in the table."""
    names: dict[str, frozenset[str]] = {}
    for country, spellings, _ in _rows("towns.tsv", 3):
        names.setdefault(country, frozenset({spellings.split("; ")[0]}))
    return names


@cache
def _longest() -> int:
    return max(map(len, _towns()))


def _rows(file: str, columns: int) -> Iterator[list[str]]:
    for line in (_DATA / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            cells = line.split("\t")
            # Editors strip the tab that ends a line whose last cell is empty.
            yield [*cells, *[""] * (columns - len(cells))][:columns]


def spans_of(text: list[str]) -> list[Span]:
    """Return where places are named in folded words, longest names first, none overlapping."""
    spans: list[Span] = []
    start = 0
    while start < len(text):
        span = next(_spans_at(text, start), None)
        if span is not None:
            spans.append(span)
        start = span.end if span is not None else start + 1
    return spans


def _spans_at(text: list[str], start: int) -> Iterator[Span]:
    for length in range(min(_longest(), len(text) - start), 0, -1):
        if towns := _towns().get(tuple(text[start : start + length])):
            yield Span(start, start + length, towns)


def towns_of(place: str) -> frozenset[Town]:
    """Return the towns that *place*, a city as people write it, may be; none if unknown."""
    spans = spans_of(split_words(place[:200]))
    return frozenset().union(*(span.towns for span in spans))


def may_be_one(ours: Iterable[Town], theirs: Iterable[Town]) -> bool:
    """Return whether some town of *ours* and some of *theirs* may be said of one company."""
    listed = tuple(theirs)
    return any(mine.may_be(other) for mine in ours for other in listed)
