"""Lists of companies on their way in and out: repeated, known, unusable, too many at once."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.app import Runtime
from orchestrator.dispatch import submit, submit_stream
from orchestrator.identity import Mention
from orchestrator.infra.redis_client import StoreFull
from orchestrator.jobs import SEGMENT_ROWS, Job, JobKind, JobState, NewJob, Report
from orchestrator.jobs.stored import JobKeys
from tests.support.job_records import open_items
from tests.support.known_companies import KNOWN_PRICE as PRICE
from tests.support.known_companies import know

ORDER = NewJob(JobKind.ENRICH, (), "default")


async def in_parts(*parts: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """Yield the parts of a stream."""
    for part in parts:
        yield part


async def results_of(runtime: Runtime, job: Job) -> list[dict[str, Any]]:
    """Return the results of a job, by row; {} where there is none."""
    found: list[dict[str, Any]] = [{} for _ in range(job.total)]
    numbers = []
    async for number, result in runtime.jobs.results.rows(job):
        numbers.append(number)
        found[number] = result
    assert numbers == sorted(set(numbers))
    return found


async def test_what_is_known_is_answered_without_work(runtime: Runtime, memo_redis: Redis) -> None:
    """Known companies make no chunk, and their rows have evidence, age and what was saved."""
    await know(memo_redis, "acme")
    await know(memo_redis, "initech", status="not_found")

    job = await submit_stream(runtime, ORDER, in_parts(["Acme, S.A.", "Initech"], ["ACME"]))

    acme, unknown, again = await results_of(runtime, job)
    assert (job.state, job.total, job.items, job.chunks) == (JobState.DONE, 3, 2, 0)
    assert job.tally == {
        "done": 3,
        "status:enriched": 2,
        "status:not_found": 1,
        "source:hit": 3,
        "spent_micros": 0,
        "saved_micros": 3 * PRICE,
    }
    assert (acme["status"], acme["source"], acme["company"]) == ("enriched", "hit", "Acme, S.A.")
    assert acme["evidence"]["claims"][0]["value"] == "ES"
    assert again == {**acme, "company": "ACME"}
    assert (unknown["status"], unknown["found"], unknown["evidence"]) == ("not_found", False, None)


async def test_lookups_on_the_way_in_are_counted_once(runtime: Runtime, memo_redis: Redis) -> None:
    """What a purchase has saved grows by every row that it answers, and not by asking again."""
    await know(memo_redis, "acme")

    await submit(runtime, NewJob(JobKind.ENRICH, ("Acme", "ACME", "Zara"), "default"))
    await submit(runtime, NewJob(JobKind.ENRICH, ("Acme", "ACME", "Zara"), "default"))

    (serving,) = await runtime.purchasing.reuse.of(["purchase-of-acme"])
    assert (serving.served, serving.saved_micros) == (2, 2 * PRICE)


async def test_a_repeated_company_is_worked_on_once(runtime: Runtime) -> None:
    """Its first row pays, the others are told for nothing, each under its own spelling."""
    names = ["Acme", "Zara", "ACME S.A.", "Acme", "zara"]
    job = await submit_stream(runtime, ORDER, in_parts(names))
    items = await open_items(runtime.jobs.records, job.job_id, 0)
    kept = {"status": "failed", "company": "Acme", "source": "bought", "cost_micros": PRICE}

    await runtime.jobs.records.report(job.job_id, 0, Report(kept))

    assert items == [(0, "Acme"), (1, "Zara")]
    assert await runtime.jobs.records.row_counts(job, items) == [3, 2]
    assert await runtime.jobs.records.row_counts(job, items[1:]) == [2]
    results = await results_of(runtime, job)
    assert [result.get("company") for result in results] == [
        "Acme",
        None,
        "ACME S.A.",
        "Acme",
        None,
    ]
    assert [result.get("cost_micros") for result in results] == [PRICE, None, 0, 0, None]
    assert [result.get("saved_micros") for result in results] == [0, None, PRICE, PRICE, None]
    assert [result.get("source") for result in results] == [
        *("bought", None, "coalesced", "coalesced", None)
    ]


async def test_unusable_names_get_their_result_and_stop_nothing(runtime: Runtime) -> None:
    """Blank, endless and meaningless names are answered on the way in, in the order of the rows."""
    names = ["Acme", "  ", "S.A.", "x" * 1001, "a\0b", "Zara"]

    job = await submit_stream(runtime, ORDER, in_parts(names))

    results = await results_of(runtime, job)
    assert [result.get("status") for result in results] == [
        *(None, "invalid", "ambiguous", "invalid", "invalid", None)
    ]
    assert all(result["reason"]["es"] for result in results[1:5])
    assert job.done == 4
    assert await open_items(runtime.jobs.records, job.job_id, 0) == [(0, "Acme"), (5, "Zara")]


async def test_a_stream_is_the_same_work_as_the_list(runtime: Runtime) -> None:
    """However it is parted; what was stored for the second asking is gone."""
    first = await submit(runtime, NewJob(JobKind.ENRICH, ("Acme", "Zara", "Acme"), "default"))

    second = await submit_stream(runtime, ORDER, in_parts(["Acme"], [], ["Zara", "Acme"]))

    assert second == first
    parts = await runtime.backends.jobs_redis.keys("jobs1:*:items:*")
    assert parts
    assert all(first.job_id in str(key) for key in parts)


async def test_rows_come_back_in_order_across_segments(runtime: Runtime, memo_redis: Redis) -> None:
    """A list of several segments, whatever the parts it came in, answers row by row."""
    for n in range(3):
        await know(memo_redis, f"known{n}")
    names = [f"Known{n % 3}" if n % 2 else f"Odd {n % 7}" for n in range(2 * SEGMENT_ROWS + 11)]
    parts = [names[start : start + 3_333] for start in range(0, len(names), 3_333)]

    job = await submit_stream(runtime, ORDER, in_parts(*parts))

    results = await results_of(runtime, job)
    assert (job.total, job.items) == (len(names), 10)
    assert [result.get("company") for result in results] == [
        name if name.startswith("Known") else None for name in names
    ]
    middle = runtime.jobs.results.rows(job, start=SEGMENT_ROWS - 2, stop=SEGMENT_ROWS + 3)
    assert [number async for number, _ in middle] == [
        n for n in range(SEGMENT_ROWS - 2, SEGMENT_ROWS + 3) if n % 2
    ]


async def test_a_stream_that_breaks_off_leaves_nothing(runtime: Runtime) -> None:
    """Nothing of it was ever to be seen, and what was stored is gone."""
    stored: list[bytes | str] = []

    async def breaking() -> AsyncIterator[Sequence[str]]:
        yield [f"Company {n}" for n in range(SEGMENT_ROWS)]
        yield ["One more"]
        stored.extend(await runtime.backends.jobs_redis.keys("jobs1:*"))
        assert await runtime.jobs.records.active() == []
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await submit_stream(runtime, ORDER, breaking())

    assert stored
    assert await runtime.backends.jobs_redis.keys("jobs1:*") == []


async def test_what_was_never_sealed_expires_soon(runtime: Runtime) -> None:
    """A process that is killed in mid-stream leaves keys for an hour, not for the job's week."""
    unsealed = runtime.jobs.intake.begin("a" * 32, ORDER)
    await unsealed.add(["Acme", "Zara", "Ikea"])

    keys = await runtime.backends.jobs_redis.keys(f"jobs1:{'a' * 32}*")

    assert len(keys) == 1
    assert await runtime.jobs.records.job("a" * 32) is None
    assert 0 < await runtime.backends.jobs_redis.ttl(keys[0]) <= 3600
    await unsealed.seal()
    assert await runtime.backends.jobs_redis.ttl(JobKeys("a" * 32).items(0)) > 3600


async def test_nothing_comes_in_where_memory_runs_out(runtime: Runtime) -> None:
    """A server that is nearly full says so in one sentence, and accepts nothing."""
    used = (await runtime.backends.jobs_redis.info("memory"))["used_memory"]
    await runtime.backends.jobs_redis.config_set("maxmemory", int(used * 1.05))
    try:
        with pytest.raises(StoreFull, match=r"too little memory left .*; raise its maxmemory"):
            await submit_stream(runtime, ORDER, in_parts(["Acme"]))
    finally:
        await runtime.backends.jobs_redis.config_set("maxmemory", 0)

    assert await runtime.backends.jobs_redis.keys("jobs1:*") == []


async def test_equal_streams_at_once_are_one_job(runtime: Runtime) -> None:
    """The last step decides, and it is one step."""
    names = [f"Company {n}" for n in range(20)]

    jobs = await asyncio.gather(*(submit_stream(runtime, ORDER, in_parts(names)) for _ in range(5)))

    assert len({job.job_id for job in jobs}) == 1
    items = await open_items(runtime.jobs.records, jobs[0].job_id, 9)
    assert items == [(18, "Company 18"), (19, "Company 19")]


async def peak_of(runtime: Runtime, rows: int) -> int:
    """Return the bytes that the enqueueing of *rows* rows, and reading their results, takes."""

    async def stream() -> AsyncIterator[Sequence[str]]:
        for start in range(0, rows, 100):
            yield [f"Bounded{n % 500:03d}" for n in range(start, start + 100)]

    tracemalloc.start()
    try:
        job = await submit_stream(runtime, ORDER, stream())
        async for _ in runtime.jobs.results.rows(job):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_memory_does_not_grow_with_the_rows(runtime: Runtime, memo_redis: Redis) -> None:
    """A list twice as long takes as much: it is never whole in memory, nor are its results."""
    for n in range(0, 500, 2):
        await know(memo_redis, f"bounded{n:03d}")
    await peak_of(runtime, 2 * SEGMENT_ROWS)

    short = await peak_of(runtime, 3 * SEGMENT_ROWS)
    long = await peak_of(runtime, 6 * SEGMENT_ROWS)

    assert long < 1.15 * short


async def test_companies_of_one_name_are_items_of_their_own(runtime: Runtime) -> None:
    """Each once, by its website; and the bare name, which could be either, is no work."""
    spain, germany = Mention("Acme SL", "acme.es", "ES"), Mention("Acme GmbH", "globex.de", "DE")
    rows = ["Acme", spain.text, germany.text, Mention("Acme SL", "www.acme.es", "ES").text]

    job = await submit_stream(runtime, ORDER, in_parts(rows))

    items = await open_items(runtime.jobs.records, job.job_id, 0)
    bare, *_, again = await results_of(runtime, job)
    assert [Mention.of(item) for _, item in items] == [spain, germany]
    assert await runtime.jobs.records.row_counts(job, items) == [2, 1]
    assert (bare["status"], bare["company"]) == ("ambiguous", "Acme")
    assert bare["candidates"] == ["Acme SL (acme.es, ES, S.L.)", "Acme GmbH (globex.de, DE, GmbH)"]
    assert again == {}


async def test_a_name_that_means_nobody_shares_no_item_with_one_that_does(
    runtime: Runtime,
) -> None:
    """Although the first company of a shared name has the bare name's key."""
    spain, germany = Mention("Acme SL", "acme.es", "ES"), Mention("Acme GmbH", "globex.de", "DE")
    await submit_stream(runtime, ORDER, in_parts([spain.text, germany.text]))

    job = await submit_stream(runtime, ORDER, in_parts(["Acme", "Acme, S.L."]))

    assert await open_items(runtime.jobs.records, job.job_id, 0) == [(1, "Acme, S.L.")]
    assert job.tally["status:ambiguous"] == 1


async def test_a_row_keeps_its_own_website(runtime: Runtime, memo_redis: Redis) -> None:
    """Whatever the row says that is answered together with it."""
    await know(memo_redis, "acme")
    rows = [Mention("Acme", "acme.es").text, Mention("ACME", "https://acme.es/", "ES").text]

    job = await submit_stream(runtime, ORDER, in_parts(rows))

    results = await results_of(runtime, job)
    told = [(each["company"], each["website"], each["country"]) for each in results]
    assert told == [("Acme", "acme.es", None), ("ACME", "https://acme.es/", "ES")]
    assert {each["source"] for each in results} == {"hit"}


async def test_who_names_a_company_by_website_does_not_depend_on_who_does_not(
    runtime: Runtime,
) -> None:
    """Both are worked on while either may turn out to be another company; one pays."""
    rows = ["Acme", Mention("Acme", "acme.es").text, "ACME"]

    job = await submit_stream(runtime, ORDER, in_parts(rows))

    items = await open_items(runtime.jobs.records, job.job_id, 0)
    assert [Mention.of(item) for _, item in items] == [Mention("Acme"), Mention("Acme", "acme.es")]


async def test_work_is_accepted_while_nobody_can_say_who_is_meant(
    runtime: Runtime, memo_redis: Redis, tmp_path: Path
) -> None:
    """The database is unavailable: nothing is answered, all of it waits for the workers."""
    await know(memo_redis, "acme")
    await runtime.backends.engine.dispose()
    await asyncio.to_thread((tmp_path / "emasai.sqlite").write_text, "no database any more" * 100)

    job = await submit_stream(runtime, ORDER, in_parts(["Acme", "ACME", "Acme"]))

    assert (job.total, job.items, job.chunks, job.done) == (3, 2, 1, 0)
