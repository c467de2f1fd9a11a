"""Dead letters are found by any filter, each once, in memory that does not grow with them."""

import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import (
    Failure,
    FailureFilter,
    Failures,
    JobFilter,
    JobKind,
    JobList,
    Lane,
    NewJob,
    Report,
)
from orchestrator.jobs.reading import WINDOW
from orchestrator.jobs.stored import ALL, FAILURES, JobKeys
from tests.support.dead_letters import many_failed
from tests.support.job_records import AcceptingRecords

ITEMS = tuple("abcdefghijkl")


@pytest.fixture
def failures(jobs_redis: Redis) -> Failures:
    """Return what reads dead letters."""
    return Failures(jobs_redis)


async def found(failures: Failures, wanted: FailureFilter) -> list[tuple[str, Failure]]:
    """Return all dead letters that are *wanted*, with their jobs."""
    return [
        (job.job_id, item)
        async for job in failures.jobs(wanted)
        async for some in failures.items(job, wanted)
        for item in some
    ]


async def accept(
    records: AcceptingRecords, job_id: str, *, tenant: str = "acme", lane: Lane = Lane.PIPELINE
) -> None:
    """Accept a job of twelve items, three of which fail."""
    new = NewJob(JobKind.ENRICH, ITEMS, tenant, lane=lane)
    await records.accept(job_id, new, chunk_size=5)
    for number, code in ((9, "poison"), (0, "rate_limited"), (8, "rate_limited")):
        report = Report({"item": ITEMS[number]}, failure=code, attempts=number)
        await records.report(job_id, number, report)
    await records.report(job_id, 3, Report({"item": "d"}))


async def test_every_dead_letter_says_why_when_and_after_how_many_attempts(
    records: AcceptingRecords, failures: Failures
) -> None:
    """In the order of their job, whatever the order in which they failed."""
    await accept(records, "j1")
    job = await records.job("j1")
    assert job is not None

    failed_items = [item for _, item in await found(failures, FailureFilter())]
    reported = [
        (item.number, result)
        async for some in failures.results(job, failed_items)
        for item, result in some
    ]

    assert [(each.number, each.code, each.attempts) for each in failed_items] == [
        (0, "rate_limited", 0),
        (8, "rate_limited", 8),
        (9, "poison", 9),
    ]
    assert reported == [(n, {"item": ITEMS[n]}) for n in (0, 8, 9)]
    ages = [each.failed_at - job.accepted_at for each in failed_items]
    assert all(timedelta(0) <= age < timedelta(minutes=5) for age in ages)
    assert not any(each.requeued for each in failed_items)


async def test_an_item_that_was_reported_twice_failed_once(
    records: AcceptingRecords, failures: Failures
) -> None:
    """The first report counts, with its code and its attempts."""
    await accept(records, "j1")
    await records.report("j1", 9, Report({}, failure="deadline", attempts=1))

    failed_items = [item for _, item in await found(failures, FailureFilter())]

    assert Counter(each.code for each in failed_items) == {"rate_limited": 2, "poison": 1}


async def test_filters_choose_jobs_and_items(records: AcceptingRecords, failures: Failures) -> None:
    """By job, tenant, lane, reason and instant; what fits nothing is nothing."""
    await accept(records, "j1")
    await accept(records, "j2", tenant="other", lane=Lane.INTERACTIVE)
    await records.accept("sound", NewJob(JobKind.ENRICH, ("z",), "acme"), chunk_size=1)
    everything = await found(failures, FailureFilter())
    last_at = max(item.failed_at for _, item in everything)

    async def jobs(wanted: FailureFilter) -> set[str]:
        return {job_id for job_id, _ in await found(failures, wanted)}

    assert Counter(job_id for job_id, _ in everything) == {"j1": 3, "j2": 3}
    assert await jobs(FailureFilter(job_id="j1")) == {"j1"}
    assert await jobs(FailureFilter(job_id="sound")) == set()
    assert await jobs(FailureFilter(job_id="unknown")) == set()
    assert await jobs(FailureFilter(tenant="other")) == {"j2"}
    assert await jobs(FailureFilter(lane=Lane.PIPELINE)) == {"j1"}
    assert await jobs(FailureFilter(since=last_at + timedelta(seconds=1))) == set()
    assert len(await found(failures, FailureFilter(codes=frozenset({"poison"})))) == 2
    assert await found(failures, FailureFilter(since=last_at - timedelta(hours=1))) == everything


async def test_jobs_of_one_millisecond_are_each_met_once(
    records: AcceptingRecords, jobs_redis: Redis, failures: Failures
) -> None:
    """Pages are cut by instant, and more jobs than a page share one; new ones are not met."""
    ids = [f"{n:04}" for n in range(450)]
    # One by one: hundreds at a time would wait for a connection longer than callers may.
    for job_id in ids:
        await fail(records, job_id)
    at_ms = int(await jobs_redis.zscore(FAILURES, ids[0]) or 0)
    for key in (ALL, FAILURES):
        await jobs_redis.zadd(
            key, dict.fromkeys(ids[:3], at_ms) | dict.fromkeys(ids[3:], at_ms - 1)
        )

    met: list[str] = []
    async for job in failures.jobs(FailureFilter()):
        met.append(job.job_id)
        if len(met) % 100 == 0:
            await fail(records, f"new {len(met)}")
    places = [place async for place, _ in JobList(jobs_redis).walk(JobFilter())][4:]
    cut = places[200]
    rest = [place async for place, _ in JobList(jobs_redis).walk(JobFilter(), after=cut)]

    assert met == [*reversed(ids[:3]), *reversed(ids[3:])]
    assert [place.job_id for place in places] == met
    assert rest == places[201:]


async def fail(records: AcceptingRecords, job_id: str) -> None:
    """Accept a job of one item, which fails."""
    await records.accept(job_id, NewJob(JobKind.ENRICH, (job_id,), "acme"), chunk_size=1)
    await records.report(job_id, 0, Report({}, failure="poison"))


async def test_memory_does_not_grow_with_the_dead_letters(
    records: AcceptingRecords,
    jobs_redis: Redis,
    failures: Failures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job of four windows is read with its results in the memory of one of two."""
    window = WINDOW // 4
    monkeypatch.setattr("orchestrator.jobs.reading.WINDOW", window)
    peaks = {}
    for items in (2 * window, 4 * window):
        await many_failed(records, jobs_redis, f"{items}", items)
        wanted = FailureFilter(job_id=f"{items}")
        seen = 0
        tracemalloc.start()
        async for job in failures.jobs(wanted):
            async for some in failures.items(job, wanted):
                async for page in failures.results(job, some):
                    seen += len(page)
        peaks[items] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seen == items
        await jobs_redis.unlink(JobKeys(f"{items}").results)

    assert peaks[4 * window] < 1.2 * peaks[2 * window]


async def test_an_item_has_failed_when_it_failed_and_not_when_its_job_was_accepted(
    records: AcceptingRecords, failures: Failures, jobs_redis: Redis
) -> None:
    """Lists say when, and `--since` goes by it."""
    await records.accept("j1", NewJob(JobKind.ENRICH, ITEMS, "acme"), chunk_size=5)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    accepted_at_ms = int(an_hour_ago.timestamp() * 1000)
    await jobs_redis.hset(JobKeys("j1").record, "accepted_at_ms", accepted_at_ms)

    await records.report("j1", 3, Report({"item": "d"}, failure="poison"))

    since = an_hour_ago + timedelta(minutes=30)
    ((_, item),) = await found(failures, FailureFilter(since=since))
    assert timedelta(minutes=59) < item.failed_at - an_hour_ago < timedelta(minutes=90)


async def test_numbers_beyond_the_first_window_are_right(
    records: AcceptingRecords, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are what is queued again."""
    monkeypatch.setattr("orchestrator.jobs.reading.WINDOW", 8)

    await accept(records, "j1")

    failed_items = [item for _, item in await found(failures, FailureFilter())]
    assert [(item.number, item.code, item.attempts) for item in failed_items] == [
        (0, "rate_limited", 0),
        (8, "rate_limited", 8),
        (9, "poison", 9),
    ]
