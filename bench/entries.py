"""Entries like those that purchases leave behind."""

import time
from datetime import UTC, datetime, timedelta

from orchestrator.embedded.sandbox.fake_data import invent
from orchestrator.memo import Entry
from orchestrator.memo.entry import encode
from orchestrator.purchasing import EnrichmentFailures

#: Seconds that entries live, as documented.
TTL_S = 7200
#: How failures are shared; none is expected.
FAILURES = EnrichmentFailures(timedelta(seconds=1), timedelta(seconds=1))


def stored_entry(name: str = "Bench") -> bytes:
    """Return the stored form of an answer about the company called *name*."""
    answer = invent(name, "bench", datetime.now(UTC), not_found_rate=0, ambiguous_rate=0)
    payload = {"answer": answer, "company": name, "purchase_id": "0" * 32}
    now_ms = time.time_ns() // 1_000_000
    return encode(Entry("found", payload, now_ms, now_ms + TTL_S * 1000), token="0" * 24)
