"""The memo's keys: apart from the entries', and back again."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.memo.keys import Keys, entry_of, is_ours, trace_patterns

ENTRIES = st.text(min_size=1).map("surfsense:{}".format)


@given(ENTRIES)
def test_no_pattern_of_entries_matches_our_keys(entry: str) -> None:
    """`surfsense:*` finds entries only."""
    keys = Keys(entry)
    ours = [keys.lease, keys.generation, keys.note, keys.failure, keys.failures]
    ours += [keys.stale, keys.reads, keys.corrupt]

    assert not any(fnmatch.fnmatchcase(key, "surfsense:*") for key in ours)
    assert all(is_ours(key.encode(errors="surrogatepass")) for key in ours)
    assert not is_ours(entry.encode(errors="surrogatepass"))


@given(ENTRIES)
def test_a_trace_leads_back_to_its_entry(entry: str) -> None:
    """Leases, notes and failures name the entry that they belong to."""
    keys = Keys(entry)

    assert {entry_of(trace) for trace in (keys.lease, keys.note, keys.failure, keys.stale)} == {
        entry
    }


def test_traces_of_a_pattern_are_leases_notes_and_failures() -> None:
    """Each kind of trace is looked for."""
    keys = Keys("surfsense:*")

    assert trace_patterns("surfsense:*") == [
        keys.lease,
        keys.note,
        keys.failure,
        keys.stale,
    ]


def test_other_keys_lead_to_no_entry() -> None:
    """An entry's own key is not taken for a trace."""
    with pytest.raises(ValueError, match="no trace of an entry"):
        entry_of("surfsense:acme")
