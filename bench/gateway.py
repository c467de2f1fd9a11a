"""What the gateway's cache is worth, what its protocol costs, and both databases side by side.

First through real API processes over loopback, of which the CPU counts; then by the functions that
they call, in this process.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from uuid import UUID, uuid4

from redis.asyncio import Redis
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.gateway_http import PATTERNS, Api, NaiveFence, NoFence, running_api
from bench.measure import console, grid, rounds, summary
from orchestrator.database import open_engine, upgrade, writing
from orchestrator.database.schema import leads
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites
from orchestrator.gateway import Records
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from orchestrator.leads import LeadStore, lead_key
from orchestrator.purchasing import Ledger
from tests.support.cases import advance, lead, purchase
from tests.support.postgres import running_postgres
from tests.support.valkey import running_valkey

LEADS, READERS, WRITERS = 200, 32, 8
READS, WRITES, ENTRIES = 3_000, 300, 600
#: Requests of one run.
HTTP_READS, HTTP_WRITES = 2_000, 300
_IDS = [lead(number).id for number in range(LEADS)]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: operations a second of CPU, a second of time, and the 99th percentile (s)."""

    per_core_s: float
    per_s: float
    p99_s: float


Contender = Callable[[], Awaitable[Cost]]


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
        over_http: dict[str, Contender] = {}
        for number, (name, url) in enumerate(urls.items()):
            for turn, pattern in enumerate(PATTERNS):
                redis_url, gateway_db = redis_server.url, 4 + len(PATTERNS) * number + turn
                variables = {
                    "DATABASE_URL": url,
                    "REDIS_URL": f"{redis_url}/1",
                    "GATEWAY_REDIS_URL": f"{redis_url}/{gateway_db}",
                    "SURFSENSE_URL": "http://127.0.0.1:9",
                }
                opening = running_api(pattern, variables, Path(folder))
                api = await stack.enter_async_context(opening)
                for what, run in _requests(api, pattern, is_ours=turn == 0).items():
                    over_http[f"{name}: {what}"] = run
        await _race("through the API process", over_http, repeats)
        within = {
            f"{name}: {what}": run
            for name, place in places.items()
            for what, run in _contenders(place).items()
        }
        await _race("in one process", within, repeats)


async def _race(where: str, contenders: Mapping[str, Contender], repeats: int) -> None:
    """Run every contender once a round, and show what each has cost."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for name in rounds(contenders, repeats):
        costs[name].append(await contenders[name]())
    _show(where, costs)


def _requests(api: Api, pattern: str, *, is_ours: bool) -> Mapping[str, Contender]:
    """Return what is measured of one API process."""

    async def read(number: int) -> None:
        await api.ask("GET", f"/leads/{_id(number)}")

    async def reads() -> Cost:
        for number in range(LEADS):
            await read(number)
        return await _measure(HTTP_READS, READERS, read, api.cpu_s)

    async def write(number: int) -> None:
        await api.ask("PATCH", f"/leads/{_id(number)}", {"notas": f"{number}"})

    async def accept(number: int) -> None:
        del number
        body = {"kind": "enrich", "companies": [f"Company {uuid4().hex}"]}
        await api.ask("POST", "/api/v1/jobs", body)

    of_one = {f"GET /leads/ID, {pattern}": reads}
    if not is_ours:
        return of_one
    return of_one | {
        "PATCH /leads/ID": lambda: _measure(HTTP_WRITES, WRITERS, write, api.cpu_s),
        "POST /api/v1/jobs, one company": lambda: _measure(HTTP_WRITES, WRITERS, accept, api.cpu_s),
        "GET /leads/ID/purchases (ledger)": lambda: _measure(
            HTTP_WRITES, WRITERS, partial(_ledger, api), api.cpu_s
        ),
    }


async def _ledger(api: Api, number: int) -> None:
    await api.ask("GET", f"/leads/{_id(number)}/purchases")


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


def _contenders(place: Place) -> Mapping[str, Contender]:
    """Return what is measured on one database."""
    engine, redis = place.engine, place.redis
    hour = timedelta(hours=1)
    fence = Fence(redis, ttl=hour)
    writes = FencedWrites(engine, fence, utc_now)
    ours = Records(engine, fence, writes, utc_now)
    uncached = Records(engine, NoFence(redis, ttl=hour), writes, utc_now)
    naive = Records(engine, NaiveFence(place.plain_redis, ttl=hour), writes, utc_now)
    ledger, store = Ledger(engine, utc_now), LeadStore(engine, utc_now, writes=writes)

    def reading(records: Records) -> Contender:
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
        await ours.change_lead(_id(number), {"notes": str(number)}, None)

    async def settle(number: int) -> None:
        del number
        await ledger.settle(purchase(purchase_id=uuid4().hex))

    async def judgements() -> Cost:
        judged = await store.leads(_IDS)

        async def judge(number: int) -> None:
            basis = uuid4().hex
            await store.record(judged[_id(number)], [advance()], "acme", basis=basis)

        return await _measure(ENTRIES, WRITERS, judge)

    def doing(work: Callable[[int], Awaitable[None]], times: int) -> Contender:
        return lambda: _measure(times, WRITERS, work)

    return {
        "read, cached": reading(ours),
        "read, get, query and set": reading(naive),
        "read, uncached": reading(uncached),
        "write, by the protocol": doing(fenced, WRITES),
        "write, UPDATE and DEL": doing(plain, WRITES),
        "ledger, purchases settled": doing(settle, ENTRIES),
        "jobs, judgements stored": judgements,
    }


def _id(number: int) -> UUID:
    return _IDS[number * 7 % LEADS]


async def _measure(
    times: int,
    at_once: int,
    work: Callable[[int], Awaitable[object]],
    cpu_s: Callable[[], float] = process_time,
) -> Cost:
    """Call *work* so often, *at_once* at a time; *cpu_s* says what was used of the CPU."""
    numbers = iter(range(times))
    waits: list[float] = []

    async def go_on() -> None:
        for number in numbers:
            began = perf_counter()
            await work(number)
            waits.append(perf_counter() - began)

    began, cpu = perf_counter(), cpu_s()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(go_on())
    took, cpu = perf_counter() - began, cpu_s() - cpu
    return Cost(times / cpu, times / took, sorted(waits)[times * 99 // 100])


def _show(where: str, costs: Mapping[str, list[Cost]]) -> None:
    title = f"{LEADS} leads; {READERS} readers or {WRITERS} others at a time, {where}"
    table = grid(title, ("what", "a CPU second", "a second", "p99, ms"))
    for name, runs in costs.items():
        table.add_row(
            name,
            summary([run.per_core_s for run in runs]),
            summary([run.per_s for run in runs]),
            summary([run.p99_s * 1000 for run in runs], "{:,.1f}"),
        )
    console.print(table)
