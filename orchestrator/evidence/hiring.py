"""Open positions that a company's own page about them lists. The words: `data/hiring.toml`."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final
from urllib.parse import unquote

from .model import Page
from .passages import LONGEST_QUOTE, plain, quoted, single_spaced
from .word_lists import Marks, Phrases, WordFile, load, phrases_of

_MOST_TITLES: Final = 15
_MOST_LINES: Final = 400
_MOST_POSITIONS: Final = 2_000
_LONGEST_TITLE: Final = 80
_FIRST_WORDS: Final = 24
"""Characters of a title in which the word for the position begins."""
_HOST: Final = re.compile(r"^[a-z]+://[^/?#]*", re.IGNORECASE)
_COUNT: Final = re.compile(r"(?<![\d.,])(?P<number>\d{1,4})\s+(?:[a-z]{3,12}\s+)?$")
_TITLE_LINE: Final = re.compile(r"^[ \t]*(?:#{1,6}|[-*+]|\d{1,2}[.)]|\|)[ \t]+\S.*$", re.MULTILINE)
_NO_TITLE: Final = re.compile(r"[@:?!\u00bf\u00a1]|\.\s|\.$|https?|\d{4}")
#: Behind a title, for men and women alike: (H/M), m/w/d.
_FOR_ALL: Final = re.compile(r"\(?\b[hmfvwx]/[hmfvwdx](?:/[dx])?\b\)?", re.IGNORECASE)


class _Words(WordFile):
    pages: list[str]
    counted: list[str]
    none: list[str]
    titles: list[str]


@cache
def _phrases() -> Phrases:
    return phrases_of(load(_Words, "hiring.toml").model_dump())


def openings_on(page: Page, text: str) -> Iterator[tuple[int | str, str]]:
    """Yield the number of open positions, or their titles, each with its quote.

    Nothing on a page that is not about open positions, or says that there are none.

    Args:
        page: A page of the company's own site.
        text: Its text, bounded by the caller.
    """
    path = re.sub(r"[-_/.+]", " ", unquote(_HOST.sub("", page.url)))
    marks = Marks(text, _phrases())
    about = Marks(f"{path}\n{page.title}", _phrases())
    if not about.has("pages") or marks.has("none"):
        return
    for mark in marks.all("counted"):
        before = marks.bare[max(0, mark.start - 24) : mark.start]
        found = _COUNT.search(before)
        if found and 0 < int(found["number"]) <= _MOST_POSITIONS:
            start = mark.start - len(before) + found.start()
            yield int(found["number"]), quoted(text, found["number"], start, mark.end).quote
            break
    yield from _titles(text)


def _titles(text: str) -> Iterator[tuple[str, str]]:
    titles: dict[str, str] = {}
    for line in islice(_TITLE_LINE.finditer(text), _MOST_LINES):
        title = plain(line[0].replace("|", " "))
        if len(titles) == _MOST_TITLES:
            break
        if len(title) > _LONGEST_TITLE or len(line[0]) > LONGEST_QUOTE or _NO_TITLE.search(title):
            continue
        named = Marks(title, _phrases()).all("titles")
        if (named and named[0].start < _FIRST_WORDS) or _FOR_ALL.search(title):
            titles.setdefault(title, single_spaced(line[0]))
    yield from titles.items()
