"""News of a company: what its own pages say about its end, and what headlines say about it.

The words are in `data/news.toml`. A headline without a clear word is no news.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Final

from agents.cdao.vocabulary import NewsCategory
from orchestrator.identity import InvalidCompanyName, company_key

from .model import Hit
from .passages import plain, quoted, sentence_at, single_spaced, skeleton
from .word_lists import Marks, Phrases, WordFile, load, phrases_of

_FEWEST_ADVISERS_WORDS: Final = 4
"""A page with so many of their words is by people who advise on insolvency."""
_SHORTEST_HEADLINE: Final = 15
_LONGEST_NAME: Final = 200
_OUTLET: Final = re.compile(
    r"\s+(?:[-|\u2013\u2014\u00b7]\s+[^-|\u2013\u2014\u00b7]{2,40}|\.{3}|\u2026)$"
)
_ISO_DATE: Final = re.compile(r"\b(20\d\d)[-/](0[1-9]|1[0-2])[-/](0[1-9]|[12]\d|3[01])(?!\d)")
_WRITTEN_DATE: Final = re.compile(
    r"\b(?:(?P<day>\d{1,2})\s(?:de\s)?)?(?P<month>[a-z]{3,10})\.?\s(?:(?P<day2>\d{1,2}),?\s)?(?:de\s|del\s)?"
    r"(?P<year>20\d\d)\b"
)
_MONTHS: Final = {
    word: number
    for number, words in enumerate(
        ("ene jan", "feb fev", "mar", "abr apr", "may mai", "jun", "jul", "ago aug", "sep set",
         "oct out", "nov", "dic dec dez"),
        start=1,
    )
    for word in words.split()
}  # fmt: skip


class _Notices(WordFile):
    closure: list[str]
    insolvency: list[str]
    refused: list[str]


class _Headlines(WordFile):
    refused: list[str]
    categories: dict[NewsCategory, list[str]]


class _Words(WordFile):
    notices: _Notices
    headlines: _Headlines


@cache
def _words() -> _Words:
    return load(_Words, "news.toml")


@cache
def _notices() -> Phrases:
    return phrases_of(_words().notices.model_dump())


@cache
def _headlines() -> Phrases:
    headlines = _words().headlines
    kinds: dict[str, list[str]] = {"refused": headlines.refused}
    return phrases_of(kinds | {kind.value: words for kind, words in headlines.categories.items()})


def notices_in(text: str) -> Iterator[tuple[NewsCategory, str, str]]:
    """Yield what *text*, a page of the company's own site, says about its end.

    Yields:
        The category, the sentence without markup, and the sentence as it stands there.
    """
    marks = Marks(text, _notices())
    if len(marks.all("refused")) >= _FEWEST_ADVISERS_WORDS:
        return
    for category in (NewsCategory.CLOSURE, NewsCategory.INSOLVENCY):
        for start, end in marks.all(category):
            first, last = sentence_at(text, start, end)
            if not marks.has("refused", first, last):
                quote = quoted(text, category, start, end).quote
                yield category, plain(quote), quote
                break


def category_of(headline: str) -> NewsCategory | None:
    """Return what *headline* reports; the first kind of the list that it has a word of.

    >>> category_of("Acme inaugura una nueva planta en Lugo")
    <NewsCategory.EXPANSION: 'expansion'>
    >>> category_of("Acme evita el concurso de acreedores")
    """
    marks = Marks(headline, _headlines())
    if "?" in headline or marks.has("refused"):
        return None
    return next((kind for kind in _words().headlines.categories if marks.has(kind)), None)


def headline_of(hit: Hit) -> str:
    """Return the headline of a news site's *hit*, without the site's name behind it."""
    title = plain(hit.title)
    for _ in range(2):
        title = _OUTLET.sub("", title)
    return title


def headline_names(headline: str, name: str) -> bool:
    """Return whether *headline* has the words of *name* one after another, as a name.

    >>> headline_names("Talleres Arriaga abre en Bilbao", "Talleres Arriaga S.L.")
    True
    >>> headline_names("La nube crece en Bilbao", "Nube S.L.")
    False
    """
    words = _words_of(name)
    shown = list(re.finditer(r"\w+", headline))
    folded = [skeleton(word[0]) for word in shown]
    return bool(words) and any(
        folded[first : first + len(words)] == words and shown[first][0][0].isupper()
        for first in range(len(folded) - len(words) + 1)
    )


def _words_of(name: str) -> list[str]:
    """Return the folded words of *name* without its legal form; none for a blank name."""
    try:
        return company_key(name[:_LONGEST_NAME]).split("_")
    except InvalidCompanyName:
        return []


def date_of(hit: Hit) -> datetime | None:
    """Return when a news site's *hit* appeared, as its date, address or text say; else None.

    Noon UTC, since no hour is given. A date without a day counts as the month's first.
    """
    for text in (hit.date or "", hit.url, hit.description[:80]):
        found = _ISO_DATE.search(text)
        if found and (date := _date(*map(int, found.groups()))):
            return date
        written = _WRITTEN_DATE.search(skeleton(single_spaced(text)))
        month = _MONTHS.get(written["month"][:3]) if written else None
        if written and month:
            day = int(written["day"] or written["day2"] or 1)
            if date := _date(int(written["year"]), month, day):
                return date
    return None


def is_headline(headline: str) -> bool:
    """Return whether *headline* is long enough to be one."""
    return len(headline) >= _SHORTEST_HEADLINE


def _date(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, 12, tzinfo=UTC)
    except ValueError:
        return None
