"""How a database URL becomes an engine, and what its failures are called."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseUnavailable, open_engine, reading, writing
from orchestrator.settings import ConfigurationError

_NOBODY = "postgresql://ana:s3cret@127.0.0.1:1/emasai"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a SQLite file that does not exist yet."""
    engine = open_engine(f"sqlite:///{tmp_path}/emasai.db")
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://ana:s3cret@db/emasai", "must start with"),
        ("postgresql://ana:s3cret@db:port/emasai", "not a valid URL"),
        ("s3cret", "not a valid URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///x.db?mode=ro", "SQLite has no option mode"),
        ("sqlite:///x.db?uri=true&cache=shared", "SQLite has no option uri"),
        ("sqlite:///x.db?timeout=soon", "timeout must be a number"),
        ("sqlite://ana:s3cret@db/x.db", "and no host"),
        ("postgresql://ana:s3cret@db/x?pool_size=5", "PostgreSQL has no option pool_size"),
        ("postgresql://ana:s3cret@db/x?prepare_threshold=0", "no option prepare_threshold"),
        ("postgresql://ana@db/x?s3cret!=1", "has an option that PostgreSQL does not have"),
        ("postgresql://ana:s3cret@db/x?sslmode=on", "sslmode must be one of disable"),
        ("postgresql://ana:s3cret@db/x?connect_timeout=5s", "connect_timeout must be a number"),
        ("postgresql://ana:s3cret@db/x?sslmode=require&sslmode=allow", "sslmode more than once"),
    ],
)
def test_a_bad_url_is_refused_without_being_quoted(url: str, fault: str) -> None:
    """The sentence names the variable and the fault, never the password."""
    with pytest.raises(ConfigurationError, match=f"DATABASE_URL.*{fault}") as caught:
        open_engine(url)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url", ["postgres://db/emasai", "postgresql://db/emasai", "postgresql+asyncpg://db/emasai"]
)
def test_every_spelling_of_postgresql_means_one_driver(url: str) -> None:
    """What hosting providers and other libraries write works unchanged."""
    engine = open_engine(url)

    assert engine.url.drivername == "postgresql+psycopg"


def test_what_the_url_says_wins() -> None:
    """A setting in the query of the URL replaces our default for it, and only that."""
    engine = open_engine("postgresql://db/emasai?connect_timeout=60&sslmode=require")

    assert engine.url.query["connect_timeout"] == "60"
    assert engine.url.query["sslmode"] == "require"
    assert "options" not in engine.url.query


def test_an_engine_does_not_show_its_password() -> None:
    """Neither the engine nor its URL can be logged with the password in it."""
    engine = open_engine(_NOBODY)

    assert "s3cret" not in f"{engine!r} {engine.url} {engine.url!r}"


async def test_a_server_that_is_away_is_unavailable() -> None:
    """A refused connection has our name, what was attempted, and no password."""
    engine = open_engine(_NOBODY)

    with pytest.raises(DatabaseUnavailable, match="could not read leads") as caught:
        async with reading(engine, "read leads"):
            pass

    assert caught.value.operation == "read leads"
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """`DATABASE_URL` that points to a leads file says so instead of a stack of driver errors."""
    file = tmp_path / "leads.csv"
    file.write_text("company,email\n" * 100)
    engine = open_engine(f"sqlite:///{file}")

    with pytest.raises(DatabaseUnavailable):
        async with reading(engine, "read leads"):
            pass

    await engine.dispose()


def test_the_thread_of_a_connection_ends_before_its_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that could not be opened leaves no thread that answers a closed loop."""
    file = tmp_path / "leads.csv"
    file.write_text("company,email\n" * 100)

    async def read() -> None:
        engine = open_engine(f"sqlite:///{file}")
        async with reading(engine, "read leads"):
            pass

    # The thread is late with each of its answers, as on a busy machine.
    monkeypatch.setattr("aiosqlite.core.LOG.debug", lambda *_: Event().wait(0.05))
    threads = set(enumerate_threads())

    with pytest.raises(DatabaseUnavailable):
        asyncio.run(read())

    assert set(enumerate_threads()) == threads


async def test_a_fault_of_ours_keeps_its_name(engine: AsyncEngine) -> None:
    """A statement that can never work is not reported as something to try again."""
    with pytest.raises(OperationalError, match="no such table"):
        async with reading(engine, "read leads") as connection:
            await connection.execute(text("SELECT * FROM missing"))


async def test_errors_do_not_quote_personal_data(engine: AsyncEngine) -> None:
    """The values of a failed statement stay out of its error."""
    with pytest.raises(OperationalError) as caught:
        async with reading(engine, "read leads") as connection:
            await connection.execute(
                text("SELECT :email FROM missing"), {"email": "a@acme.example"}
            )

    assert "a@acme.example" not in str(caught.value)


async def test_sqlite_is_opened_for_several_processes(engine: AsyncEngine) -> None:
    """Every connection waits for locks, checks foreign keys and lets readers pass the writer."""
    async with reading(engine, "read the settings") as connection:
        values = [
            await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        ]

    assert values == ["wal", 30_000, 1, 1]


async def test_a_reader_passes_the_writer(engine: AsyncEngine) -> None:
    """While one transaction writes, another reads what was committed before."""
    async with writing(engine, "create") as connection:
        await connection.execute(text("CREATE TABLE things (name TEXT)"))

    async with writing(engine, "write") as writer, reading(engine, "read") as reader:
        await writer.execute(text("INSERT INTO things VALUES ('new')"))
        seen = await reader.scalar(text("SELECT count(*) FROM things"))

    assert seen == 0
