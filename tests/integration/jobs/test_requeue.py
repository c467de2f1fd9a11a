"""Dead letters are queued again once each, by any caller, and never bought twice for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.app import Runtime
from orchestrator.dispatch import (
    Requeue,
    preview_requeue,
    requeue,
    requeued_as,
    submit,
    submit_stream,
)
from orchestrator.handlers import BOUGHT_AGAIN
from orchestrator.jobs import (
    FailureFilter,
    Job,
    JobKind,
    JobState,
    Lane,
    NewJob,
    Numbers,
    Origin,
    Report,
)
from orchestrator.jobs.stored import JobKeys
from orchestrator.purchasing import run_account
from tests.support.cases import lead
from tests.support.job_records import open_items
from tests.support.known_companies import know
from tests.support.notifier import FakeNotifier

COMPANIES = ("Acme", "Beta", "Gamma", "Delta", "Epsilon")
PRICE = 46_500
ALL = FailureFilter()


@pytest.fixture
def database(database_url: str) -> str:
    """Return the URL of a migrated database, of each kind in turn."""
    return database_url


async def failed_job(
    runtime: Runtime,
    codes: dict[int, str],
    kind: JobKind = JobKind.ENRICH,
    *,
    max_cost_micros: int | None = None,
) -> Job:
    """Return a job of five companies whose items have failed with *codes*."""
    lane = Lane.REFRESH if kind is JobKind.REFRESH else Lane.INTERACTIVE
    job = await submit(runtime, NewJob(kind, COMPANIES, "acme", max_cost_micros, lane=lane))
    for number, code in codes.items():
        company = COMPANIES[number]
        result = {"status": "failed", "company": company, "company_key": company.lower()}
        await runtime.jobs.records.report(
            job.job_id, number, Report(result, failure=code, attempts=1)
        )
    return job


async def requeued(runtime: Runtime, wanted: FailureFilter = ALL) -> list[Requeue]:
    """Queue again what is *wanted*; return what became of each job."""
    return [each async for each in requeue(runtime, wanted)]


async def items_of(runtime: Runtime, job: Job | None) -> list[str]:
    """Return what *job* works on."""
    assert job is not None
    chunks = [
        await open_items(runtime.jobs.records, job.job_id, chunk) for chunk in range(job.chunks)
    ]
    return [item for chunk in chunks for _, item in chunk]


async def test_a_new_job_has_the_dead_letters_of_the_old_one(
    runtime: Runtime, notifier: FakeNotifier
) -> None:
    """Same kind, tenant and lane, with the old one as its parent, and announced by a wake-up."""
    old = await failed_job(runtime, {0: "rate_limited", 3: "deadline"})

    (one,) = await requeued(runtime)

    assert one.job is not None
    assert await items_of(runtime, one.job) == ["Acme", "Delta"]
    assert one.codes == {"rate_limited": 1, "deadline": 1}
    assert (one.job.kind, one.job.tenant, one.job.lane) == (old.kind, old.tenant, old.lane)
    assert (one.job.parent, one.job.origin) == (old.job_id, Origin.REQUEUE)
    assert notifier.notified[-1] == Lane.INTERACTIVE


async def test_asking_twice_says_what_was_queued_before(runtime: Runtime) -> None:
    """Also after the new job has ended: an item is queued again once, and it is known as what."""
    old = await failed_job(runtime, {0: "rate_limited", 3: "rate_limited"})
    (first,) = await requeued(runtime)
    assert first.job is not None
    for number in range(2):
        await runtime.jobs.records.report(first.job.job_id, number, Report({}))

    (again,) = await requeued(runtime)

    assert (again.job, again.items, again.before) == (None, 0, {"rate_limited": 2})
    assert await requeued_as(runtime, old.job_id) == [first.job.job_id]


async def test_what_fails_later_is_queued_without_what_was_queued_before(
    runtime: Runtime,
) -> None:
    """A job that is still running is asked about as often as one likes."""
    old = await failed_job(runtime, {0: "rate_limited"})
    await requeued(runtime)
    failure = Report({"company": "Beta"}, failure="rate_limited")
    await runtime.jobs.records.report(old.job_id, 1, failure)

    (later,) = await requeued(runtime)

    assert await items_of(runtime, later.job) == ["Beta"]


async def test_a_dead_letter_that_fails_again_is_one_of_the_new_job(runtime: Runtime) -> None:
    """The chain goes on, generation by generation."""
    await failed_job(runtime, {0: "rate_limited"})
    (first,) = await requeued(runtime)
    assert first.job is not None
    failure = Report({"company": "Acme"}, failure="rate_limited")
    await runtime.jobs.records.report(first.job.job_id, 0, failure)

    jobs = [each.job for each in await requeued(runtime) if each.job is not None]

    assert [job.parent for job in jobs] == [first.job.job_id]


async def test_callers_at_once_share_the_dead_letters(runtime: Runtime) -> None:
    """With any callers and filters, no item is in two jobs."""
    codes = {0: "rate_limited", 1: "deadline", 2: "rate_limited", 3: "not_sent", 4: "deadline"}
    await failed_job(runtime, codes)
    filters = [FailureFilter(codes=frozenset({code})) for code in codes.values()]

    outcomes = await asyncio.gather(*(requeued(runtime, each) for each in (ALL, ALL, *filters)))

    jobs = {one.job.job_id: one.job for outcome in outcomes for one in outcome if one.job}
    worked_on = Counter([item for job in jobs.values() for item in await items_of(runtime, job)])
    assert worked_on == dict.fromkeys(COMPANIES, 1)


async def test_reasons_that_want_mending_must_be_named(runtime: Runtime) -> None:
    """Poison is not let loose by a sweep, and what may have been charged is not asked again."""
    codes = {0: "poison", 1: "answer_lost", 2: "rate_limited"}
    await failed_job(runtime, codes)

    (unnamed,) = await requeued(runtime)
    (named,) = await requeued(runtime, FailureFilter(codes=frozenset({"poison"})))

    assert unnamed.codes == {"rate_limited": 1}
    assert unnamed.left == {"poison": 1, "answer_lost": 1}
    assert await items_of(runtime, named.job) == ["Acme"]


@pytest.mark.parametrize("code", sorted(BOUGHT_AGAIN))
async def test_naming_a_lost_answer_asks_for_another_purchase(runtime: Runtime, code: str) -> None:
    """The new job may buy again what was charged in vain; without the reason it is left alone."""
    await failed_job(runtime, {0: code, 1: "rate_limited"})

    (unnamed,) = await requeued(runtime)
    (named,) = await requeued(runtime, FailureFilter(codes=frozenset({code})))

    assert (unnamed.codes, unnamed.left) == ({"rate_limited": 1}, {code: 1})
    assert unnamed.job is not None
    assert not unnamed.job.buy_again
    assert named.job is not None
    assert named.job.buy_again
    assert await items_of(runtime, named.job) == ["Acme"]


async def test_watched_companies_are_left_to_their_schedule(runtime: Runtime) -> None:
    """Their watches are tried again by themselves, whatever is named."""
    await failed_job(runtime, {0: "rate_limited"}, JobKind.REFRESH)

    (one,) = await requeued(runtime, FailureFilter(codes=frozenset({"rate_limited"})))

    assert (one.job, one.left) == (None, {"rate_limited": 1})


async def test_a_new_job_has_what_is_left_of_the_cap(runtime: Runtime) -> None:
    """Together they spend no more than the old one was allowed, uncertain purchases among it.

    Another cap may be given.
    """
    old = await failed_job(runtime, {0: "rate_limited"}, max_cost_micros=100_000)
    late = Report({"company": "Beta"}, failure="deadline")
    await runtime.jobs.records.report(old.job_id, 1, late)
    await runtime.purchasing.budget.reserve("lost", 60_000, [run_account(old.job_id)])
    await runtime.purchasing.budget.settle("lost", 60_000, 60_000, [run_account(old.job_id)])

    rate_limited = FailureFilter(codes=frozenset({"rate_limited"}))
    deadline = FailureFilter(codes=frozenset({"deadline"}))
    (one,) = await requeued(runtime, rate_limited)
    (other,) = [each async for each in requeue(runtime, deadline, max_cost_micros=7)]

    assert one.job is not None
    assert one.job.max_cost_micros == 40_000
    assert other.job is not None
    assert other.job.max_cost_micros == 7


async def test_a_dry_run_says_how_many_and_at_what_cost_and_does_nothing(
    runtime: Runtime, memo_redis: Redis
) -> None:
    """What is known by now costs nothing, and a cap binds its own job alone."""
    await failed_job(runtime, {0: "rate_limited", 1: "rate_limited", 4: "poison"})
    await failed_job(runtime, {0: "deadline", 2: "deadline"}, max_cost_micros=1_000_000)
    await failed_job(runtime, {2: "deadline", 3: "deadline"}, max_cost_micros=5)
    await know(memo_redis, "beta")
    active = await runtime.jobs.records.active()

    capped, second, first = [each async for each in preview_requeue(runtime, ALL)]

    assert (first.codes, first.left) == ({"rate_limited": 2}, {"poison": 1})
    costs = [each.cost_micros_at_most for each in (capped, second, first)]
    assert costs == [5, 2 * PRICE, PRICE]
    assert await runtime.jobs.records.active() == active
    assert [each.items for each in await requeued(runtime)] == [2, 2, 2]


async def test_a_preview_asks_what_the_leads_would_ask_for(runtime: Runtime) -> None:
    """As they are stored now: one that its own domain decides buys nothing, and twins buy once.

    One that is not stored may be soon. A company may be asked for twice, the second time with the
    domain.
    """
    decided = lead(1, company="Acme", website="competitor.example")
    twins = [lead(number, company="Beta", website="https://beta.example") for number in (2, 3)]
    await runtime.leads.store.import_leads([decided, *twins])
    ids = tuple(str(each.id) for each in (decided, *twins, lead(4)))
    job = await submit(runtime, NewJob(JobKind.PIPELINE, ids, "acme"))
    for number, lead_id in enumerate(ids):
        result = {"status": "failed", "lead_id": lead_id, "company": "Acme", "company_key": "acme"}
        await runtime.jobs.records.report(
            job.job_id, number, Report(result, failure="rate_limited", attempts=1)
        )

    (one,) = [each async for each in preview_requeue(runtime, ALL)]

    assert one.items == len(ids)
    assert one.cost_micros_at_most == (2 + 2) * PRICE


async def test_what_was_bought_meanwhile_is_no_work(runtime: Runtime, memo_redis: Redis) -> None:
    """A company that another job has bought is answered on the way in."""
    await failed_job(runtime, {0: "rate_limited"})
    await know(memo_redis, "acme")

    (one,) = await requeued(runtime)

    assert one.job is not None
    assert (one.job.state, one.job.chunks) == (JobState.DONE, 0)
    assert one.job.tally["source:hit"] == 1


async def test_a_requeue_that_breaks_off_has_queued_nothing(
    runtime: Runtime, jobs_redis: Redis
) -> None:
    """The dead letters stay where they are until the new job is there."""
    old = await failed_job(runtime, {0: "rate_limited"})

    async def broken() -> AsyncIterator[list[str]]:
        yield ["Acme"]
        raise ConnectionResetError

    failed_items, order = Numbers(), NewJob(JobKind.ENRICH, (), "acme", parent=old.job_id)
    failed_items.add([0])
    with pytest.raises(ConnectionResetError):
        await submit_stream(runtime, order, broken(), failed_items=failed_items)
    (one,) = await requeued(runtime)

    assert one.items == 1
    assert not await jobs_redis.exists(JobKeys(one.job.job_id if one.job else "").failed_items)


async def test_only_what_failed_since_is_queued(runtime: Runtime) -> None:
    """A filter by instant leaves the others."""
    await failed_job(runtime, {0: "rate_limited"})
    (job,) = [job async for job in runtime.jobs.failures.jobs(ALL)]

    assert await requeued(runtime, FailureFilter(since=job.accepted_at + timedelta(days=1))) == []
