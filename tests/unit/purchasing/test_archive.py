"""The stored form of an answer."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.purchasing.ledger import pack, unpack

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=4))
def test_what_is_packed_is_what_is_unpacked(answer: dict[str, object]) -> None:
    """Any JSON object comes back as it was, however small or large it is."""
    assert unpack(pack(answer)) == answer


def test_packing_never_makes_it_larger() -> None:
    """A long answer becomes smaller, a short one stays JSON."""
    long = {"answer": {"noticias": [{"titulo": "Inaugura una planta"}] * 50}}
    short: dict[str, object] = {"answer": {}}

    assert len(pack(long)) < len(orjson.dumps(long)) / 10
    assert pack(short) == orjson.dumps(short)
