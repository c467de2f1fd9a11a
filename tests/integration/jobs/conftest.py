"""Job records on a real server, with leases that no busy machine lets lapse."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.app import Runtime, build
from orchestrator.embedded.stack import Valkey
from orchestrator.jobs import PoisonTracker
from orchestrator.settings import Settings, load
from tests.support.database import migrated_file
from tests.support.job_records import AcceptingRecords
from tests.support.notifier import FakeNotifier

CHUNK_LEASE = timedelta(seconds=60)
TTL = timedelta(hours=1)


@pytest.fixture
def records(jobs_redis: Redis) -> AcceptingRecords:
    """Return the records of one process."""
    return AcceptingRecords(jobs_redis, ttl=TTL, chunk_lease=CHUNK_LEASE)


@pytest.fixture
def poison(jobs_redis: Redis) -> PoisonTracker:
    """Return the marks of one process."""
    return PoisonTracker(jobs_redis, ttl=TTL)


@pytest.fixture
def notifier() -> FakeNotifier:
    """Return a notifier that only records."""
    return FakeNotifier()


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Return the URL of a migrated SQLite file; some modules put PostgreSQL beside it."""
    return migrated_file(tmp_path)


@pytest.fixture
def settings(shared_valkey: Valkey, database: str) -> Settings:
    """Return the settings of an installation whose SurfSense is never called."""
    return load(
        REDIS_URL=f"{shared_valkey.url}/1",
        DATABASE_URL=database,
        SURFSENSE_URL="http://127.0.0.1:1",
    )


@pytest.fixture
async def runtime(settings: Settings, notifier: FakeNotifier) -> AsyncIterator[Runtime]:
    """Return what every door gets."""
    async with build(settings, notifier=notifier, chunk_items=2) as runtime:
        yield runtime
