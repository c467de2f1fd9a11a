"""Products that a page says its company uses, or works with for its customers.

A name alone is none: shops list what they sell, and advertisements what applicants should know. The
words are in `data/technologies.toml`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

from .passages import Quoted, quoted, sentence_at
from .word_lists import Marks, Phrases, WordFile, load, phrases_of

MOST_BELIEVABLE: Final = 8
"""Products of one company; more are what it sells."""
_MOST_IN_SENTENCE: Final = 5
_MOST_LOOKED_AT: Final = 200


class _Context(WordFile):
    used: list[str]
    refused: list[str]


class _Words(WordFile):
    names: list[str]
    same: dict[str, str]
    context: _Context


@cache
def _words() -> _Words:
    return load(_Words, "technologies.toml")


@cache
def _phrases() -> Phrases:
    words = _words()
    return phrases_of({"name": words.names, **words.context.model_dump()})


@cache
def _names() -> dict[str, str]:
    words = _words()
    return {name: words.same.get(name, name) for name in words.names}


def technologies_in(text: str) -> Sequence[Quoted]:
    """Return the products that *text* says are used, each once; the value is the product's name.

    Args:
        text: A page's markdown, bounded by the caller.
    """
    marks = Marks(text, _phrases())
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
