"""A small job beside a batch that has taken every place: how long does it wait?

A caller asks for one company at a time, never the same one, while a batch and a refresh have
purchases under way in all places of two workers: in the lane `interactive`, and as a tenant that
comes new to the batch's own lane. All instants are of one clock: Redis' and the
seller's are the machine's.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from uuid import UUID, uuid4

from agents.case import Lead
from bench.havoc import read_bill
from bench.measure import QUICK_REPEATS, console, grid, judge, rounds
from bench.site import Site, running_site
from orchestrator.dispatch import command, submit
from orchestrator.embedded.sandbox.behaviour import Behaviour
from orchestrator.identity import company_key
from orchestrator.infra.slots import Slots
from orchestrator.jobs import Command, Job, JobKind, Lane, NewJob
from tests.support.sandbox import new_name

WORKERS = 2
#: How SurfSense answers: spread, so that purchases that began together do not end together.
UPSTREAM = Behaviour(latency_min_ms=2000, latency_max_ms=4000, not_found_rate=0, ambiguous_rate=0)
#: Jobs of a kind in one round, and the mean time between two of them.
JOBS, QUICK_JOBS = 60, 12
EVERY = timedelta(milliseconds=100)
#: Companies of the batch and of the refresh: more than a round can work through.
LOAD = {Lane.PIPELINE: 20_000, Lane.REFRESH: 5_000}
TARGET = timedelta(seconds=1)

IDLE, LOADED = "nothing", "full load"
BUY, KNOWN, NEIGHBOUR = "new company", "known lead", "in the batch's lane"
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one job waited: until a worker had it, and until its item was under way.

    That is when SurfSense had the order; for an item that buys nothing, when it had ended.
    """

    taken: timedelta
    under_way: timedelta


Asked = list[tuple[str, Job]]


async def main(repeats: int) -> None:
    """Ask by turns with and without the load, and print how long jobs waited."""
    jobs = QUICK_JOBS if repeats <= QUICK_REPEATS else JOBS
    waits: dict[tuple[str, str], list[Wait]] = {
        (kind, load): [] for kind in (BUY, KNOWN, NEIGHBOUR) for load in (IDLE, LOADED)
    }
    async with running_site(workers=WORKERS, variables={}) as site:
        await site.behave(**UPSTREAM.model_dump(exclude_unset=True))
        leads = await _known_leads(site, 2 * repeats * jobs)
        for load in rounds((IDLE, LOADED), repeats):
            async with _load(site) if load == LOADED else nullcontext():
                bought, known, neighbours = await asyncio.gather(
                    _ask(site, jobs, lambda: _interactive(JobKind.ENRICH, new_name("Compañía"))),
                    _ask(site, jobs, lambda: _interactive(JobKind.PIPELINE, str(leads.pop()))),
                    _ask(site, jobs, _neighbours),
                )
            orders = read_bill(site.stack.home).ordered(UPSTREAM)
            waits[BUY, load] += [_until_ordered(item, job, orders) for item, job in bought]
            waits[NEIGHBOUR, load] += [
                _until_ordered(item, job, orders) for item, job in neighbours
            ]
            waits[KNOWN, load] += [_until_ended(job) for _, job in known]
    _show(waits)


async def _known_leads(site: Site, count: int) -> list[UUID]:
    """Store so many leads of one company that the memo knows; return their ids."""
    company = new_name("Compañía")
    leads = [
        Lead(id=uuid4(), company=company, contact="Ana", email=f"ana{n}@conocida.example")
        for n in range(count)
    ]
    await site.parts.leads.store.import_leads(leads)
    await _ended(site, await submit(site.parts, _interactive(JobKind.ENRICH, company)))
    return [lead.id for lead in leads]


@asynccontextmanager
async def _load(site: Site) -> AsyncIterator[None]:
    """Have every place taken by a batch and a refresh, until the block is left."""
    jobs = [
        await submit(
            site.parts,
            NewJob(
                JobKind.ENRICH, tuple(new_name("Compañía") for _ in range(size)), "batch", lane=lane
            ),
        )
        for lane, size in LOAD.items()
    ]
    slots = Slots(site.parts.settings.max_in_flight)
    full = WORKERS * (slots.capacity - slots.reserve)
    while await _under_way(site) < full:  # noqa: ASYNC110 - in other processes
        await asyncio.sleep(0.05)
    yield
    assert await _under_way(site) >= full, "the load has not lasted"
    for job in jobs:
        await command(site.parts, job.job_id, Command.CANCEL)
    for job in jobs:
        await _ended(site, job)


async def _under_way(site: Site) -> int:
    """Return how many purchases are written down and not settled."""
    return int(await site.parts.backends.memo_redis.zcard("memo1:noted"))


async def _ask(site: Site, jobs: int, wanted: Callable[[], NewJob]) -> Asked:
    """Submit so many jobs at random instants; return what each asked for, and its record."""
    dice = random.Random(jobs)  # noqa: S311 - a repeatable mix
    asked = []
    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            await asyncio.sleep(dice.expovariate(1 / EVERY.total_seconds()))
            new = wanted()
            job = await submit(site.parts, new)
            asked.append((str(new.items[0]), group.create_task(_ended(site, job))))
    return [(item, ended.result()) for item, ended in asked]


def _interactive(kind: JobKind, item: str) -> NewJob:
    return NewJob(kind, (item,), "caller", lane=Lane.INTERACTIVE)


def _neighbours() -> NewJob:
    """Return a job of one company in the batch's lane, of a tenant that has no other."""
    return NewJob(JobKind.ENRICH, (new_name("Compañía"),), uuid4().hex, lane=Lane.PIPELINE)


async def _ended(site: Site, job: Job) -> Job:
    found: Job | None = job
    while found is not None and not found.state.is_final:
        await asyncio.sleep(0.1)
        found = await site.parts.jobs.records.job(job.job_id)
    assert found is not None, f"job {job.job_id} was accepted and is gone"
    return found


def _until_ordered(item: str, job: Job, orders: Mapping[str, datetime]) -> Wait:
    assert job.started_at is not None
    return Wait(job.started_at - job.accepted_at, orders[company_key(item)] - job.accepted_at)


def _until_ended(job: Job) -> Wait:
    assert job.started_at is not None
    assert job.finished_at is not None
    return Wait(job.started_at - job.accepted_at, job.finished_at - job.accepted_at)


def _show(waits: Mapping[tuple[str, str], list[Wait]]) -> None:
    table = grid(
        f"Small jobs beside {WORKERS} workers' load: ms from acceptance",
        ("job", "beside", "jobs", "taken", "p99", "begun", "p99", "longest", "x idle"),
    )
    idle = {kind: _percentiles([w.under_way for w in waits[kind, IDLE]])[0] for kind, _ in waits}
    for (kind, load), seen in waits.items():
        taken = _percentiles([wait.taken for wait in seen])
        under_way = _percentiles([wait.under_way for wait in seen])
        longest = max(wait.under_way for wait in seen)
        figures = (*taken, *under_way, longest / _MS)
        table.add_row(
            *(kind, load, str(len(seen))),
            *(f"{figure:,.0f}" for figure in figures),
            f"{under_way[0] / idle[kind]:.1f}",
        )
    console.print(table)
    console.print(
        "Taken: a worker has the job (p50, p99). Begun: SurfSense has the order; where nothing "
        "is bought, the job has ended.",
        highlight=False,
    )
    p99 = _percentiles([wait.under_way for wait in waits[BUY, LOADED]])[1]
    judge(f"{BUY} under full load: p99 below {TARGET / _MS:,.0f} ms", [p99 < TARGET / _MS])


def _percentiles(waits: list[timedelta]) -> tuple[float, float]:
    """Return p50 and p99 in milliseconds."""
    cuts = quantiles([wait / _MS for wait in waits], n=100, method="inclusive")
    return cuts[49], cuts[98]
