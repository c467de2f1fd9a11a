"""Compares the name of a company that is asked for with names that titles and domains show. Pure.

Words of trades, towns and legal forms say little (`data/name_words.tsv`, `data/towns.tsv`, which
sales-ops can edit); the others, the distinctive ones, say which company it is. A distinctive word
that only one of the two names has is another company.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache, lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from orchestrator.identity import InvalidCompanyName, parse_name
from orchestrator.identity.writing import split_words

from .texts import rows_of

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
    for kind, listed in rows_of("name_words.tsv", 2):
        kinds[kind].update(listed.split())
    return Words(**{kind: frozenset(listed) for kind, listed in kinds.items()})


def is_generic(word: str) -> bool:
    """Return whether many companies have *word*, perhaps with a letter left out, in their name."""
    return word in _generic() or (len(word) >= _SHORTEST_TYPED and word in _misspelt_words())


@cache
def _generic() -> frozenset[str]:
    return words().filler | words().trade


@cache
def _misspelt_words() -> frozenset[str]:
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
    for country, spellings, within in rows_of("towns.tsv", 3):
        names = spellings.split("; ")
        town = Town(names[0], country, frozenset(filter(None, within.split("; "))))
        for name in names:
            found.setdefault(tuple(name.split()), set()).add(town)
    return {name: frozenset(towns) for name, towns in found.items()}


@cache
def _country_names() -> dict[str, frozenset[str]]:
    """Return the first name of each country: the first line of a country in the table."""
    names: dict[str, frozenset[str]] = {}
    for country, spellings, _ in rows_of("towns.tsv", 3):
        names.setdefault(country, frozenset({spellings.split("; ")[0]}))
    return names


@cache
def _longest() -> int:
    return max(map(len, _towns()))


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


_LONGEST_TITLE: Final = 400
_LONGEST_SEGMENT: Final = 80
_MOST_SEGMENTS: Final = 12
_SEPARATORS: Final = re.compile(
    # A dash with a space beside it, or a sign that never joins the words of a name.
    "\\s[-\u2013\u2014>]+|[-\u2013\u2014]\\s|[|\u00b7\u2022\u2261\u00bb~(){}\\[\\]/\u203a]|[:;!?]\\s"
    # Not the dot of an abbreviation (`Hnos. Arriaga`), nor the comma between partners' names.
    "|(?<=\\w{5})[.]\\s|,\\s(?=[0-9])"
)
#: A company key joins `Plaza Mar 2`, and the 2 is what tells it from its neighbour.
_NUMBER_AT_END: Final = re.compile(r"([a-z]{3})([0-9]{1,4})(?=_|$)")
_WEIGHT_OF_TOWN: Final = 0.4
_WEIGHT_OF_GENERIC: Final = 0.25
_ACRONYM_SCORE: Final = 0.6
_SHORTEST_ACRONYM: Final = 3
_LONGEST_ACRONYM: Final = 7
_SHORTEST_MISSPELT: Final = 3
_SHORTEST_SUBSTITUTED: Final = 6


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much of the asked name a shown name has.

    Attributes:
        score: 0 (nothing in common) to 1 (every word of the asked name), by the words' weights.
        missing: Distinctive words of the asked name that the shown name lacks.
        foreign: Distinctive words of the shown name that the asked name lacks.
        towns: Places that the shown name has beside the asked one, all readings of each.
        is_exact: The same words in the same order; legal forms, joining words, and places that
            only the shown name has don't count.
        is_leading: The shown name begins with the words of the asked one.
        is_generic: The asked name has no distinctive word, so that a likeness proves little.
        is_misspelt: A word was matched although a letter differs.
        is_reworded: Each of the two has trades that the other lacks.
    """

    score: float = 0.0
    missing: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    towns: frozenset[Town] = frozenset()
    is_exact: bool = False
    is_leading: bool = False
    is_generic: bool = False
    is_misspelt: bool = False
    is_reworded: bool = False

    @property
    def is_same(self) -> bool:
        """Whether nothing that tells companies apart differs, places aside."""
        if self.is_exact:
            return True
        return not (
            self.missing or self.foreign or self.is_generic or self.is_reworded or self.score == 0
        )

    @property
    def is_other(self) -> bool:
        """Whether the shown name is that of another company."""
        return bool(self.missing and self.foreign)


class Name(NamedTuple):
    """A company's name in folded words without legal form.

    `core` are the distinctive ones; where there are none, all words of the name.
    """

    words: tuple[str, ...]
    core: frozenset[str]
    towns: frozenset[Town]
    town_words: frozenset[str]
    is_generic: bool


def likeness(asked: str, shown: str) -> Likeness:
    """Return how far *shown*, a title or a name, names the company that is *asked* for.

    The parts of a title (`Name | What it does | Town`) are compared one by one, and the best one
    counts; places are taken from the whole title.

    >>> likeness("Talleres Arriaga S.L.", "Inicio - Talleres Arriaga").is_same
    True
    >>> likeness("Talleres Arriaga S.L.", "Talleres Mendieta").is_other
    True
    """
    wanted = name_of(asked)
    names = [name_of(segment) for segment in segments(shown)]
    if not wanted.words or not names:
        return Likeness(missing=wanted.words, is_generic=wanted.is_generic)
    best = max((_compare(wanted, name) for name in names), key=_rank)
    named = {town.name for town in wanted.towns}
    towns = (town for name in names for town in name.towns if town.name not in named)
    return replace(best, towns=frozenset(towns))


def segments(title: str) -> Iterator[str]:
    """Yield a title and its parts between separators, each of bounded length."""
    title = title[:_LONGEST_TITLE].strip()
    yield title
    parts = _SEPARATORS.split(title)
    if len(parts) > 1:
        yield from (part for part in parts[:_MOST_SEGMENTS] if part.strip())


@lru_cache(maxsize=4_096)
def name_of(text: str) -> Name:
    """Return the words of a name; of a long text, those at its beginning."""
    every = words_of(text)
    joining = words().joining
    spans = spans_of(every)
    in_towns = {i for span in spans for i in range(span.start, span.end)}
    kept = tuple(word for word in every if word not in joining)
    distinctive = frozenset(
        word
        for i, word in enumerate(every)
        if i not in in_towns and word not in joining and not is_generic(word)
    )
    return Name(
        words=kept,
        core=distinctive or frozenset(kept),
        towns=frozenset().union(*(span.towns for span in spans)),
        town_words=frozenset(every[i] for i in in_towns),
        is_generic=not distinctive,
    )


def words_of(text: str) -> list[str]:
    """Return the folded words of a name without its legal form; none for a blank name.

    Of a text longer than any name, the words at its beginning.
    """
    if len(text) > _LONGEST_SEGMENT:
        text = text[:_LONGEST_SEGMENT].rpartition(" ")[0] or text[:_LONGEST_SEGMENT]
    try:
        parsed = parse_name(text)
    except InvalidCompanyName:
        return []
    # A name of symbols has a key without words.
    found = [word for word in _NUMBER_AT_END.sub(r"\1_\2", parsed.key).split("_") if word]
    # Some forms stay in a key, since they tell companies apart there; on the web they are left out.
    form = "".join(split_words(parsed.legal_form or ""))
    return found[:-1] if len(found) > 1 and found[-1] == form else found


def _rank(found: Likeness) -> tuple[bool, bool, float, int, bool]:
    return (
        found.is_exact,
        found.is_same,
        found.score,
        -len(found.foreign),
        not found.is_reworded,
    )


def _compare(wanted: Name, shown: Name) -> Likeness:
    """Compare without places; `likeness` adds them."""
    pairs = _match(wanted, shown)
    missing = [word for word in wanted.words if word not in pairs]
    met = set(pairs.values())
    foreign = [word for word in shown.words if word not in met]
    total = sum(_weight(word, wanted) for word in wanted.words)
    score = sum(_weight(word, wanted) for word in pairs) / total if total else 0.0
    if not pairs and _is_acronym(wanted, shown):
        return Likeness(_ACRONYM_SCORE, missing=wanted.words, is_generic=wanted.is_generic)
    return Likeness(
        score,
        tuple(word for word in missing if word in wanted.core),
        tuple(word for word in foreign if word in _distinctive(shown)),
        is_exact=not missing and _is_in_order(wanted, shown, pairs),
        is_leading=list(pairs.values()) == list(shown.words[: len(wanted.words)]),
        is_generic=wanted.is_generic,
        is_misspelt=any(mine != theirs for mine, theirs in pairs.items()),
        is_reworded=_has_trade(missing) and _has_trade(foreign),
    )


def _is_in_order(wanted: Name, shown: Name, pairs: dict[str, str]) -> bool:
    """Return whether *shown* is *wanted*, with perhaps a town at one end."""
    met = [pairs[word] for word in wanted.words]
    rest = [word for word in shown.words if word in met or word not in shown.town_words]
    return rest == met


def _distinctive(name: Name) -> frozenset[str]:
    return frozenset() if name.is_generic else name.core


def _has_trade(listed: list[str]) -> bool:
    return not words().trade.isdisjoint(listed)


def _weight(word: str, name: Name) -> float:
    if word in name.core:
        return 1.0
    return _WEIGHT_OF_TOWN if word in name.town_words else _WEIGHT_OF_GENERIC


def _match(wanted: Name, shown: Name) -> dict[str, str]:
    """Return the words of *wanted* that *shown* has, each with the word it was found as."""
    theirs = set(shown.words)
    pairs = {word: word for word in wanted.words if word in theirs}
    free = [word for word in shown.words if word not in pairs]
    for word in wanted.words:
        if word not in pairs:
            like = next((other for other in free if _is_misspelt(word, other)), None)
            if like is not None:
                free.remove(like)
                pairs[word] = like
    return {word: pairs[word] for word in wanted.words if word in pairs}


def _is_misspelt(typed: str, written: str) -> bool:
    """Return whether one letter makes one of the two words the other: dropped, added, changed."""
    if typed == written or abs(len(typed) - len(written)) > 1:
        return False
    if min(len(typed), len(written)) < _SHORTEST_MISSPELT or not (typed + written).isalpha():
        return False
    if is_generic(typed) and not is_generic(written):
        return False
    start = next((i for i, (a, b) in enumerate(zip(typed, written, strict=False)) if a != b), None)
    if start is None:
        return True
    if len(typed) == len(written):
        swapped = typed[start : start + 2] == written[start : start + 2][::-1]
        rest = start + 2 if swapped else start + 1
        return len(typed) >= _SHORTEST_SUBSTITUTED and typed[rest:] == written[rest:]
    longer, shorter = sorted((typed, written), key=len, reverse=True)
    return longer[start + 1 :] == shorter[start:]


def _is_acronym(wanted: Name, shown: Name) -> bool:
    """Return whether one of the two is made of the initials of the other."""
    return _abbreviates(wanted.words, shown.words) or _abbreviates(shown.words, wanted.words)


def _abbreviates(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    return (
        len(short) == 1
        and _SHORTEST_ACRONYM <= len(short[0]) <= _LONGEST_ACRONYM
        and short[0] == "".join(word[0] for word in long)
    )


class LabelFit(IntEnum):
    """How well the label of a domain is explained by a company's name, best last."""

    FOREIGN = 0
    """It has letters that the name does not explain."""
    INITIALS = 1
    """The initials of the name."""
    INITIALS_AND_TOWN = 2
    """The initials of the name and the beginning of its town."""
    SHORTENED = 3
    """The beginnings of its words, or some of its distinctive words."""
    FULL = 4
    """All its distinctive words, perhaps with its trade or town."""


_SHORTEST_LABEL: Final = 3
_LONGEST_LABEL: Final = 63
_SHORTEST_STEM: Final = 3
_SHORTEST_TOWN_STEM: Final = 3
_SHORTEST_TRADE: Final = 4
_LENGTH_OF_ROOT: Final = 5
_FEWEST_INITIALS: Final = 2
_MOST_WORDS: Final = 10
#: What stands around names in domains, beside the words of `filler`.
_AROUND: Final = frozenset(
    ("sl", "sa", "es", "mx", "br", "pt", "co", "uk", "us", "web", "the", "la", "el", "los", "las")
)


def label_fit(asked: str, label: str, city: str | None = None) -> LabelFit:
    """Return how the name that is *asked* for explains the *label* of a domain (`talleresarriaga`).

    Args:
        asked: The company's name.
        label: The label that the domain's owner chose, folded; hyphens may separate words.
        city: Where the company is; its name or beginning may be part of the label.
    """
    name = name_of(asked)
    text = label.replace("-", "")[:_LONGEST_LABEL]
    if not name.words or len(text) < _SHORTEST_LABEL:
        return LabelFit.FOREIGN
    used = _cover(text, _pieces(asked, name, city, text))
    by_words = _fit_of(name, used) if used is not None else LabelFit.FOREIGN
    return max(by_words, _fit_of_initials(asked, name, text, city))


_WHOLE: Final = 2
_STEM: Final = 4
_FORM: Final = 6
_OTHER_TRADE: Final = 8


class _Piece(NamedTuple):
    """A part of a label, and the word of the name that it stands for, if any."""

    text: str
    word: str = ""
    cost: int = 3
    """How weak an explanation it is."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a word of the name."""
        return self.cost == _WHOLE

    @property
    def is_other_trade(self) -> bool:
        """Whether it's a trade that the name does not have."""
        return self.cost == _OTHER_TRADE


def _pieces(asked: str, name: Name, city: str | None, label: str) -> list[_Piece]:
    """Return what a label of this name may be made of, the best explanations first."""
    listed = name.words[:_MOST_WORDS]
    pieces = {_Piece(word, word, _WHOLE) for word in listed}
    for word in listed:
        pieces |= {_Piece(word[:n], word, _STEM) for n in range(_SHORTEST_STEM, len(word))}
        pieces |= {_Piece(other, word, _FORM) for other in _forms_of(word, label)}
    joining = words().joining.intersection(split_words(asked[:_LONGEST_TITLE]))
    pieces |= {_Piece(word) for word in _AROUND | words().filler | joining}
    pieces |= {_Piece(text) for text in _initials_of_trade(name)}
    for word in _words_of_town(city):
        pieces |= {_Piece(word[:n]) for n in range(_SHORTEST_TOWN_STEM, len(word) + 1)}
    pieces |= {
        _Piece(word, cost=_OTHER_TRADE)
        for word in words().trade
        if len(word) >= _SHORTEST_TRADE and word in label
    }
    found = (piece for piece in pieces if piece.text in label)
    return sorted(found, key=attrgetter("cost", "text", "word"))


def _forms_of(word: str, label: str) -> Iterator[str]:
    """Yield what stands for *word* in *label*: the same trade's other words, a misspelling."""
    if is_generic(word) and len(word) > _LENGTH_OF_ROOT:
        root = word[:_LENGTH_OF_ROOT]
        yield from (other for other in words().trade if other.startswith(root))
    for length in range(len(word) - 1, len(word) + 2):
        parts = (label[i : i + length] for i in range(len(label) - length + 1))
        yield from (part for part in parts if _is_misspelt(word, part))


def _initials_of_trade(name: Name) -> Iterator[str]:
    """Yield `cc` for Centro Comercial: the initials of two or more generic words in a row."""
    for is_trade, group in groupby(name.words, is_generic):
        initials = "".join(word[0] for word in group)
        if is_trade and len(initials) >= _FEWEST_INITIALS:
            yield initials


def _words_of_town(city: str | None) -> set[str]:
    """Return the words of a city and of the regions that it is in."""
    regions = {
        word for town in towns_of(city or "") for name in town.within for word in name.split()
    }
    return regions | set(words_of(city or "")[:_MOST_WORDS])


def _cover(text: str, pieces: list[_Piece]) -> tuple[_Piece, ...] | None:
    """Return the pieces that explain *text* best; None if it has other letters, too."""
    found: list[tuple[int, tuple[_Piece, ...]] | None] = [(0, ())] + [None] * len(text)
    for end in range(1, len(text) + 1):
        for piece in pieces:
            before = found[end - len(piece.text)] if len(piece.text) <= end else None
            if before is None or not text.endswith(piece.text, 0, end):
                continue
            cost = before[0] + piece.cost
            best = found[end]
            if best is None or cost < best[0]:
                found[end] = (cost, (*before[1], piece))
    last = found[-1]
    return last[1] if last is not None else None


def _fit_of(name: Name, used: tuple[_Piece, ...]) -> LabelFit:
    whole = {piece.word for piece in used if piece.is_whole}
    if name.core <= whole and not any(piece.is_other_trade for piece in used):
        return LabelFit.FULL
    return LabelFit.SHORTENED if name.core & {p.word for p in used} else LabelFit.FOREIGN


def _fit_of_initials(asked: str, name: Name, text: str, city: str | None) -> LabelFit:
    for listed in (name.words, words_of(asked)):
        initials = "".join(word[0] for word in listed)
        if len(initials) < _FEWEST_INITIALS or not text.startswith(initials):
            continue
        rest = text.removeprefix(initials)
        if not rest:
            return LabelFit.INITIALS
        if len(rest) >= _SHORTEST_TOWN_STEM and "".join(words_of(city or "")).startswith(rest):
            return LabelFit.INITIALS_AND_TOWN
    return LabelFit.FOREIGN
