"""Which sector a text, or a category of Google Maps, speaks of; None rather than a guess.

A text is scored with a list of words that people edit (`data/sector_words.tsv`). The score becomes
a confidence through `data/sector_calibration.toml`: the share of answers that were right at that
score on the development data (see `docs/evidence.md`). A sector is only named above a threshold.

WordListError(problems)    a data file cannot be used; a text never fails
"""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from agents.cdao.vocabulary import Sector

LANGUAGES: Final = ("es", "pt", "en")

#: Characters of a text that are read; what a company does is said early.
_MOST_CHARACTERS: Final = 20_000
#: Characters of the longest sentence; a longer one is cut at a space.
_LONGEST_SENTENCE: Final = 300
#: A word that is repeated says less each time: 1 + 1/2 + 1/4 ... of its weight.
_REPEATED: Final = 0.5
#: What the first sentence with a word of the list counts; it mostly says what the company is.
_FIRST_SENTENCE: Final = 1.5
#: Score of the doubt that every text leaves: few words give no high confidence.
_DOUBT: Final = 3.0

_NONE, _NEUTRAL = "none", "neutral"
_WORD = re.compile(r"[^\W_]+")
_ENDS = re.compile(r"(?<=[.!?;])\s+|[\r\n\t|\u2022\u00b7]+")


class WordListError(ValueError):
    """A data file is wrong; `problems` has one sentence for each wrong line."""

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


class Entry(NamedTuple):
    """Words of a list that stand together: `stems[i]` says that `words[i]` may go on."""

    words: tuple[str, ...]
    stems: tuple[bool, ...]
    label: str
    weight: int

    def matches(self, words: list[str], at: int) -> bool:
        """Return whether these words stand in *words* from index *at* on."""
        if at + len(self.words) > len(words):
            return False
        return all(
            words[at + i].startswith(word) if stem else words[at + i] == word
            for i, (word, stem) in enumerate(zip(self.words, self.stems, strict=True))
        )


class WordList:
    """The entries of one language, found by their first word."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._exact: dict[str, list[Entry]] = {}
        self._by_stem: dict[str, list[Entry]] = {}
        for entry in entries:
            index = self._by_stem if entry.stems[0] else self._exact
            index.setdefault(entry.words[0], []).append(entry)
        self._lengths = sorted({len(stem) for stem in self._by_stem})

    def find(self, words: list[str]) -> Iterator[Entry]:
        """Yield the longest entries at each place of *words*, without overlap.

        The same words may speak for two sectors; then both entries are yielded.
        """
        at = 0
        while at < len(words):
            longest = self._longest(words, at)
            yield from longest
            at += len(longest[0].words) if longest else 1

    def _longest(self, words: list[str], at: int) -> list[Entry]:
        word = words[at]
        candidates = list(self._exact.get(word, ()))
        for length in self._lengths:
            if length > len(word):
                break
            candidates += self._by_stem.get(word[:length], ())
        found = [entry for entry in candidates if entry.matches(words, at)]
        best = max(map(_specificity, found), default=None)
        return [entry for entry in found if _specificity(entry) == best]


def _specificity(entry: Entry) -> tuple[int, int, int]:
    return len(entry.words), sum(map(len, entry.words)), -sum(entry.stems)


def sector_in_text(text: str, *, language: str | None = None, name: str = "") -> SectorGuess | None:
    """Return the sector that *text* speaks of.

    Args:
        text: About one company, of any length; its first 20,000 characters are read.
        language: es, pt or en; guessed from the text's common words when it is None or another.
        name: The company's name. Its words do not count: "Banco Agricola" is no farm.

    Returns:
        None when the text says too little, or speaks of several sectors alike.
    """
    known = language if language in LANGUAGES else guess_language(text)
    sentences = list(_sentences(text[:_MOST_CHARACTERS]))
    evidence = _read(sentences, _word_list(known), frozenset(_words(name)))
    total = sum(evidence.scores.values())
    label, best = max(evidence.scores.items(), key=lambda item: item[1], default=(_NONE, 0.0))
    if label == _NONE:
        return None
    confidence = _calibration()[known].confidence(best / (total + _DOUBT))
    if confidence is None:
        return None
    return SectorGuess(Sector(label), confidence, evidence.quote(label))


def sector_of_category(category: str, *, language: str | None = None) -> SectorGuess | None:
    """Return the sector of a category's name in Google Maps; None for a name that says none."""
    return sector_in_text(category, language=language)


def guess_language(text: str) -> str:
    """Return es, pt or en, by the common words of *text*; es when there are none."""
    words = Counter(_words(text[:4_000]))
    scores = {
        language: sum(words[word] for word in _COMMON[language].split()) for language in LANGUAGES
    }
    return max(LANGUAGES, key=lambda language: scores[language])


_COMMON: Final = {
    "es": "el la los las del y en con una un para por su que es al como nuestra nuestro servicios",
    "pt": "o a os as do da dos das e em com uma um para por seu sua que no na ao nos mais servicos",
    "en": "the of and in to a is for with its that by as on from our we company services it",
}


@dataclass(frozen=True, slots=True)
class _Evidence:
    scores: dict[str, float]
    by_sentence: list[tuple[str, dict[str, float]]]

    def quote(self, label: str) -> str:
        return max(self.by_sentence, key=lambda item: item[1].get(label, 0.0))[0]


def _read(sentences: list[str], word_list: WordList, ignored: frozenset[str]) -> _Evidence:
    seen: Counter[Entry] = Counter()
    scores: dict[str, float] = {}
    by_sentence: list[tuple[str, dict[str, float]]] = []
    for sentence in sentences:
        own: dict[str, float] = {}
        factor = 1.0 if by_sentence else _FIRST_SENTENCE
        words = [word for word in _words(sentence) if word not in ignored]
        for entry in word_list.find(words):
            points = factor * entry.weight * _REPEATED ** seen[entry]
            seen[entry] += 1
            own[entry.label] = own.get(entry.label, 0.0) + points
            scores[entry.label] = scores.get(entry.label, 0.0) + points
        if own:
            by_sentence.append((sentence, own))
    scores.pop(_NEUTRAL, None)
    return _Evidence(scores, by_sentence)


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


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFC", text).casefold()
    return [word if word.isascii() else _bare(word) for word in _WORD.findall(folded)]


def _bare(word: str) -> str:
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode("ascii")


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
    if label not in {*Sector, _NONE, _NEUTRAL}:
        raise ValueError(f"{label!r} is no sector")
    if not weight.isdecimal() or not weight.isascii() or len(weight) != 1:
        raise ValueError(f"weight {weight!r} is no digit from 0 to 9")
    spoken = LANGUAGES if languages == "*" else tuple(languages.split())
    for language in spoken:
        if language not in LANGUAGES:
            raise ValueError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
        for phrase in phrases.split(";"):
            yield language, _entry(phrase.strip(), label, int(weight))


def _entry(phrase: str, label: str, weight: int) -> Entry:
    marked = phrase.split(" ")
    words = tuple(word.removesuffix("*") for word in marked)
    if not all(re.fullmatch("[a-z0-9]+", word) for word in words):
        raise ValueError(f"{phrase!r} is not in lower-case words without accents")
    return Entry(words, tuple(word.endswith("*") for word in marked), label, weight)


class _Scale(NamedTuple):
    """Score to confidence: (score, share right) with both rising; below the first, no answer."""

    points: tuple[tuple[float, float], ...]

    def confidence(self, score: float) -> float | None:
        if score < self.points[0][0]:
            return None
        for (x0, y0), (x1, y1) in zip(self.points, self.points[1:], strict=False):
            if score < x1:
                return round(y0 + (y1 - y0) * (score - x0) / (x1 - x0), 3)
        return self.points[-1][1]


@cache
def _word_list(language: str) -> WordList:
    return WordList(read_word_list(_file("sector_words.tsv"), "sector_words.tsv")[language])


@cache
def _calibration() -> dict[str, _Scale]:
    read = tomllib.loads(_file("sector_calibration.toml"))
    return {
        language: _Scale(tuple((float(x), float(y)) for x, y in read[language]["points"]))
        for language in LANGUAGES
    }


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("data", name).read_text(encoding="utf-8")
