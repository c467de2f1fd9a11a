"""What pages and results tell of a company's people, products and news: signals for a sale.

- Headcount: how many people a page says that its company employs; not its customers, nor those it
  trains (`data/headcount.toml`).
- Hiring: open positions that the company's own page about them lists (`data/hiring.toml`).
- Technologies: products that it uses, or works with for its customers. A name alone is none: shops
  list what they sell, and ads what applicants should know (`data/technologies.toml`).
- News: what a headline or a notice says, and when (`data/news.toml`).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Final
from urllib.parse import unquote

from agents.cdao.vocabulary import NewsCategory, SizeBand, size_band_of
from orchestrator.identity import InvalidCompanyName, company_key

from .model import Hit, Page
from .texts import (
    LONGEST_QUOTE,
    Mark,
    Marks,
    Phrases,
    Quoted,
    WordFile,
    load,
    phrases_of,
    plain,
    quoted,
    sentence_at,
    single_spaced,
    skeleton,
)

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


class _HeadcountWords(WordFile):
    employees: list[str]
    people: list[str]
    team: list[str]
    team_size: list[str]
    refused_before: list[str]
    refused_after: list[str]
    bands: dict[SizeBand, list[str]]


@cache
def _headcount_phrases() -> Phrases:
    words = load(_HeadcountWords, "headcount.toml").model_dump()
    return phrases_of(words | words.pop("bands"))


def headcount_in(text: str) -> tuple[int | SizeBand, Quoted] | None:
    """Return how many people work there: a number, else a size band; None if it is not said.

    Of several numbers in *text*, a page's bounded markdown, the first counts.
    """
    marks = Marks(text, _headcount_phrases())
    numbers = sorted((*_employee_counts(marks), *_teams(marks)), key=lambda found: found[1])
    for number, start, end in numbers:
        if 1 < number <= _MOST:
            return number, quoted(text, str(number), start, end)
    return _band(marks)


def _employee_counts(marks: Marks) -> Iterator[tuple[int, int, int]]:
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


class _HiringWords(WordFile):
    pages: list[str]
    counted: list[str]
    none: list[str]
    titles: list[str]


@cache
def _hiring_phrases() -> Phrases:
    return phrases_of(load(_HiringWords, "hiring.toml").model_dump())


def openings_on(page: Page, text: str) -> Iterator[tuple[int | str, str]]:
    """Yield the number of open positions, or their titles, each with its quote.

    Nothing on a page that is not about open positions, or says that there are none; *text* is its
    bounded text.
    """
    path = re.sub(r"[-_/.+]", " ", unquote(_HOST.sub("", page.url)))
    marks = Marks(text, _hiring_phrases())
    about = Marks(f"{path}\n{page.title}", _hiring_phrases())
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
        named = Marks(title, _hiring_phrases()).all("titles")
        if (named and named[0].start < _FIRST_WORDS) or _FOR_ALL.search(title):
            titles.setdefault(title, single_spaced(line[0]))
    yield from titles.items()


MOST_BELIEVABLE: Final = 8
"""Products of one company; more are what it sells."""
_MOST_IN_SENTENCE: Final = 5


class _Context(WordFile):
    used: list[str]
    refused: list[str]


class _TechnologyWords(WordFile):
    names: list[str]
    same: dict[str, str]
    context: _Context


@cache
def _technology_words() -> _TechnologyWords:
    return load(_TechnologyWords, "technologies.toml")


@cache
def _technology_phrases() -> Phrases:
    words = _technology_words()
    return phrases_of({"name": words.names, **words.context.model_dump()})


@cache
def _names() -> dict[str, str]:
    words = _technology_words()
    return {name: words.same.get(name, name) for name in words.names}


def technologies_in(text: str) -> Sequence[Quoted]:
    """Return the products that *text*, a page's bounded markdown, says are used, each once."""
    marks = Marks(text, _technology_phrases())
    found: dict[str, Quoted] = {}
    named = marks.all("name")[:_MOST_LOOKED_AT]
    for start, end in named:
        name = _names().get(text[start:end])
        if not name or name in found:
            continue
        first, last = sentence_at(text, start, end)
        is_list = sum(first <= mark.start < last for mark in named) > _MOST_IN_SENTENCE
        if not is_list and marks.has("used", first, last) and not marks.has("refused", first, last):
            found[name] = quoted(text, name, start, end)
    return tuple(found.values())


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


class _NewsWords(WordFile):
    notices: _Notices
    headlines: _Headlines


@cache
def _news_words() -> _NewsWords:
    return load(_NewsWords, "news.toml")


@cache
def _notices() -> Phrases:
    return phrases_of(_news_words().notices.model_dump())


@cache
def _headlines() -> Phrases:
    headlines = _news_words().headlines
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
    return next((kind for kind in _news_words().headlines.categories if marks.has(kind)), None)


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
