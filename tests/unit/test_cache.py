"""The documented cache: keys, kinds, TTLs and values; and hit rates from counters."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cache import (
    LONGEST_TTL_S,
    HitRate,
    Kind,
    checked_ttl_s,
    from_json,
    hit_rates,
    key_of,
    kind_of,
    names_results,
)
from orchestrator.identity import entry_key
from orchestrator.memo import CorruptEntry

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (key_of(Kind.LEAD, "1"), Kind.LEAD),
        (key_of(Kind.OPORTUNIDAD, "1"), Kind.OPORTUNIDAD),
        (entry_key("acme"), Kind.SURFSENSE),
        (key_of(Kind.DASHBOARD, "ventas"), Kind.DASHBOARD),
        (key_of(Kind.SESSION, "t"), Kind.SESSION),
        ("leads:1", Kind.OTHER),
        ("memo1:lease:surfsense:acme", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_a_key_s_kind_is_read_from_its_documented_prefix(key: str, kind: Kind) -> None:
    """Every documented key is recognised; a key that only looks alike is of no kind."""
    assert kind_of(key) is kind


def test_the_documented_keys_are_as_documented() -> None:
    """Other services build the same keys by hand, so they must never change."""
    built = [
        key_of(Kind.LEAD, "AB"),
        key_of(Kind.OPORTUNIDAD, "AB"),
        entry_key("acme"),
        key_of(Kind.DASHBOARD, "Ventas"),
        key_of(Kind.SESSION, "Ab"),
    ]

    assert built == [
        "lead:ab",
        "oportunidad:ab",
        "surfsense:acme",
        "dashboard:metrics:Ventas",
        "user:session:Ab",
    ]


@pytest.mark.parametrize("pattern", ["*", "", "s*", "surf*", "?urfsense:*", "lead:*", "memo1:*"])
def test_a_pattern_that_does_not_name_results_does_not_mean_them(pattern: str) -> None:
    """No paid result is removed by accident."""
    assert not names_results(pattern)


@given(JSON)
def test_json_comes_back_as_it_went(value: object) -> None:
    """Any JSON value is returned equal."""
    assert from_json("k", orjson.dumps(value)) == value


@given(st.binary())
def test_any_bytes_are_read_or_reported(stored: bytes) -> None:
    """Foreign bytes are a value or a `CorruptEntry`, never another error."""
    with contextlib.suppress(CorruptEntry):
        value = from_json("k", stored)
        assert from_json("k", orjson.dumps(value)) == value


@pytest.mark.parametrize("ttl", [1, 60, LONGEST_TTL_S])
def test_whole_seconds_up_to_a_year_are_a_ttl(ttl: int) -> None:
    """Both bounds are allowed."""
    assert checked_ttl_s(ttl) == ttl


@given(
    st.integers(max_value=0) | st.integers(min_value=LONGEST_TTL_S + 1) | st.floats() | st.none()
)
def test_any_other_ttl_is_refused(ttl: object) -> None:
    """No TTL, one that has passed, one that never ends."""
    with pytest.raises(ValueError, match="ttl must be"):
        checked_ttl_s(ttl)


def test_rates_are_read_from_the_counts_of_all_processes() -> None:
    """Hits and misses of a kind make one rate; other counters are left alone."""
    counts = {"cache.lead.hit": 3, "cache.lead.miss": 1, "cache.session.miss": 2, "jobs.done": 9}

    rates = hit_rates(counts)

    assert rates == [HitRate(Kind.LEAD, 3, 4), HitRate(Kind.SESSION, 0, 2)]
    assert [rate.share for rate in rates] == [0.75, 0.0]


def test_without_lookups_there_is_no_rate() -> None:
    """A kind that was never looked up has no rate, rather than one of zero."""
    assert hit_rates({}) == []
