"""Hit rates out of counters."""

from orchestrator.cache import HitRate, Kind, hit_rates


def test_rates_are_read_from_the_counts_of_all_processes() -> None:
    """Hits and misses of a kind make one rate; other counters are left alone."""
    counts = {"cache.lead.hit": 3, "cache.lead.miss": 1, "cache.session.miss": 2, "jobs.done": 9}

    rates = hit_rates(counts)

    assert rates == [HitRate(Kind.LEAD, 3, 4), HitRate(Kind.SESSION, 0, 2)]
    assert [rate.share for rate in rates] == [0.75, 0.0]


def test_without_lookups_there_is_no_rate() -> None:
    """A kind that nobody asked for has no rate, rather than one of zero."""
    assert hit_rates({}) == []
