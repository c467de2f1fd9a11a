"""The lists of words and towns, and which towns may be one."""

from pathlib import Path

import pytest

import orchestrator.evidence
from orchestrator.evidence.names import may_be_one, spans_of, towns_of, words
from orchestrator.identity.writing import split_words

DATA = Path(orchestrator.evidence.__file__).with_name("data")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Palma", "Palma de Mallorca"),
        ("Palma", "Mallorca"),
        ("Mallorca", "Baleares"),
        ("Bilbao", "Bizkaia"),
        ("Donostia", "San Sebastián"),
        ("Alacant", "Alicante"),
        ("Bilbao", "España"),
        ("Campinas", "São Paulo"),
        ("Valencia", "Valencia"),
    ],
)
def test_a_company_may_say_either(ours: str, theirs: str) -> None:
    """Other languages, the province, the region and the country are no contradiction."""
    assert may_be_one(towns_of(ours), towns_of(theirs))
    assert may_be_one(towns_of(theirs), towns_of(ours))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Bilbao", "Vigo"),
        ("Bilbao", "Lima"),
        ("Bilbao", "Galicia"),
        ("Bilbao", "México"),
        ("Palma", "Barcelona"),
        ("Bilbao", "Nowhere"),
    ],
)
def test_a_company_is_not_in_both(ours: str, theirs: str) -> None:
    """Two towns, or a town and another region, are two places."""
    assert not may_be_one(towns_of(ours), towns_of(theirs))


def test_the_longest_name_of_a_place_counts() -> None:
    """`San Luis Potosí` is not `San Luis`, and no word belongs to two places."""
    spans = spans_of(split_words("Talleres San Luis Potosí y Santiago del Estero"))
    names = [{town.name for town in span.towns} for span in spans]
    assert names == [{"san luis potosi"}, {"santiago del estero"}]


@pytest.mark.parametrize("file", ["name_words.tsv", "towns.tsv", "page_signs.tsv"])
def test_the_lists_are_folded(file: str) -> None:
    """A word with an accent or a capital would never be found."""
    for line in (DATA / file).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            listed = line.partition("\t")[2].replace(";", " ").replace("\t", " ")
            assert split_words(listed) == listed.split()


def test_a_word_is_of_one_kind() -> None:
    """A joining word has no weight at all, so it can't be a trade as well."""
    assert words().joining.isdisjoint(words().trade)
