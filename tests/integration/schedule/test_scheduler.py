"""Schedulers on real servers: each company is enqueued once a period, whichever process dies."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from orchestrator.embedded.stack import Valkey
from orchestrator.identity import company_key
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Command, Job, JobKind, Lane, NewJob
from orchestrator.leads import LeadStore
from orchestrator.schedule import (
    DueSet,
    RefreshPolicy,
    RunEnd,
    Scheduler,
    Watch,
    Watches,
    WatchKind,
    new_rule,
    new_watch,
)
from orchestrator.schedule.watches import DUE
from tests.support.async_waiting import eventually
from tests.support.cases import advance, lead
from tests.support.children import Children, ForkedChild
from tests.support.job_records import AcceptingRecords, open_items

DAY = timedelta(days=1)
LEASE = timedelta(milliseconds=300)
#: Watches in the tests with several processes; the benchmark has 50,000.
MANY = 600
BATCH = 40


@dataclass
class World:
    """One scheduler, with all that it stands on."""

    engine: AsyncEngine
    database: str
    redis: Redis
    watches: Watches
    records: AcceptingRecords
    due: DueSet
    jobs: list[tuple[str, NewJob]] = field(default_factory=list)

    @property
    def scheduler(self) -> Scheduler:
        """A scheduler of its own, as every worker has one."""
        index = CompanyIndex(self.engine, utc_now, refresh_after=timedelta(0))
        policy = RefreshPolicy(self.engine)
        return Scheduler(self.watches, self.due, policy, self.records, index, utc_now)

    async def submit(self, new: NewJob, *, job_id: str | None = None) -> Job:
        """Accept a job, and remember it."""
        job = await self.records.accept(job_id or uuid.uuid4().hex, new, chunk_size=50)
        self.jobs.append((job.job_id, new))
        return job

    async def tick(self) -> int:
        """Tick once."""
        return await self.scheduler.tick(self.submit)

    async def watch(self, *names: str, kind: WatchKind = WatchKind.COMPANY) -> list[Watch]:
        """Watch companies that are due since yesterday."""
        yesterday = utc_now() - DAY
        new = [new_watch(n, tenant="default", every=DAY, now=yesterday, kind=kind) for n in names]
        new = [replace(watch, next_at=yesterday) for watch in new]
        await self.watches.add(new)
        await self.due.put({watch.id: watch.next_at for watch in new})
        return new

    async def end(self, watch: Watch, **learned: str) -> None:
        """End the run of *watch* as its handler would."""
        stored = (await self.watches.of([watch.id]))[watch.id]
        assert stored.job_id is not None
        at = await self.watches.end(RunEnd(stored, stored.job_id, "enriched", **learned))  # type: ignore[arg-type]
        assert at is not None
        await self.due.put({watch.id: at})

    async def make_due(self, watch: Watch) -> None:
        """Let the next period of *watch* begin."""
        stored = (await self.watches.of([watch.id]))[watch.id]
        past = utc_now() - timedelta(seconds=1)
        await self.watches.add([replace(stored, next_at=past)])
        await self.due.put({watch.id: past})


@pytest.fixture
async def world(database_url: str, jobs_redis: Redis) -> AsyncIterator[World]:
    """Return a scheduler on a real database and a real Valkey."""
    engine = open_engine(database_url)
    records = AcceptingRecords(jobs_redis, ttl=timedelta(hours=1))
    yield World(
        *(engine, database_url, jobs_redis, Watches(engine, utc_now), records),
        DueSet(jobs_redis, lease=LEASE),
    )
    await engine.dispose()


async def test_what_is_due_becomes_a_job_in_the_refresh_lane(world: World) -> None:
    """Its companies by name, once; what is not due yet waits."""
    await world.watch("Acme Andina", "Banco Azul")
    later = new_watch("Café Sur", tenant="default", every=DAY, now=utc_now() + DAY)
    await world.watches.add([later])

    assert await world.tick() == 2
    assert await world.tick() == 0

    ((_, job),) = world.jobs
    assert sorted(job.items) == ["Acme Andina", "Banco Azul"]
    assert (job.kind, job.lane) == (JobKind.REFRESH, Lane.REFRESH)


async def test_a_run_that_goes_on_is_not_begun_again(world: World) -> None:
    """Overlap is skipped, however long it takes; the next period begins at the end."""
    (watch,) = await world.watch("Acme Andina")
    await world.tick()
    await world.due.put({watch.id: utc_now() - DAY})

    assert await world.tick() == 0
    await world.end(watch)
    await world.make_due(watch)
    assert await world.tick() == 1
    assert len(world.jobs) == 2


async def test_a_cancelled_run_is_not_begun_again_before_its_next_period(world: World) -> None:
    """Who cancels a refresh does not want it a moment later; the watch goes on after its period."""
    (watch,) = await world.watch("Acme Andina")
    await world.tick()
    ((job_id, _),) = world.jobs
    await world.records.command(job_id, Command.CANCEL)
    await world.due.put({watch.id: utc_now() - DAY})

    assert await world.tick() == 0
    stored = (await world.watches.of([watch.id]))[watch.id]
    assert (stored.outcome, stored.job_id) == ("cancelled", None)
    assert stored.next_at > utc_now() + DAY / 2
    assert await world.tick() == 0
    await world.make_due(watch)
    assert await world.tick() == 1


async def test_a_run_that_ends_twice_counts_once(world: World) -> None:
    """A second report, or that of another job, changes nothing."""
    (watch,) = await world.watch("Acme Andina")
    await world.tick()
    stored = (await world.watches.of([watch.id]))[watch.id]
    end = RunEnd(stored, str(stored.job_id), "enriched", cost_micros=5)

    assert await world.watches.end(replace(end, job_id="another")) is None
    assert await world.watches.end(end) is not None
    assert await world.watches.end(end) is None
    assert (await world.watches.of([watch.id]))[watch.id].spent_micros == 5


async def test_a_lost_due_set_is_built_again(world: World) -> None:
    """Redis may forget all of it; SQL knows what is watched."""
    await world.watch("Acme Andina")
    await world.redis.flushdb()

    assert await world.tick() == 1


async def test_what_a_scheduler_took_no_other_one_gets(world: World, jobs_redis: Redis) -> None:
    """Until its lease ends, however long it takes with it."""
    await world.watch("Acme Andina")
    assert len(await DueSet(jobs_redis, lease=timedelta(minutes=1)).take(10)) == 1

    assert await world.tick() == 0


async def test_what_a_scheduler_took_and_never_enqueued_comes_back(world: World) -> None:
    """After the lease another one has it, also where the run was claimed and no job accepted."""
    first, second = await world.watch("Acme Andina", "Banco Azul")
    assert len(await world.due.take(10)) == 2
    await world.watches.begin([second.id], "never-accepted", [])

    async def is_back() -> bool:
        await world.tick()
        return sorted(n for _, job in world.jobs for n in job.items) == [
            first.company,
            second.company,
        ]

    await eventually(is_back, "both are enqueued")


async def test_paused_and_removed_watches_do_not_run(world: World) -> None:
    """Resumed, a watch runs when it is due."""
    paused, removed = await world.watch("Acme Andina", "Banco Azul")
    await world.watches.pause([paused.id], paused=True)
    await world.watches.remove([removed.id])

    assert await world.tick() == 0
    await world.watches.pause([paused.id], paused=False)
    await world.due.put({paused.id: paused.next_at})
    assert await world.tick() == 1


async def test_a_rule_watches_companies_with_an_opportunity(world: World) -> None:
    """They are found, worth a refresh while they have one, and put off when they have none."""
    store = LeadStore(world.engine, utc_now)
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], company_key("Company 1"), basis="b")
    rule = new_rule(tenant="default", every=DAY, now=utc_now() - DAY)
    await world.watches.add([rule])

    assert await world.tick() == 0
    derived = next(w for w in await world.watches.of_tenant("default") if w.company)
    assert derived.kind is WatchKind.DERIVED
    (useless,) = await world.watch("Never Asked", kind=WatchKind.DERIVED)
    await world.make_due(derived)
    assert await world.tick() == 1

    assert world.jobs[0][1].items == ("Company 1",)
    assert (await world.watches.of([useless.id]))[useless.id].outcome == "not_worth_it"


async def test_changed_evidence_has_the_leads_judged_again(world: World) -> None:
    """Once; unchanged evidence asks no agent."""
    store = LeadStore(world.engine, utc_now)
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], company_key("Company 1"), basis="b")
    (watch,) = await world.watch("Company 1")
    for digest in ("a", "a", "b"):
        await world.make_due(watch)
        await world.tick()
        await world.end(watch, digest=digest)
        await world.tick()

    judged = [job.items for _, job in world.jobs if job.kind is JobKind.REJUDGE]
    assert judged == [(str(lead(1).id),)]
    assert len(world.jobs) == 4


async def test_many_schedulers_enqueue_each_company_once(
    world: World, shared_valkey: Valkey, children: Children
) -> None:
    """Three processes, one of them killed at work: nothing is lost, nothing doubled."""
    await world.watch(*(f"Compañía {n}" for n in range(MANY)))
    processes = [await _start(children, shared_valkey, world.database) for _ in range(3)]
    for process in processes:
        process.stdin.write(b"go\n")

    async def is_at_work() -> object:
        return await world.redis.zcard("jobs1:active")

    await eventually(is_at_work, "the first job is accepted")
    processes[0].kill()
    await asyncio.gather(*(process.finish() for process in processes))

    async def is_complete() -> bool:
        await world.tick()
        return len(await _enqueued(world)) == MANY

    await eventually(is_complete, "what the dead one took is enqueued")
    assert set((await _enqueued(world)).values()) == {1}


async def _start(children: Children, server: Valkey, database: str) -> ForkedChild:
    lease_ms = LEASE // timedelta(milliseconds=1)
    return await children.fork(
        "tests.support.schedule_process",
        *(server.url, database, str(lease_ms * 10), str(BATCH)),
        ready=b"ready",
    )


async def _enqueued(world: World) -> Counter[str]:
    """Count in how many accepted jobs each company stands."""
    found: Counter[str] = Counter()
    for job_id in await world.records.active():
        job = await world.records.job(job_id)
        for chunk in range(job.chunks if job else 0):
            found.update(item for _, item in await open_items(world.records, job_id, chunk))
    return found


async def test_what_something_else_has_written_stops_no_watch(world: World) -> None:
    """Strangers among the due, another value in their place, a row of a newer program."""
    await world.watch("Acme Andina")
    await world.redis.zadd(DUE, {b"\xff": 1, b"no watch": 2})
    assert await world.tick() == 1
    assert await world.redis.zscore(DUE, b"\xff") is None

    await world.redis.set(DUE, b"\xff", px=DAY)
    (newer,) = await world.watch("Banco Azul")
    await world.watch("Cobre Andino")
    async with world.engine.begin() as connection:
        await connection.execute(
            text("UPDATE watches SET kind = 'newer' WHERE company_key = 'banco_azul'")
        )

    assert await world.tick() == 1
    assert newer.id not in await world.watches.of([newer.id])
