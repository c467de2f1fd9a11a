"""Compares the name of a company that is asked for with a name that something on the web shows.

Words of trades, towns and legal forms say little, the rest says which company it is. Pure.
"""

import re
from dataclasses import dataclass
from typing import Final

from orchestrator.identity import InvalidCompanyName, company_key

_LONGEST: Final = 300
_SEGMENTS: Final = re.compile(
    # A dash with a space beside it, or a sign that never joins the words of a name.
    "\\s[-\u2013\u2014>]+\\s|[|\u00b7\u2022\u2261\u00bb~(){}\\[\\]]|\\s-|-\\s|:\\s"
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much of the asked name a shown name has.

    Attributes:
        score: 0 (nothing in common) to 1 (the same name), by the weights of the words.
        missing: Distinctive words of the asked name that the shown name lacks.
        foreign: Distinctive words of the shown name that the asked name lacks.
        towns: Towns in the shown name that the asked name lacks.
    """

    score: float
    missing: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    towns: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether nothing that tells companies apart differs."""
        return self.score >= 1 and not self.foreign


def words_of(name: str) -> list[str]:
    """Return the folded words of *name* without its legal form; none for a blank name."""
    try:
        return company_key(name[:_LONGEST]).split("_")
    except InvalidCompanyName:
        return []


def likeness(asked: str, shown: str) -> Likeness:
    """Return how far *shown*, a title or a name, names the company that is *asked* for."""
    wanted = words_of(asked)
    best = Likeness(0.0, tuple(wanted))
    for segment in (shown, *_SEGMENTS.split(shown[:_LONGEST])):
        best = max(best, _compare(wanted, words_of(segment)), key=_rank)
    return best


def _rank(found: Likeness) -> tuple[float, int]:
    return found.score, -len(found.foreign)


def _compare(wanted: list[str], shown: list[str]) -> Likeness:
    missing = tuple(word for word in wanted if word not in shown)
    foreign = tuple(word for word in shown if word not in wanted)
    score = 1 - len(missing) / len(wanted) if wanted else 0.0
    return Likeness(score, missing, foreign)
