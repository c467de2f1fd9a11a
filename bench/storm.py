"""Storm: 100,000 jobs while wake-ups get lost and doubled, and workers and Valkey are killed.

What must hold however it goes: every job ends, each of its items is done once, no more companies
are charged than there are, and none twice.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from bench.chaos import VARIABLES
from bench.havoc import kill_at_random, read_bill, tampering
from bench.measure import QUICK_REPEATS, console, grid, judge
from bench.site import running_site
from orchestrator.app import Runtime
from orchestrator.dispatch import submit
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import JobKind, Lane, NewJob

#: Jobs that are being submitted, or looked at, at a time.
ABREAST = 40
TENANTS = 5
#: Share of the wake-ups that is lost, and share that is doubled.
TAMPERED = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for, and what is done to the fleet meanwhile."""

    jobs: int = 100_000
    companies: int = 2000
    workers: int = 3
    seconds: float = 240
    worker_kills: int = 48
    valkey_kills: int = 3


SMALL = Plan(jobs=2000, companies=200, seconds=20, worker_kills=4, valkey_kills=1)


async def main(repeats: int) -> None:
    """Carry the plan out once, whole or small, and print what came of it."""
    plan = SMALL if repeats <= QUICK_REPEATS else Plan()
    async with running_site(workers=plan.workers, variables=VARIABLES) as site:
        await _carry_out(plan, site.parts, site.stack)


async def _carry_out(plan: Plan, parts: Runtime, stack: EmbeddedStack) -> None:
    began = monotonic()
    async with tampering(parts.settings.broker_url, drop=TAMPERED, double=TAMPERED) as tampered:
        havoc = asyncio.create_task(
            kill_at_random(
                stack,
                workers=plan.worker_kills,
                valkeys=plan.valkey_kills,
                seconds=plan.seconds,
                seed=1,
            )
        )
        ids = await _submit_all(plan, parts)
        submitted = monotonic()
        states, done = await _until_ended(parts, ids)
        ended = monotonic()
        kills = await havoc
    bill = read_bill(stack.home)
    table = grid("Storm", ("what", "seen"))
    for name, value in {
        "jobs accepted": len(ids),
        "ended": ", ".join(f"{state}: {count:,}" for state, count in states.items()),
        "items done": done,
        "seconds until all were accepted": round(submitted - began),
        "seconds until all had ended": round(ended - began),
        "workers killed": kills.workers,
        "Valkey killed": kills.valkeys,
        "wake-ups seen": tampered.seen,
        "of these lost": tampered.dropped,
        "of these doubled": tampered.doubled,
        "companies": plan.companies,
        "companies charged": len(bill.companies),
        "charged twice": len(bill.charged_twice),
    }.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    console.print(table)
    judge(
        "every job ends, and each item is done once",
        [states == {"done": plan.jobs} and done == plan.jobs],
    )
    judge("no more charges than companies", [bill.charges.total() <= plan.companies])


async def _submit_all(plan: Plan, parts: Runtime) -> list[str]:
    deadline = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=6)
    ids = [""] * plan.jobs
    numbers = iter(range(plan.jobs))

    async def submit_next() -> None:
        for number in numbers:
            new = NewJob(
                JobKind.ENRICH,
                (f"Compañía Tormentosa {number % plan.companies}",),
                f"tenant{number % TENANTS}",
                lane=Lane.PIPELINE,
                # Equal work would be one job; these differ in when they are of no more use.
                deadline=deadline + timedelta(milliseconds=number),
            )
            ids[number] = await _submit(parts, new)

    await asyncio.gather(*(submit_next() for _ in range(ABREAST)))
    return ids


async def _submit(parts: Runtime, new: NewJob) -> str:
    """Submit as a client does that is told to ask again: as often as it takes."""
    while True:
        try:
            return (await submit(parts, new)).job_id
        except StoreUnavailable:
            await asyncio.sleep(0.2)


async def _until_ended(parts: Runtime, ids: Sequence[str]) -> tuple[Counter[str], int]:
    """Wait for all jobs; return how many ended how, and how many items were done in all."""
    states: Counter[str] = Counter()
    done = 0
    waiting = iter(ids)

    async def follow_next() -> None:
        nonlocal done
        for job_id in waiting:
            job = None
            while job is None or not job.state.is_final:
                try:
                    job = await parts.jobs.records.job(job_id)
                    assert job is not None, f"job {job_id} was accepted and is gone"
                except StoreUnavailable:
                    pass
                if job is None or not job.state.is_final:
                    await asyncio.sleep(0.5)
            states[job.state] += 1
            done += job.done

    await asyncio.gather(*(follow_next() for _ in range(ABREAST)))
    return states, done
