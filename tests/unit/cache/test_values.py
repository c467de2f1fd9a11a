"""What may be cached: JSON, with a TTL."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cache.values import LONGEST_TTL_S, checked_ttl_s, from_json, to_json
from orchestrator.memo import CorruptEntry

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_comes_back_as_it_went(value: object) -> None:
    """Whatever is JSON is returned equal."""
    assert from_json("k", to_json(value)) == value


@given(st.binary())
def test_any_bytes_are_read_or_reported(stored: bytes) -> None:
    """Foreign bytes are a value or a `CorruptEntry`, never another error."""
    with contextlib.suppress(CorruptEntry):
        value = from_json("k", stored)
        assert from_json("k", to_json(value)) == value


@pytest.mark.parametrize("ttl", [1, 60, LONGEST_TTL_S])
def test_whole_seconds_up_to_a_year_are_a_ttl(ttl: int) -> None:
    """Both bounds belong to what is allowed."""
    assert checked_ttl_s(ttl) == ttl


@given(
    st.integers(max_value=0) | st.integers(min_value=LONGEST_TTL_S + 1) | st.floats() | st.none()
)
def test_anything_else_is_refused(ttl: object) -> None:
    """No TTL, none that has passed, none that never ends."""
    with pytest.raises(ValueError, match="ttl must be"):
        checked_ttl_s(ttl)
