"""Processes that enrich: real Valkey, a real database, and a SurfSense that keeps its own bill."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from orchestrator.embedded.stack import Valkey
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now
from orchestrator.infra.counters import Counters
from orchestrator.infra.redis_client import open_redis
from orchestrator.infra.slots import Slots
from orchestrator.memo import Durability, Memo, MemoOptions
from orchestrator.purchasing import (
    SEND_WITHIN,
    BillingContext,
    Books,
    Budget,
    Caps,
    Enricher,
    EnrichmentFailures,
    EvidenceArchive,
    Freshness,
    Ledger,
    OrphanedRuns,
    Purchaser,
    ReuseStatistics,
    Sweeper,
    run_account,
)
from tests.support.database import migrated_file
from tests.support.surfsense import FakeRunSeller, FakeSeller

FREE = BillingContext("job-free", "default")
CAPPED = BillingContext("job-capped", "default", capped=True)
#: Of failures; long enough that no test outlives it by accident.
TRANSIENT, PERMANENT = timedelta(seconds=15), timedelta(minutes=30)
#: For which a run may be missing from the seller's list.
GRACE = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class World:
    """One process: what it buys through, and where its money goes."""

    seller: FakeSeller
    purchaser: Purchaser
    enricher: Enricher
    memo: Memo
    budget: Budget
    ledger: Ledger
    sweeper: Sweeper
    orphans: OrphanedRuns
    memo_redis: Redis
    index: CompanyIndex

    async def cap(self, micros: int) -> None:
        """Cap the job of `CAPPED`."""
        await self.budget.set_cap(run_account("job-capped"), micros)


class Worlds:
    """Opens worlds that share the database and the sellers."""

    def __init__(self, stack: AsyncExitStack, engine: AsyncEngine) -> None:
        self.seller = FakeSeller()
        self.run_seller = FakeRunSeller()
        self._stack = stack
        self._engine = engine

    def open(
        self,
        server: Valkey,
        seller: FakeSeller | None = None,
        *,
        patience: timedelta = timedelta(seconds=10),
        durability: Durability = Durability.NONE,
        engine: AsyncEngine | None = None,
        honours_key: bool = False,
        lease: timedelta = timedelta(seconds=5),
        kind_of_books: type[Books] = Books,
    ) -> World:
        """Open a world on *server*; callers of paid answers wait for *patience*."""
        engine = engine or self._engine
        seller = seller or self.seller
        memo_redis, jobs_redis = (open_redis(f"{server.url}/{database}") for database in (1, 3))
        self._stack.push_async_callback(memo_redis.aclose)
        self._stack.push_async_callback(jobs_redis.aclose)
        ledger, reuse = Ledger(engine, utc_now), ReuseStatistics(engine)
        budget = Budget(jobs_redis, ledger, Caps())
        self._stack.push_async_callback(reuse.aclose)
        books = kind_of_books(
            seller,
            budget,
            ledger,
            EvidenceArchive(engine),
            freshness=Freshness(timedelta(hours=2), timedelta(minutes=30)),
            honours_key=honours_key,
        )
        orphans = OrphanedRuns(memo_redis)
        purchaser = Purchaser(
            books,
            orphans,
            slots=Slots(50),
            reconcile_grace=GRACE,
            send_within=SEND_WITHIN + durability.patience,
        )
        memo = Memo(
            memo_redis,
            failures=EnrichmentFailures(TRANSIENT, PERMANENT),
            options=MemoOptions(commit_patience=patience, durability=durability, lease=lease),
        )
        sweeper = Sweeper(
            memo,
            purchaser,
            orphans,
            patience=timedelta(0),
            period=timedelta(seconds=1),
        )
        counters = Counters(jobs_redis)
        self._stack.push_async_callback(counters.aclose)
        self._stack.push_async_callback(memo.aclose)
        index = CompanyIndex(engine, utc_now, refresh_after=timedelta(0))
        enricher = Enricher(memo, purchaser, counters, reuse, index)
        return World(
            *(seller, purchaser, enricher, memo, budget, ledger),
            *(sweeper, orphans, memo_redis, index),
        )


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Return the URL of a migrated SQLite file; some modules put PostgreSQL beside it."""
    return migrated_file(tmp_path)


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated database."""
    engine = open_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def worlds(engine: AsyncEngine) -> AsyncIterator[Worlds]:
    """Open worlds; all are closed at the end."""
    async with AsyncExitStack() as stack:
        yield Worlds(stack, engine)


@pytest.fixture
def world(worlds: Worlds, shared_valkey: Valkey) -> World:
    """Return this process."""
    return worlds.open(shared_valkey)


@pytest.fixture
def elsewhere(worlds: Worlds, shared_valkey: Valkey) -> World:
    """Return another process."""
    return worlds.open(shared_valkey)
