"""Texts: the sentence or cell that contains a value, words of lists, and whose a contact is.

A cell is a line: of a table, a list, an address. Every quote that this package gives comes from
`passage`, so that it occurs word for word in the `single_spaced` text that it was read from. The
package's lists of words are read and checked once, and found in a text in one pass.

The words before a contact tell whether it is the company's own, or that of a web designer, host or
authority; they are in `data/contacts.toml`, with those that announce a phone number.
"""

import html
import re
import tomllib
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

MOST_READ: Final = 60_000
"""Characters of one text that are read. A crawled page has 50,000 at most."""
LONGEST_QUOTE: Final = 300
_LONGEST_SENTENCE: Final = 600

_UNSEEN: Final = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
)
_BLANKS: Final = re.compile(f"[\\s{_UNSEEN}]+")
_LINE_END: Final = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")
_ABBREVIATIONS: Final = re.compile(
    "apdo|avda|bldg|blvd|carr|col|ctra|dpto|edif|inc|ing|lda|ltd|ltda|nro|num|prov|ref|reg|rod"
    "|sra|tel|telf|tlf|urb"
)
_STOP: Final = re.compile(
    r"[.!?][)\]\u00bb\u201d\"*]{0,3}(?P<blank>\s+)(?=[^\W\d_a-z\xdf-\xff]|[\u00bf\u00a1*#]|\S{1,64}@)"
)
_LAST_WORD: Final = re.compile(r"[\w)\]%\u00bb\u201d\"*]+$")
_SHORTEST_LAST_WORD: Final = 3
_LONGEST_LAST_WORD: Final = 40
_LINK: Final = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\s]{0,500}(?: [^()\n]{0,200})?\)")
_TAG: Final = re.compile(r"<[/!a-zA-Z][^<>]{0,500}>")
_MARKS: Final = re.compile(
    r"[*`~]+|(?<!\w)_+|_+(?!\w)|^[ \t]*(?:#{1,6}|>|[-+])[ \t]+", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A value with the sentence or cell that contains it.

    `quote` is part of the folded text, and `written`, the value as it stands there, is part of
    `quote` when it is folded, too.
    """

    value: str
    quote: str
    written: str


def quoted(text: str, value: str, start: int, end: int) -> Quoted:
    """Return *value*, found in *text* from *start* to *end*, with its passage."""
    return Quoted(value, passage(text, start, end), text[start:end])


def _base(character: str) -> str:
    first = unicodedata.normalize("NFKD", character)[0].lower()
    return first if len(first) == 1 else character


#: Latin letters to lower case without accents; one character for one.
_SKELETON: Final = {
    code: _base(chr(code))
    for code in (*range(0x41, 0x5B), *range(0xC0, 0x250), *range(0x1E00, 0x1F00))
    if chr(code).isalpha()
} | {0xA0: " ", 0x202F: " ", 0x2009: " "}


def skeleton(text: str) -> str:
    """Return *text* in lower case without accents, character by character.

    >>> skeleton("Teléfono: ACIÓN")
    'telefono: acion'
    """
    return text.translate(_SKELETON)


def single_spaced(text: str) -> str:
    r"""Return *text* with each run of blanks and control characters as one space.

    >>> single_spaced(" Tel:\t\x1b91 \n")
    'Tel: 91'
    """
    return _BLANKS.sub(" ", text).strip()


def plain(text: str) -> str:
    """Return *text* without markdown, HTML and control characters, on one line.

    >>> plain("## **Acme** [makes](https://acme.example) <b>tools</b> &amp; parts")
    'Acme makes tools & parts'
    """
    bare = _TAG.sub(" ", html.unescape(_TAG.sub(" ", _LINK.sub(r"\1", text))))
    return single_spaced(_MARKS.sub(" ", bare))


def passage(text: str, start: int, end: int) -> str:
    """Return the folded sentence or cell of *text* that holds its characters *start* to *end*.

    At most `LONGEST_QUOTE` characters long if the characters themselves are not longer.
    """
    first, last = sentence_at(text, start, end)
    return _bounded_passage(text, first, start, end, last)


def line_at(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the line or lines of *text* that hold *start* to *end* begin and end.

    Of a long line only the part around them.
    """
    lowest, highest = max(0, start - _LONGEST_SENTENCE), min(len(text), end + _LONGEST_SENTENCE)
    ends = [found.end() for found in _LINE_END.finditer(text, lowest, start)]
    following = _LINE_END.search(text, end, highest)
    return (ends[-1] if ends else lowest), (following.start() if following else highest)


def sentence_at(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the sentence of *text* that holds *start* to *end* begins and ends."""
    first, last = line_at(text, start, end)
    for stop in _STOP.finditer(text, first, last):
        if not _ends_sentence(text, stop.start()):
            continue
        if stop.end() <= start:
            first = stop.end()
        elif stop.start("blank") >= end:
            return first, stop.start("blank")
    return first, last


def sentences_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence or cell of *text* begins and ends."""
    start = 0
    for line in _LINE_END.split(text):
        first, end = start, start + len(line)
        for stop in _STOP.finditer(text, start, end):
            if _ends_sentence(text, stop.start()):
                yield first, stop.start("blank")
                first = stop.end()
        if first < end:
            yield first, end
        start = end + 1


def _ends_sentence(text: str, stop: int) -> bool:
    """Return whether the full stop at *stop* is no abbreviation's."""
    before = text[max(0, stop - _LONGEST_LAST_WORD) : stop]
    if "@" in before.rpartition(" ")[2]:
        return True
    word = _LAST_WORD.search(before)
    if not word or len(word[0]) < _SHORTEST_LAST_WORD:
        return bool(word and not word[0].isalpha())
    return not _ABBREVIATIONS.fullmatch(skeleton(word[0]))


def _bounded_passage(text: str, first: int, start: int, end: int, last: int) -> str:
    spare = max(0, LONGEST_QUOTE - (end - start))
    before = min(start - first, max(spare // 2, spare - (last - end)))
    if start - before > first:
        first = _next_word(text, start - before, start)
    if last - end > spare - before:
        last = max(end, text.rfind(" ", end, end + spare - before))
    return single_spaced(text[first:last])


def _next_word(text: str, at: int, start: int) -> int:
    blank = text.find(" ", at, start)
    return blank + 1 if blank >= 0 else start


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


def rows_of(name: str, columns: int) -> Iterator[list[str]]:
    """Yield the cells of each line of *name*, a table of `data`; lines with # are for people."""
    for line in resources.files(__package__).joinpath("data", name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            cells = line.split("\t")
            # Editors strip the tab that ends a line whose last cell is empty.
            yield [*cells, *[""] * (columns - len(cells))][:columns]


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


_FARTHEST: Final = 400
"""Characters before a contact in which a phrase may stand."""
_LINES_ABOVE: Final = 4
_LONGEST_LABEL: Final = 100
_LONGEST_CLAUSE: Final = 60
_FARTHEST_SUPERVISED: Final = 40
_CELL_END: Final = re.compile(r"[|\u00b7\u2022\n]")
_CLAUSE_END: Final = re.compile(r"[).;\n]\s")
_CONTACT: Final = re.compile(r"@|\d[\d ().-]{6,30}\d")
_HEADING: Final = re.compile(r"[ \t]*(?:#{1,6}[ \t]|\*\*[^*\n]+\*\*[ \t:]*$)")
_OPENED: Final = re.compile(r"\s{0,2}\(\s{0,2}")
_FIRST_WORD: Final = 24
"""Characters at the beginning of a sentence in which its first word begins."""


class _Emails(WordFile):
    file_endings: frozenset[str]
    placeholder_domains: frozenset[str]
    placeholder_names: frozenset[str]
    placeholder_hosts: frozenset[str]
    machine_names: frozenset[str]


class _Mailboxes(WordFile):
    words: frozenset[str]


class _PhoneLabels(WordFile):
    phone: list[str]
    fax: list[str]
    other: list[str]


class _Others(WordFile):
    what: str
    reach: Literal["cell", "clause", "sentence"]
    phrases: list[str]


class _PhraseList(WordFile):
    phrases: list[str]


class _Domains(WordFile):
    others: list[str]


class ContactWords(WordFile):
    """The tables of `data/contacts.toml`, which says what they mean."""

    emails: _Emails
    mailboxes: _Mailboxes
    phones: _PhoneLabels
    others: list[_Others]
    continues: _PhraseList
    supervised: _PhraseList
    own: _PhraseList
    domains: _Domains


@cache
def contact_words() -> ContactWords:
    """Return the words, read once."""
    return load(ContactWords, "contacts.toml")


@cache
def _phrases() -> Phrases:
    words = contact_words()
    kinds: dict[str, list[str]] = defaultdict(list)
    for row in words.others:
        kinds[row.reach] += row.phrases
    single = {
        "own": words.own.phrases,
        "continues": words.continues.phrases,
        "supervised": words.supervised.phrases,
    }
    return phrases_of({**kinds, **single, **words.phones.model_dump()})


class ContactMarks(Marks):
    """A text with the words that say what its contacts are, and whose."""

    def __init__(self, text: str) -> None:
        super().__init__(text, _phrases())

    def is_anothers(self, start: int, end: int) -> bool:
        """Return whether the words around *start* to *end* say: not the company's."""
        first, _ = line_at(self.text, start, end)
        sentence, _ = sentence_at(self.text, start, end)
        return (
            self._reaches("cell", max(sentence, start - _FARTHEST), start, _CELL_END)
            or self._reaches("clause", max(first, start - _LONGEST_CLAUSE), start, _CLAUSE_END)
            or self._reaches("sentence", self._begin(start, end), start, None)
            or self._is_named_behind(end)
            or self._is_named_above(first)
        )

    def _reaches(self, kind: str, first: int, start: int, stop: re.Pattern[str] | None) -> bool:
        named = self.last(kind, first, start)
        if not named or self.last("own", named.end, start) or self._supervises(kind, named):
            return False
        return not (stop and stop.search(self.bare, named.end, start))

    def _supervises(self, kind: str, named: Mark) -> bool:
        before = named.start - _FARTHEST_SUPERVISED
        return kind == "sentence" and self.has("supervised", before, named.start)

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
        word = self.last("continues", first, min(start, first + _FIRST_WORD))
        return word is not None and not re.search(r"\w", self.bare[first : word.start])

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
        named = self.last("sentence", line, end)
        if named and not self._supervises("sentence", named) and not _CONTACT.search(content):
            return True
        maker = self.last("cell", line, end)
        return bool(maker and not self.bare[maker.end : end].strip(" :*_"))
