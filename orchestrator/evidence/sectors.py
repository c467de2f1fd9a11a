"""Which sector a text, or a category of Google Maps, speaks of; None rather than a guess.

A text is scored with a list of words that people edit (`data/sector_words.tsv`); an English one
with learned weights, too (`data/sector_weights.en.tsv`, written by `tools/sectors`). A category is
read with `data/sector_categories.tsv`: its strongest word decides. `data/sector_calibration.toml`
turns scores into confidence, and has the least score of an answer (see `docs/evidence.md`).

WordListError(problems)    a word list cannot be used; a text never fails
"""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import exp, log, log1p, sqrt
from typing import Final, NamedTuple

from agents.cdao.vocabulary import Sector

LANGUAGES: Final = ("es", "pt", "en")

#: Characters of a text that are read; what a company does is said early.
_MOST_CHARACTERS: Final = 8_000
#: Characters of the longest sentence; a longer one is cut at a space.
_LONGEST_SENTENCE: Final = 300
#: A word that is repeated says less each time: 1 + 1/2 + 1/4 ... of its weight.
_REPEATED: Final = 0.5
#: What the first sentence with words of the list counts; it mostly says what the company is.
_FIRST_SENTENCE: Final = 1.5
#: Points of a sector at which it weighs (1 + 1) ** 2 = four times what a silent one does.
_TELLING: Final = 2.0
#: Least sum of squares that the learned weights are divided by, so that a few words stay a hint.
_LEAST_SQUARES: Final = 200.0

_NONE, _NEUTRAL = "none", "neutral"
_LABELS: Final = (*(sector.value for sector in Sector), _NONE)
_WORD = re.compile("[a-z0-9]+")
_MARKS = re.compile("[\u0300-\u036f]+")
_ENDS = re.compile(r"(?<=[.!?;])\s+|[\r\n\t|\u2022\u00b7]+")
_COMMON: Final = {
    "es": "el la los las del y en con una un para por su sus es al como nuestra nuestro mas desde",
    "pt": "o os do da dos das e em com uma um para por seu sua na ao nas pelo pela mais desde voce",
    "en": "the of and in to is for with its that by on from our we you your us are or an at it",
}


class WordListError(ValueError):
    """A word list is wrong; `problems` has one sentence for each wrong line."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True)
class SectorGuess:
    """A sector with what speaks for it.

    Attributes:
        sector: What the company does.
        confidence: Share of answers that were right at this score on the development data, 0 to 1.
        quote: The sentence that tells most, or the category; stands in the text word for word.
    """

    sector: Sector
    confidence: float
    quote: str


def sector_in_text(text: str, *, language: str | None = None, name: str = "") -> SectorGuess | None:
    """Return the sector that *text* speaks of.

    Args:
        text: About one company, of any length; its first 8,000 characters are read.
        language: es, pt or en; guessed from the text's common words when it is None or another.
        name: The company's name counts like a sentence of the text, but is no proof alone: the
            text must speak of the same sector.

    Returns:
        None when the text says too little, or speaks of several sectors alike.
    """
    known = language if language in LANGUAGES else guess_language(text)
    reading = read_text(text, known, name, learned_table() if known == "en" else None)
    return guess_from(reading, known)


def guess_from(reading: "Reading", language: str) -> SectorGuess | None:
    """Return what *reading* says when it is sure enough for texts of its *language*."""
    label, score = reading.best()
    confidence = scale(language).confidence(score)
    quote = reading.quote(label)
    if label == _NONE or confidence is None or quote is None:
        return None
    return SectorGuess(Sector(label), confidence, quote)


def sector_of_category(category: str, *, language: str | None = None) -> SectorGuess | None:
    """Return the sector of a category's name in Google Maps, such as "Tienda de ropa".

    Without a *language* the words of all three count. None for a category that is in no sector of
    ours, and for one without a known word.
    """
    words = plain_words(category[:_LONGEST_SENTENCE])
    spoken = (language,) if language in LANGUAGES else LANGUAGES
    found = [
        (entry.weight, -at if one != "en" else at, len(entry.words), entry.label)
        for one in spoken
        for at, entry in _word_list("sector_categories.tsv", one).find(words)
        if entry.label != _NEUTRAL
    ]
    # Of equals the first decides in Spanish and Portuguese, the last in English: there stands
    # what the thing is ("tienda de alimentos", "food store").
    weight, _, _, label = max(found, default=(0, 0, 0, _NONE))
    confidence = scale("category").confidence(weight)
    if label == _NONE or confidence is None:
        return None
    return SectorGuess(Sector(label), confidence, category)


def guess_language(text: str) -> str:
    """Return es, pt or en, by the common words of *text*; es when there are none."""
    words = Counter(plain_words(text[:4_000]))
    scores = {one: sum(words[word] for word in _COMMON[one].split()) for one in LANGUAGES}
    return max(LANGUAGES, key=lambda language: scores[language])


# --- texts


class LearnedTable:
    """Weights of English words that were learned; their sum, with the biases, speaks for a sector.

    A line has a word, how rare it is (hundredths of its inverse document frequency), and the weight
    (tenths) in each sector that it says something about. The first line has the biases.
    """

    def __init__(self, text: str) -> None:
        lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
        self.biases = _weights(lines[0][2])
        self._words = {word: (int(rare) / 100, _weights(cells)) for word, rare, cells in lines[1:]}

    def points(self, words: Iterable[str]) -> dict[str, float]:
        """Return the points of each sector for all *words* of a text, biases apart."""
        counts = Counter(word for word in map(singular, words) if word in self._words)
        shares = {word: (1 + log(count)) * self._words[word][0] for word, count in counts.items()}
        length = sqrt(max(_LEAST_SQUARES, sum(share * share for share in shares.values())))
        points: dict[str, float] = {}
        for word, share in shares.items():
            for label, weight in self._words[word][1].items():
                points[label] = points.get(label, 0.0) + weight * share / length
        return points


def _weights(cells: str) -> dict[str, float]:
    pairs = (cell.split(":") for cell in cells.split())
    return {label: int(tenths) / 10 for label, tenths in pairs}


def singular(word: str) -> str:
    """Return an English noun without the ending of its plural, roughly; short words as they are."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):  # noqa: PLR2004 - "gas"
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 5 else word[:-1]  # noqa: PLR2004 - "ties"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says: points of each sector in all, and in each of its sentences."""

    points: dict[str, float]
    by_sentence: list[tuple[str, dict[str, float]]]

    def best(self) -> tuple[str, float]:
        """Return the label that weighs most, and its share of the weight of all, 0 to 1."""
        weights = {label: exp(value) for label, value in self.points.items()}
        label = max(_LABELS, key=lambda label: weights[label])
        return label, weights[label] / sum(weights.values())

    def quote(self, label: str) -> str | None:
        """Return the first sentence with most points for *label*; None where none has any."""
        best = max(self.by_sentence, key=lambda item: item[1].get(label, 0.0), default=None)
        return best[0] if best and best[1].get(label, 0.0) > 0 else None


def read_text(text: str, language: str, name: str, learned: LearnedTable | None) -> Reading:
    """Return what *text* says by the word list, and by the *learned* weights if given."""
    word_list = _word_list("sector_words.tsv", language)
    listed: dict[str, float] = {}
    seen: Counter[Entry] = Counter()
    by_sentence: list[tuple[str, dict[str, float]]] = []
    every: list[str] = []
    factor = _FIRST_SENTENCE
    for sentence in (name[:_LONGEST_SENTENCE], *_sentences(text[:_MOST_CHARACTERS])):
        words = plain_words(sentence)
        own = learned.points(words) if learned else {}
        found = [entry for _, entry in word_list.find(words)]
        for entry in found:
            points = factor * entry.weight * _REPEATED ** seen[entry]
            seen[entry] += 1
            own[entry.label] = own.get(entry.label, 0.0) + points
            listed[entry.label] = listed.get(entry.label, 0.0) + points
        factor = 1.0 if found else factor
        if by_sentence:
            every += words
        by_sentence.append((sentence, own))
    listed.pop(_NEUTRAL, None)
    summands = [{label: 2 * log1p(value / _TELLING) for label, value in listed.items()}]
    if learned:
        summands += [learned.biases, learned.points(every)]
    sums = {label: sum(one.get(label, 0.0) for one in summands) for label in _LABELS}
    return Reading(sums, by_sentence[1:])


def _sentences(text: str) -> Iterator[str]:
    for part in _ENDS.split(text):
        rest = part.strip()
        while len(rest) > _LONGEST_SENTENCE:
            cut = rest.rfind(" ", 1, _LONGEST_SENTENCE)
            cut = cut if cut > 0 else _LONGEST_SENTENCE
            yield rest[:cut].rstrip()
            rest = rest[cut:].lstrip()
        if rest:
            yield rest


def plain_words(text: str) -> list[str]:
    """Return the words of *text* in lower case and without accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall(_MARKS.sub("", folded))


# --- word lists


class Entry(NamedTuple):
    """Words of a list that stand together: `stems[i]` says that `words[i]` may go on."""

    words: tuple[str, ...]
    stems: tuple[bool, ...]
    label: str
    weight: int

    def matches(self, words: Sequence[str], at: int) -> bool:
        """Return whether these words stand in *words* from *at* on, where the first one does."""
        if at + len(self.words) > len(words):
            return False
        for i in range(1, len(self.words)):
            word, own = words[at + i], self.words[i]
            if not (word.startswith(own) if self.stems[i] else word == own):
                return False
        return True

    @property
    def specificity(self) -> tuple[int, int, int]:
        """Which of two entries at one place says more: more words, more letters, no stems."""
        return len(self.words), sum(map(len, self.words)), -sum(self.stems)


class WordList:
    """The entries of one language, found by their first word."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._exact: dict[str, list[Entry]] = {}
        self._by_stem: dict[str, list[Entry]] = {}
        for entry in entries:
            index = self._by_stem if entry.stems[0] else self._exact
            index.setdefault(entry.words[0], []).append(entry)
        self._lengths = sorted({len(stem) for stem in self._by_stem})

    def find(self, words: Sequence[str]) -> Iterator[tuple[int, Entry]]:
        """Yield the longest entries at each place of *words* with their index, without overlap.

        The same words may speak for two sectors; then both entries are yielded.
        """
        at = 0
        while at < len(words):
            longest = self._longest(words, at)
            yield from ((at, entry) for entry in longest)
            at += len(longest[0].words) if longest else 1

    def _longest(self, words: Sequence[str], at: int) -> list[Entry]:
        word = words[at]
        candidates = list(self._exact.get(word, ()))
        for length in self._lengths:
            if length > len(word):
                break
            candidates += self._by_stem.get(word[:length], ())
        found = [entry for entry in candidates if entry.matches(words, at)]
        best = max((entry.specificity for entry in found), default=None)
        return [entry for entry in found if entry.specificity == best]


def read_word_list(text: str, name: str) -> dict[str, list[Entry]]:
    """Return the entries of each language in *text*, the content of the file *name*.

    Raises:
        WordListError: With one problem for each wrong line.
    """
    entries: dict[str, list[Entry]] = {language: [] for language in LANGUAGES}
    owners: dict[tuple[str, Entry], int] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            for language, entry in _parse(line):
                _own(owners, language, entry, number)
                entries[language].append(entry)
        except ValueError as problem:
            problems.append(f"{name}, line {number}: {problem}")
    if problems:
        raise WordListError(tuple(problems))
    return entries


def _own(owners: dict[tuple[str, Entry], int], language: str, entry: Entry, number: int) -> None:
    key = language, entry._replace(weight=0)
    if key in owners:
        phrase = " ".join(entry.words)
        raise ValueError(f"{phrase!r} ({language}) stands in line {owners[key]}, too")
    owners[key] = number


def _parse(line: str) -> Iterator[tuple[str, Entry]]:
    cells = line.split("\t")
    if len(cells) != 4:  # noqa: PLR2004 - as the head of the file says
        raise ValueError(f"{len(cells)} columns instead of 4, separated by tabs")
    label, weight, languages, phrases = (cell.strip() for cell in cells)
    if label not in {*_LABELS, _NEUTRAL}:
        raise ValueError(f"{label!r} is no sector")
    if not re.fullmatch("[0-9]", weight):
        raise ValueError(f"weight {weight!r} is no digit from 0 to 9")
    spoken = LANGUAGES if languages == "*" else tuple(languages.split())
    if not spoken or not set(spoken) <= set(LANGUAGES):
        raise ValueError(f"{languages!r} is not * and not of the languages {' '.join(LANGUAGES)}")
    for phrase in phrases.split(";"):
        entry = _entry(phrase.strip(), label, int(weight))
        yield from ((language, entry) for language in spoken)


def _entry(phrase: str, label: str, weight: int) -> Entry:
    marked = phrase.split(" ")
    words = tuple(word.removesuffix("*") for word in marked)
    if not all(re.fullmatch("[a-z0-9]+", word) for word in words):
        raise ValueError(f"{phrase!r} is not in lower-case words without accents")
    return Entry(words, tuple(word.endswith("*") for word in marked), label, weight)


# --- data files


class Scale(NamedTuple):
    """Scores with the share of answers that were right there, both rising."""

    points: tuple[tuple[float, float], ...]

    def confidence(self, score: float) -> float | None:
        """Return the share that belongs to *score*; None below the first score."""
        if score < self.points[0][0]:
            return None
        for (x0, y0), (x1, y1) in zip(self.points, self.points[1:], strict=False):
            if score < x1:
                return round(y0 + (y1 - y0) * (score - x0) / (x1 - x0), 3)
        return self.points[-1][1]


@cache
def _word_list(name: str, language: str) -> WordList:
    return WordList(read_word_list(_file(name), name)[language])


@cache
def learned_table() -> LearnedTable:
    """Return the weights of English words, as they are packaged."""
    return LearnedTable(_file("sector_weights.en.tsv"))


@cache
def scale(name: str) -> Scale:
    """Return the scale of a language, or of "category"."""
    points = tomllib.loads(_file("sector_calibration.toml"))[name]["points"]
    return Scale(tuple((float(score), float(share)) for score, share in points))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("data", name).read_text(encoding="utf-8")
