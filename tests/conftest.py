"""What every test gets: a clean environment, and a real Valkey that is left as it was found."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import redis as blocking
import structlog
from hypothesis import settings
from redis.asyncio import Redis

from orchestrator.connections import open_redis
from orchestrator.embedded.valkey import Valkey
from tests.support.valkey import DATABASES, running_valkey

_OURS = ("REDIS_", "SURFSENSE_", "EMASAI_", "DATABASE_URL", "CELERY_", "GATEWAY_")
#: Where tests and the processes that they start leave signs for each other.
CONTROL_DB = 4
#: Celery keeps its routing table for ever, and has no setting for it.
_MAY_STAY = "_kombu.binding"
#: Owned by a running worker; whoever ends must have let go of them.
_LEASES = ("memo1:lease:*", "jobs1:*:claim:*")


# A busy machine is no counterexample.
settings.register_profile("emasai", deadline=None)
settings.load_profile("emasai")


def pytest_configure() -> None:
    """Forget what the developer's shell says about servers, before anything is imported."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    # Tables are as wide as in a big window, wherever the tests run.
    os.environ["COLUMNS"] = "200"


@pytest.fixture(autouse=True)
def logging_is_as_it_was() -> Iterator[None]:
    """Undo what a command has configured: the next test may look at what is logged."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run one server for all tests that do not kill it; emptied after each."""
    with running_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(autouse=True)
def no_key_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a lease, or a key that would stay for ever."""
    if "shared_valkey" not in request.fixturenames:
        yield
        return
    server: Valkey = request.getfixturevalue("shared_valkey")
    yield
    leaked = [leak for database in DATABASES for leak in _leaks(server, database)]
    for database in (*DATABASES, CONTROL_DB):
        with blocking.Redis.from_url(f"{server.url}/{database}") as client:
            client.flushdb()
    assert leaked == []


def _leaks(server: Valkey, database: int) -> Iterator[str]:
    with blocking.Redis.from_url(f"{server.url}/{database}", decode_responses=True) as client:
        for key in client.scan_iter():
            if client.ttl(key) == -1 and not key.startswith(_MAY_STAY):
                yield f"DB {database}: {key} has no TTL"
        for pattern in _LEASES:
            yield from (f"DB {database}: {key} is still held" for key in client.scan_iter(pattern))


@pytest.fixture
async def memo_redis(shared_valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 1, opened as production opens it."""
    client = open_redis(f"{shared_valkey.url}/1")
    yield client
    await client.aclose()


@pytest.fixture
async def jobs_redis(shared_valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 3, opened as production opens it."""
    client = open_redis(f"{shared_valkey.url}/3")
    yield client
    await client.aclose()


@pytest.fixture
async def control(shared_valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of the database in which tests talk with the processes they start."""
    client = open_redis(f"{shared_valkey.url}/{CONTROL_DB}")
    yield client
    await client.aclose()
