"""Reads `legal_forms.tsv`, the table of legal forms, and finds its spellings at a name's ends."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from .writing import split_words

Kind = Literal["form", "word", "note", "kept"]

_NAME: Final = "~"
_AND: Final = ["and", "&", "und", "u"]


class Form(NamedTuple):
    """One line of the table; `legal_forms.tsv` says what its kind means."""

    label: str
    countries: tuple[str, ...]
    kind: Kind

    @property
    def slug(self) -> str:
        """The word that stands for a kept form at the end of a key."""
        return "".join(split_words(self.label))


class Lengths(dict[str, tuple[int, ...]]):
    """Words that begin (or end) spellings, and how many words these have, longest first."""

    def note(self, word: str, length: int) -> None:
        """Remember that a spelling of *length* words begins (or ends) with *word*."""
        self[word] = tuple(sorted({*self.get(word, ()), length}, reverse=True))


class FormTable:
    """The spellings of legal forms, as folded words, found by the word at the name's end."""

    def __init__(self) -> None:
        self._endings: dict[str, Form] = {}
        self._ending_lengths = Lengths()
        self._leadings: dict[str, tuple[Form, set[str]]] = {}
        self._leading_lengths = Lengths()
        self._attached_before: set[str] = set()
        self._attached_after: set[str] = set()

    def add(self, form: Form, spelling: str) -> None:
        """Learn one *spelling*, in the notation that the head of the table explains."""
        before, _, after = spelling.rpartition(_NAME)
        if before and not before.endswith(" "):
            self._attached_before.update(split_words(before))
        if _NAME in spelling and after and not after.startswith(" "):
            self._attached_after.add(split_words(after)[0])
        for ending in _ways_to_write(after):
            if ending:
                self._endings.setdefault(ending, form)
                self._ending_lengths.note(ending.split()[-1], len(ending.split()))
            for leading in _ways_to_write(before) if before else ():
                self._leadings.setdefault(leading, (form, set()))[1].add(ending)
                self._leading_lengths.note(leading.split()[0], len(leading.split()))

    def is_form(self, words: list[str]) -> bool:
        """Say whether *words* are nothing but one legal form."""
        text = " ".join(words)
        return text in self._endings or text in self._leadings

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
        first = words[0]
        head = max(filter(first.startswith, self._attached_before), key=len, default="")
        if head and head != first:
            words = [head, first[len(head) :], *words[1:]]
        # Two, since a remark in brackets may follow the form: `จำกัด (มหาชน)`.
        return [*words[:-2], *itertools.chain.from_iterable(map(self._part, words[-2:]))]

    def _part(self, word: str) -> tuple[str, ...]:
        tail = max(filter(word.endswith, self._attached_after), key=len, default="")
        return (word[: -len(tail)], tail) if tail and tail != word else (word,)


def _ways_to_write(spelling: str) -> list[str]:
    return [" ".join(ways) for ways in itertools.product(*map(_ways, spelling.split()))]


def _ways(token: str) -> list[str]:
    """Return the ways to write *token*: an initialism together and apart, `and` as a sign."""
    if token == _AND[0]:
        return _AND
    parts = [word for part in token.split(".") for word in split_words(part)]
    return ["".join(parts), " ".join(parts)] if len(parts) > 1 else parts


def load_forms(path: Path) -> FormTable:
    """Read a table of legal forms; see its head for the notation."""
    table = FormTable()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            label, countries, kind, spellings = line.split("\t")
            form = Form(label, tuple(countries.split()), cast("Kind", kind))
            for spelling in spellings.split("; "):
                table.add(form, spelling)
            if kind == "kept":
                table.add(form, form.slug)
    return table


# Data of this package, and the same for every caller: read once, with the module.
FORMS: Final = load_forms(Path(__file__).with_name("legal_forms.tsv"))
