"""The stored form of an entry, without a server."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.memo import CorruptEntry, Entry
from orchestrator.memo.entry import SCHEMA_VERSION, decode, encode

TOKEN = "0f1e2d3c4b5a69788796a5b4"
INSTANTS = st.integers(0, 2**53)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.builds(Entry, TEXT, st.dictionaries(TEXT, VALUES, max_size=4), INSTANTS, INSTANTS)


@given(ENTRIES)
def test_what_is_stored_is_what_is_read(entry: Entry) -> None:
    """Decoding gives back what was encoded."""
    assert decode("k", encode(entry, token=TOKEN)) == entry


@given(ENTRIES)
def test_the_token_stands_where_the_commit_script_looks_for_it(entry: Entry) -> None:
    """The writer's token is within the first 200 bytes, whatever the payload."""
    assert TOKEN.encode() in encode(entry, token=TOKEN)[:200]


@given(st.binary(max_size=80) | VALUES.map(orjson.dumps))
def test_anything_else_is_corrupt_and_never_a_crash(stored: bytes) -> None:
    """Whatever lies there reads as an entry or as CorruptEntry."""
    with contextlib.suppress(CorruptEntry):
        assert isinstance(decode("k", stored), Entry)


@given(st.sampled_from(["v", "status", "stored_at_ms", "expires_at_ms", "payload"]), VALUES)
def test_a_field_of_any_value_is_corrupt_or_well_typed(field: str, value: object) -> None:
    """An entry that is read has a text for status, ints for instants, an object for payload."""
    raw = {**orjson.loads(encode(Entry("found", {}, 1, 2), token=TOKEN)), field: value}

    with contextlib.suppress(CorruptEntry):
        entry = decode("k", orjson.dumps(raw))
        assert isinstance(entry.status, str)
        assert isinstance(entry.payload, dict)
        assert isinstance(entry.stored_at_ms, int)
        assert isinstance(entry.expires_at_ms, int)


def test_a_later_version_is_named() -> None:
    """The reason says that a newer version wrote it."""
    raw = orjson.loads(encode(Entry("found", {}, 1, 2), token=TOKEN))

    with pytest.raises(CorruptEntry, match=rf"later version \({SCHEMA_VERSION + 1}\)"):
        decode("k", orjson.dumps({**raw, "v": SCHEMA_VERSION + 1}))


@pytest.mark.parametrize(("now_ms", "age_ms"), [(1000, 0), (1500, 500), (400, 0)])
def test_the_age_is_never_negative(now_ms: int, age_ms: int) -> None:
    """A clock that stepped back makes an entry new, not younger than that."""
    assert Entry("found", {}, 1000, 2000).age_ms(now_ms) == age_ms
