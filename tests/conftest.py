"""What every test gets: a clean environment, and a real Valkey that is left as it was found."""

import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis as blocking
import structlog
from hypothesis import settings
from redis.asyncio import Redis
from structlog.dev import ConsoleRenderer, plain_traceback
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import open_redis
from tests.support.children import Children, open_children
from tests.support.database import lent_database, migrated_file
from tests.support.distribution import part_of, spread
from tests.support.lasting import CONTROL_DB, lasting_keys
from tests.support.postgres import PostgresServer, postgres_or_skip
from tests.support.valkey import running_valkey

_OURS = ("REDIS_", "SURFSENSE_", "EMASAI_", "DATABASE_URL", "CELERY_", "GATEWAY_")
#: Owned by a running worker; a process that ends must have released them.
_LEASES = ("memo1:lease:*", "jobs1:*:claim:*")


# A busy machine is no counterexample.
settings.register_profile("emasai", deadline=None)
settings.load_profile("emasai")


def pytest_configure() -> None:
    """Forget what the developer's shell says about servers, before anything is imported."""
    gc.disable()  # until all tests are collected: next to nothing of that is garbage
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    # Tables are as wide as in a big window, wherever the tests run.
    os.environ["COLUMNS"] = "200"
    # By default structlog draws a traceback with all local variables: 30 ms each.
    ConsoleRenderer.get_active().exception_formatter = plain_traceback
    # A background job of a script ignores Ctrl-C, and so would the commands of the tests.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have slow tests begin early, after the files were shuffled."""
    items[:] = spread(items)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking all tests again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


class _ByPart(LoadFileScheduling):  # type: ignore[misc] # has no types
    """Gives each process parts of the run."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Distribute by parts where `--dist loadfile` asks for files."""
    return _ByPart(config, log) if config.getoption("dist") == "loadfile" else None


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for all tests; skip without one, except in CI, where nothing is skipped."""
    with postgres_or_skip() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a migrated database of the test's own."""
    if request.param == "sqlite":
        yield migrated_file(tmp_path)
        return
    with lent_database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(autouse=True)
def no_key_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a lease, or, on any server, a key that would never expire."""
    server: Valkey | None = None
    if "shared_valkey" in request.fixturenames:
        server = request.getfixturevalue("shared_valkey")
    yield
    left = lasting_keys()
    if server is not None:
        left += _leases_left(server)
    assert left == []


def _leases_left(server: Valkey) -> list[str]:
    """Empty each database of *server* that has a key; return the leases found in them."""
    left = []
    # One connection for all: it costs more than what is asked.
    with blocking.Redis.from_url(
        server.url, decode_responses=True, single_connection_client=True
    ) as client:
        for database in [int(name.removeprefix("db")) for name in client.info("keyspace")]:
            client.select(database)
            if database != CONTROL_DB:
                left += [
                    f"DB {database}: {key} is still held"
                    for pattern in _LEASES
                    for key in client.scan_iter(pattern, count=1000)
                ]
            client.flushdb()
    return left


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
async def children() -> AsyncIterator[Children]:
    """Start processes that end with the test."""
    async with open_children() as children:
        yield children


@pytest.fixture
async def control(shared_valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of the database in which tests talk with the processes they start."""
    client = open_redis(f"{shared_valkey.url}/{CONTROL_DB}")
    yield client
    await client.aclose()
