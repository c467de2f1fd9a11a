"""Sets of numbers as bytes."""

import random

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.infra.distinct import Distinct
from orchestrator.jobs import Segment
from orchestrator.jobs.stored import Numbers, numbers_in, pack_row_counts, row_count_in


@given(st.lists(st.sets(st.integers(0, 5_000))))
def test_what_is_packed_is_read_again(parts: list[set[int]]) -> None:
    """Whatever comes, in whatever parts and order, is in the set once, and nothing else is."""
    numbers = Numbers()
    for part in parts:
        numbers.add(part)

    assert list(numbers_in(numbers.pack())) == sorted(set().union(*parts))


@given(st.lists(st.text(max_size=3)))
def test_texts_are_numbered_by_their_first_appearance(texts: list[str]) -> None:
    """As a dict would number them, whatever the texts are."""
    distinct, known = Distinct(), dict[str, int]()

    numbers = [distinct.number(text) for text in texts]

    assert numbers == [known.setdefault(text, len(known)) for text in texts]
    assert len(distinct) == len(known)


def test_numbers_survive_growth() -> None:
    """The table grows many times over, and forgets and confuses nothing."""
    texts = [f"company {n}" for n in range(10_000)]
    distinct = Distinct()
    for text in texts:
        distinct.number(text)
    again = list(range(len(texts)))
    random.Random(1).shuffle(again)  # noqa: S311 - any order will do

    assert [distinct.number(texts[n]) for n in again] == again


@given(st.lists(st.integers(0, 2**32 - 1)), st.dictionaries(st.integers(0, 9), st.text()))
def test_a_segment_is_read_as_it_was_stored(items: list[int], spellings: dict[int, str]) -> None:
    """Numbers and spellings come back."""
    read = Segment.unpack(Segment(7, items, spellings).pack())

    assert (read.items_before, list(read.items), read.spellings) == (7, items, spellings)


def test_a_row_is_the_first_of_its_item_or_not() -> None:
    """An item that an earlier segment has brought has its first row there."""
    assert Segment(2, [2, 0, 2, 3, 3, 4]).first_occurrences() == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_an_item_answers_one_row_unless_it_is_said() -> None:
    """Nothing has to be stored for a job without repetitions."""
    assert [row_count_in(pack_row_counts([1, 5]), place) for place in (0, 1, 2)] == [1, 5, 1]
    assert row_count_in(b"", 0) == 1
