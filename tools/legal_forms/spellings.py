"""The hand-kept half of the table and its notation, which the head of `spellings.tsv` explains."""

import itertools
from dataclasses import dataclass

from orchestrator.identity.stripping import NAME, Form
from orchestrator.identity.writing import split_words

_AND = ("and", "&", "und", "u")


@dataclass(frozen=True, slots=True)
class HandForm:
    """A legal form and its spellings, as folded words: `sl`, `s l`, `pt ~ tbk`, `~株式会社`."""

    form: Form
    spellings: tuple[str, ...]


def read_spellings(text: str) -> list[HandForm]:
    """Return the forms that `spellings.tsv` holds, each spelling in the first that claims it."""
    claimed: set[str] = set()
    forms = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            label, countries, kind, spellings = line.split("\t")
            form = Form(label, tuple(countries.split()), kind)  # type: ignore[arg-type]  # a test checks
            texts = [way for spelling in spellings.split("; ") for way in expand(spelling)]
            own = dict.fromkeys([*texts, form.slug] if kind == "kept" else texts)
            forms.append(HandForm(form, tuple(way for way in own if way not in claimed)))
            claimed.update(own)
    return forms


def expand(spelling: str) -> list[str]:
    """Return every way to write *spelling*, folded; the name's place and its spaces stay."""
    before, name, after = spelling.rpartition(NAME)
    head = [f"{way}{before[len(before.rstrip()) :]}" for way in _ways_to_write(before)]
    tail = [f"{after[: len(after) - len(after.lstrip())]}{way}" for way in _ways_to_write(after)]
    ways = [f"{x}{name}{y}" for x in head for y in tail]
    return [way.removeprefix(f"{NAME} ") for way in ways]


def _ways_to_write(text: str) -> list[str]:
    return [" ".join(ways) for ways in itertools.product(*map(_ways, text.split()))]


def _ways(token: str) -> tuple[str, ...]:
    """Return the ways to write *token*: an initialism together and apart, `and` as a sign."""
    if token == _AND[0]:
        return _AND
    parts = [word for part in token.split(".") for word in split_words(part)]
    return ("".join(parts), " ".join(parts)) if len(parts) > 1 else tuple(parts)
