"""Reads `legal_forms.tsv`, the table of legal forms, and finds its spellings at a name's ends."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from .writing import split_words

Kind = Literal["form", "word", "note", "kept"]

NAME: Final = "~"
"""Stands for the company's name in a spelling."""


class Form(NamedTuple):
    """One line of the table; the head of `spellings.tsv` says what its kind means."""

    label: str
    countries: tuple[str, ...]
    kind: Kind

    @property
    def slug(self) -> str:
        """The word that stands for a kept form at the end of a key."""
        return _slug(self.label)


@cache
def _slug(label: str) -> str:
    return "".join(split_words(label))


class _Lengths(defaultdict[str, set[int]]):
    """Words that begin (or end) spellings, and how many words these have."""

    def __init__(self) -> None:
        super().__init__(set)

    def longest_first(self) -> dict[str, tuple[int, ...]]:
        return {word: tuple(sorted(lengths, reverse=True)) for word, lengths in self.items()}


class FormTable:
    """The spellings of legal forms, as folded words, found by the word at the name's end."""

    def __init__(self, forms: Iterator[tuple[Form, list[str]]]) -> None:
        self._endings: dict[str, Form] = {}
        self._leadings: dict[str, tuple[Form, set[str]]] = {}
        self._attached_before: set[str] = set()
        self._attached_after: set[str] = set()
        for form, spellings in forms:
            for spelling in spellings:
                if NAME in spelling:
                    self._add_around(form, spelling)
                else:
                    self._endings.setdefault(spelling, form)
        ends, begins = _Lengths(), _Lengths()
        for ending in self._endings:
            ends[ending.rpartition(" ")[2]].add(ending.count(" ") + 1)
        for leading in self._leadings:
            begins[leading.partition(" ")[0]].add(leading.count(" ") + 1)
        self._ending_lengths = ends.longest_first()
        self._leading_lengths = begins.longest_first()

    def _add_around(self, form: Form, spelling: str) -> None:
        before, _, after = spelling.partition(NAME)
        leading, ending = before.strip(), after.strip()
        if leading and leading == before:
            self._attached_before.add(leading)
        if ending and ending == after:
            self._attached_after.add(ending.partition(" ")[0])
        if ending:
            self._endings.setdefault(ending, form)
        if leading:
            self._leadings.setdefault(leading, (form, set()))[1].add(ending)

    def is_form(self, words: list[str]) -> bool:
        """Return whether *words* are nothing but one legal form."""
        text = " ".join(words)
        return text in self._endings or text in self._leadings

    def all_endings(self, kind: Kind) -> set[str]:
        """Return the spellings of the forms of one *kind* that follow a name."""
        return {text for text, form in self._endings.items() if form.kind == kind}

    def ending(self, text: str) -> Form | None:
        """Return the form that names end with in the spelling *text*."""
        return self._endings.get(text)

    def endings(self, words: list[str]) -> Iterator[tuple[int, str, Form]]:
        """Yield the forms that end *words* and leave some, longest first: (words, text, form)."""
        for length in self._ending_lengths.get(words[-1], ()):
            if length < len(words):
                text = " ".join(words[-length:])
                if form := self._endings.get(text):
                    yield length, text, form

    def leadings(self, words: list[str]) -> Iterator[tuple[int, str, Form, set[str]]]:
        """Yield the forms that begin *words* and leave some, with the endings each allows."""
        for length in self._leading_lengths.get(words[0], ()):
            if length < len(words):
                text = " ".join(words[:length])
                if found := self._leadings.get(text):
                    yield length, text, *found

    def detach(self, words: list[str]) -> list[str]:
        """Part forms written without a space from the words at the ends (`株式会社`)."""
        if all(map(str.isascii, words)):
            return words
        first, before = words[0], []
        head = max(filter(first.startswith, self._attached_before), key=len, default="")
        if head and head != first:
            before, words = [head], [first[len(head) :], *words[1:]]
        # Two, since a remark in brackets may follow the form: `จำกัด (มหาชน)`.
        ends = itertools.chain.from_iterable(map(self._part, words[-2:]))
        return [*before, *words[:-2], *ends]

    def _part(self, word: str) -> tuple[str, ...]:
        tail = max(filter(word.endswith, self._attached_after), key=len, default="")
        return (word[: -len(tail)], tail) if tail and tail != word else (word,)


def load_forms(path: Path) -> FormTable:
    """Read a table of legal forms; its head explains it."""
    return FormTable(_read(path.read_text(encoding="utf-8")))


def _read(text: str) -> Iterator[tuple[Form, list[str]]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            label, countries, kind, spellings = line.split("\t")
            yield Form(label, tuple(countries.split()), cast("Kind", kind)), spellings.split("; ")


# Data of this package, and the same for every caller: read once, with the module.
FORMS: Final = load_forms(Path(__file__).with_name("legal_forms.tsv"))
