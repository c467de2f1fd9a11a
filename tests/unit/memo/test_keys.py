"""The memo's keys: apart from the entries', and back again."""

import fnmatch

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.memo.store import Keys, entry_of, is_ours, trace_pattern

ENTRIES = st.text(min_size=1).map("surfsense:{}".format)


@given(ENTRIES)
def test_no_pattern_of_entries_matches_our_keys(entry: str) -> None:
    """`surfsense:*` finds entries only."""
    keys = Keys(entry)
    ours = [keys.lease, keys.generation, keys.record, keys.failure, keys.failures]
    ours += [keys.stale, keys.corrupt]

    assert not any(fnmatch.fnmatchcase(key, "surfsense:*") for key in ours)
    assert all(is_ours(key.encode(errors="surrogatepass")) for key in ours)
    assert not is_ours(entry.encode(errors="surrogatepass"))


@given(ENTRIES)
def test_a_trace_leads_back_to_its_entry(entry: str) -> None:
    """Leases, records and failures name the entry that they belong to."""
    keys = Keys(entry)

    assert {entry_of(trace) for trace in (keys.lease, keys.record, keys.failure, keys.stale)} == {
        entry
    }


@given(ENTRIES)
def test_the_pattern_of_traces_finds_every_kind_of_them(entry: str) -> None:
    """One pass over the keys is enough, whatever else of ours it meets."""
    keys = Keys("surfsense:" + entry)
    pattern = trace_pattern("surfsense:*")

    traces = (keys.lease, keys.record, keys.failure, keys.stale)
    assert all(fnmatch.fnmatchcase(trace, pattern) for trace in traces)
    assert not fnmatch.fnmatchcase(keys.entry, pattern)


def test_other_keys_lead_to_no_entry() -> None:
    """Neither an entry's own key nor a generation is taken for a trace."""
    assert entry_of("surfsense:acme") is None
    assert entry_of(Keys("surfsense:acme").generation) is None
