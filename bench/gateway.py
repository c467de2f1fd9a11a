"""What the gateway's cache is worth, what its protocol costs, and both databases side by side."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from uuid import UUID, uuid4

from redis.asyncio import Redis
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.measure import console, grid, rounds, summary
from orchestrator.database import open_engine, upgrade, writing
from orchestrator.database.schema import leads
from orchestrator.fence import Fence, Hit, Miss
from orchestrator.fence.writes import FencedWrites
from orchestrator.gateway import LeadFields, Records
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from orchestrator.leads import LeadStore, lead_key
from orchestrator.purchasing import Ledger
from tests.support.cases import advance, lead, purchase
from tests.support.postgres import running_postgres
from tests.support.valkey import running_valkey

LEADS, READERS, WRITERS = 200, 32, 8
READS, WRITES, ENTRIES = 3_000, 300, 600
_IDS = [lead(number).id for number in range(LEADS)]


class NoFence(Fence):
    """No cache: each read asks the database."""

    async def read(self, key: str) -> Hit | Miss:  # noqa: ARG002 - the same signature
        """Miss, and allow no fill."""
        return Miss(None)


class NaiveFence(Fence):
    """The pattern that is usually written: get, query, set."""

    async def read(self, key: str) -> Hit | Miss:
        """Get it."""
        value = await self._redis.get(key)
        return Hit(value, 1, 0) if isinstance(value, bytes) else Miss("any")

    async def fill(self, key: str, generation: str | None, version: int, value: bytes) -> bool:  # noqa: ARG002 - the same signature
        """Set it."""
        return bool(await self._redis.set(key, value, ex=3600))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: operations a second of CPU, a second of time, and the 99th percentile (s)."""

    per_core_s: float
    per_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class Place:
    """One migrated database with the leads, and a Redis."""

    engine: AsyncEngine
    redis: Redis
    plain_redis: Redis


async def main(repeats: int) -> None:
    """Measure SQLite and PostgreSQL, every contender once a round."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(running_postgres())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis_server = stack.enter_context(running_valkey(Path(folder)))
        urls = {
            "SQLite": f"sqlite:///{folder}/bench.db",
            "PostgreSQL": server.create_database("bench"),
        }
        places = {
            name: await stack.enter_async_context(_place(url, f"{redis_server.url}/{number}"))
            for number, (name, url) in enumerate(urls.items())
        }
        contenders = {
            f"{name}: {what}": run
            for name, place in places.items()
            for what, run in _contenders(place).items()
        }
        costs: dict[str, list[Cost]] = {name: [] for name in contenders}
        for name in rounds(contenders, repeats):
            costs[name].append(await contenders[name]())
    _show(costs)


@asynccontextmanager
async def _place(url: str, redis_url: str) -> AsyncIterator[Place]:
    await upgrade(url)
    engine, redis = open_engine(url), open_redis(redis_url)
    plain = Redis.from_url(redis_url)  # as a service has it: without our limits of time
    await LeadStore(engine, utc_now).import_leads([lead(number) for number in range(LEADS)])
    try:
        yield Place(engine, redis, plain)
    finally:
        await plain.aclose()
        await redis.aclose()
        await engine.dispose()


def _contenders(place: Place) -> Mapping[str, Callable[[], Awaitable[Cost]]]:
    """Return what is measured on one database."""
    engine, redis = place.engine, place.redis
    hour = timedelta(hours=1)
    fence = Fence(redis, ttl=hour)
    writes = FencedWrites(engine, fence, utc_now)
    ours = Records(engine, fence, writes, utc_now)
    uncached = Records(engine, NoFence(redis, ttl=hour), writes, utc_now)
    naive = Records(engine, NaiveFence(place.plain_redis, ttl=hour), writes, utc_now)
    ledger, store = Ledger(engine, utc_now), LeadStore(engine, utc_now, writes=writes)

    def reading(records: Records) -> Callable[[], Awaitable[Cost]]:
        async def run() -> Cost:
            await redis.flushdb()
            for each in _IDS:
                await records.lead(each)
            return await _measure(READS, READERS, lambda number: records.lead(_id(number)))

        return run

    async def plain(number: int) -> None:
        changed = {"notes": str(number), "version": leads.c.version + 1}
        async with writing(engine, "change a lead") as connection:
            await connection.execute(update(leads).where(leads.c.id == _id(number)).values(changed))
        await place.plain_redis.delete(lead_key(_id(number)))

    async def fenced(number: int) -> None:
        await ours.change_lead(_id(number), LeadFields({"notes": str(number)}), None)

    async def settle(number: int) -> None:
        del number
        await ledger.settle(purchase(purchase_id=uuid4().hex))

    async def judge(number: int) -> None:
        basis = uuid4().hex
        await store.record(_id(number), [advance()], "acme", basis=basis)

    def doing(work: Callable[[int], Awaitable[None]], times: int) -> Callable[[], Awaitable[Cost]]:
        return lambda: _measure(times, WRITERS, work)

    return {
        "read, cached": reading(ours),
        "read, get, query and set": reading(naive),
        "read, uncached": reading(uncached),
        "write, by the protocol": doing(fenced, WRITES),
        "write, UPDATE and DEL": doing(plain, WRITES),
        "ledger, purchases settled": doing(settle, ENTRIES),
        "jobs, judgements stored": doing(judge, ENTRIES),
    }


def _id(number: int) -> UUID:
    return _IDS[number * 7 % LEADS]


async def _measure(times: int, at_once: int, work: Callable[[int], Awaitable[object]]) -> Cost:
    """Call *work* so often, *at_once* at a time."""
    numbers = iter(range(times))
    waits: list[float] = []

    async def go_on() -> None:
        for number in numbers:
            began = perf_counter()
            await work(number)
            waits.append(perf_counter() - began)

    began, cpu = perf_counter(), process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(go_on())
    took, cpu = perf_counter() - began, process_time() - cpu
    return Cost(times / cpu, times / took, sorted(waits)[times * 99 // 100])


def _show(costs: Mapping[str, list[Cost]]) -> None:
    title = f"{LEADS} leads; {READERS} readers or {WRITERS} writers at a time, in one process"
    table = grid(title, ("what", "a CPU second", "a second", "p99, ms"))
    for name, runs in costs.items():
        table.add_row(
            name,
            summary([run.per_core_s for run in runs]),
            summary([run.per_s for run in runs]),
            summary([run.p99_s * 1000 for run in runs], "{:,.1f}"),
        )
    console.print(table)
