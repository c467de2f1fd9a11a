"""Whose a contact in a company's page is: its own, or that of a web designer, host or authority.

The words before it tell; they are in `data/contacts.toml`, with those that announce a phone
number.
"""

import re
from collections import defaultdict
from functools import cache
from typing import Final, Literal

from .texts import Mark, Marks, Phrases, WordFile, line_at, load, phrases_of, sentence_at

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
