"""Lists of words: their files are checked, and their phrases are found in a text in one pass."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.evidence.texts import Mark, Marks, WordFile, load, phrases_of


class _Other(WordFile):
    colours: list[str]


def test_a_file_of_another_form_is_refused() -> None:
    """A key that is misspelled is an error of its file, not a list without effect."""
    with pytest.raises(ValidationError, match="colours"):
        load(_Other, "headcount.toml")


def test_a_phrase_without_a_word_is_refused() -> None:
    """It would be found nowhere."""
    with pytest.raises(ValueError, match="no word"):
        phrases_of({"kind": ["()"]})


def test_phrases_are_whole_words_without_case_and_accents() -> None:
    """`plantilla` is not in `plantillas`, and `TELÉFONO` is `telefono`."""
    marks = Marks("Plantillas. TELÉFONO fijo", phrases_of({"kind": ["plantilla", "teléfono fijo"]}))

    assert marks.all("kind") == [Mark(12, 25)]


@pytest.mark.parametrize("text", ["NIF", "N.I.F.", "n.i.f", "nif:"])
def test_initials_may_have_dots(text: str) -> None:
    """Tax ids are announced in many ways."""
    assert Marks(text, phrases_of({"label": ["nif"]})).has("label")


def test_a_part_of_an_address_is_no_phrase() -> None:
    """The domain `.example` announces no example."""
    assert not Marks("info@acme.example", phrases_of({"kind": ["example", "acme"]})).has("kind")


def test_the_last_phrase_within_bounds() -> None:
    """The phrase nearest before a value counts; one that reaches over the bound does not."""
    marks = Marks("tel fax tel", phrases_of({"phone": ["tel"], "fax": ["fax"]}))

    assert marks.last("phone", 0, 11) == Mark(8, 11)
    assert marks.last("phone", 0, 10) == Mark(0, 3)
    assert marks.last("phone", 1, 10) is None
    assert marks.last("fax", 0, 11) == Mark(4, 7)
    assert marks.last("unknown", 0, 11) is None


class CountedPhrases(dict[str, tuple[tuple[str, re.Pattern[str]], ...]]):
    """Phrases that count how often they are asked for a word."""

    asked = 0

    def __getitem__(self, word: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Return the phrases that begin with *word*."""
        self.asked += 1
        return super().__getitem__(word)

    def get(self, word: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        """Return the phrases that begin with *word*, else *default*."""
        self.asked += 1
        return super().get(word, default)


def test_words_that_begin_no_phrase_cost_nothing() -> None:
    """A text is split into words once; a list of phrases looks at those that it begins with."""
    phrases = CountedPhrases(phrases_of({"kind": ["tel", "fax"]}))
    text = " ".join(f"w{number}" for number in range(10_000))

    marks = Marks(f"tel {text} fax", phrases)

    assert len(marks.all("kind")) == 2
    assert phrases.asked == 2


def test_phrases_are_found_in_the_order_of_the_text() -> None:
    """Whatever the order of their words in the list is."""
    marks = Marks("fax tel fax tel", phrases_of({"kind": ["tel", "fax"]}))

    assert marks.all("kind") == [Mark(0, 3), Mark(4, 7), Mark(8, 11), Mark(12, 15)]


def test_the_longest_phrase_counts() -> None:
    """`Tel` is not found within `tel directo`, which is another phrase of its kind."""
    marks = Marks("tel directo", phrases_of({"phone": ["tel", "tel directo"]}))

    assert marks.all("phone") == [Mark(0, 11)]
