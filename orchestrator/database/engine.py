"""Opens a database, SQLite file or PostgreSQL server, and what stores do with it.

DatabaseUnavailable(operation)        try again later; a write may have been committed or not
├── DatabaseFull(operation)           the disk, or the space that the database may use, is full
└── DatabaseForbids(operation)        the role of DATABASE_URL lacks a right
SchemaMismatch(current, head)         start-up only
├── SchemaTooOld                      `emasai db upgrade` has to be run
└── SchemaTooNew                      a newer program migrated this database

The URL is checked first, since a driver fails on a wrong one late and quotes it. No connection is
made before the first transaction. Foreign exceptions are translated here, once; those that mean a
defect of this program (a wrong statement, a broken constraint) pass unchanged.
"""

import asyncio
import sqlite3
import zlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import aiosqlite
import orjson
from sqlalchemy import (
    ARRAY,
    URL,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    any_,
    cast,
    event,
    exc,
    func,
    make_url,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from orchestrator.settings import ConfigurationError

#: Seconds that a writer waits for another process's transaction before it gives up.
BUSY_TIMEOUT_S: Final = 30
#: Seconds that a PostgreSQL server may work on one statement, waiting for locks included.
STATEMENT_TIMEOUT_S: Final = 20
#: Seconds of these that it may wait for one lock, so that a stuck transaction does not take all
#: connections of the processes that wait for it.
LOCK_TIMEOUT_S: Final = 10
#: How long a PostgreSQL server may stay silent. It ends statements itself before that, unless the
#: process stands still or a pooler keeps the statement waiting.
ANSWER_TIMEOUT: Final = timedelta(seconds=STATEMENT_TIMEOUT_S + 5)
#: Seconds until a PostgreSQL connection attempt fails.
CONNECT_TIMEOUT_S: Final = 5
#: Seconds of silence on a PostgreSQL socket before the kernel probes it, and of unanswered
#: data before it gives up: without them a vanished server is noticed after 15 minutes.
KEEPALIVE_S: Final = 30
#: Connections of one process. Writes share transactions, so few are needed; a fleet of 12
#: processes stays within the 100 that PostgreSQL allows by default.
POOL_SIZE: Final = 4
MAX_OVERFLOW: Final = 4
#: Seconds for which a caller waits for one of them on PostgreSQL.
POOL_TIMEOUT_S: Final = 10
#: Execution option that marks a transaction as one that writes.
WRITES: Final = "emasai_writes"

_SQLITE_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    # Safe against kill -9. Power loss may take the last commits, never the file.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
)
#: Timeouts (ms) of every PostgreSQL transaction. They are set within it: behind a pooler in
#: transaction mode the next transaction has another session, and startup parameters are refused.
_POSTGRES_TIMEOUTS: Final = {
    "lock_timeout": LOCK_TIMEOUT_S * 1000,
    "statement_timeout": STATEMENT_TIMEOUT_S * 1000,
    "idle_in_transaction_session_timeout": 2 * BUSY_TIMEOUT_S * 1000,
}

#: Options that a SQLite URL may have. This program sets the driver's other ones itself.
_SQLITE_OPTIONS: Final = frozenset({"cached_statements", "check_same_thread", "timeout"})
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Options of PostgreSQL's client library whose value is a number.
_NUMBERS: Final = frozenset(
    {
        "cached_statements",
        "connect_timeout",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "port",
        "tcp_user_timeout",
        "timeout",
    }
)
#: Options that name one server of several each time they are given.
_REPEATABLE: Final = frozenset({"host", "port"})


def open_engine(url: str, *, answer_timeout: timedelta | None = ANSWER_TIMEOUT) -> AsyncEngine:
    """Return an engine for *url*; its owner disposes of it.

    Args:
        url: `sqlite:///path` (three slashes for a relative path, four for an absolute one),
            `postgresql://...` or `postgres://...`. A driver named in it is ignored. What a
            PostgreSQL URL says in its query (`sslmode`, `options`) wins over our defaults.
        answer_timeout: How long a PostgreSQL server may stay silent before the connection is
            given up; None for a migration, which takes as long as it takes.

    Raises:
        ConfigurationError: Not such a URL, or an option that its driver does not know. The
            message never quotes the URL.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgres(parsed, answer_timeout)


@asynccontextmanager
async def using_engine(
    url: str, *, answer_timeout: timedelta | None = ANSWER_TIMEOUT
) -> AsyncIterator[AsyncEngine]:
    """Open an engine for the length of the block; the arguments are `open_engine`'s."""
    engine = open_engine(url, answer_timeout=answer_timeout)
    try:
        yield engine
    finally:
        await engine.dispose()


def _open_sqlite(url: URL) -> AsyncEngine:
    # isolation_level None: the driver opens no transaction of its own; `_begin` does.
    ours: dict[str, Any] = {"isolation_level": None, "async_creator_fn": _connect_sqlite}
    if "timeout" not in url.query:
        ours["timeout"] = BUSY_TIMEOUT_S
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args=ours,
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


class _SqliteThread(aiosqlite.Connection):
    """A connection's thread, which ends before the event loop that it answers is closed.

    The pool does not await the end of one that it could not open, or had to terminate; a closed
    loop would take no answer, and the thread would end with a traceback.
    """

    def stop(self) -> "asyncio.Future[Any] | None":
        stopped = super().stop()
        if stopped is not None and stopped.get_loop().is_running():
            # `asyncio.run` closes the loop when what runs in its executor has ended.
            stopped.get_loop().run_in_executor(None, self._thread.join)
        return stopped


def _connect_sqlite(path: str, **options: Any) -> _SqliteThread:  # noqa: ANN401 - passed on
    connect = partial(sqlite3.connect, path, factory=_SqliteConnection, **options)
    connection = _SqliteThread(connect, iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: no process waits for it
    return connection


class _SqliteConnection(sqlite3.Connection):
    """A connection that is ready once it is open, and holds no lock once it is closed.

    Both must hold for a caller that is cancelled at any step: the pool forgets, without closing
    it, a connection whose first statements are cut short.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*args, **options)
        for pragma in _SQLITE_PRAGMAS:
            self.execute(pragma).close()

    def close(self) -> None:
        # SQLite keeps a closed connection, and its locks, while a statement of it is unfinished;
        # that of a cancelled caller is unfinished until the caller's traceback is collected.
        if self.in_transaction:
            self.rollback()
        super().close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once with SQLITE_BUSY when
    # another process wrote in between; one that says at the start that it writes waits its turn.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgres(url: URL, answer_timeout: timedelta | None) -> AsyncEngine:
    ours = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "keepalives_idle": str(KEEPALIVE_S),
        "tcp_user_timeout": str(KEEPALIVE_S * 1000),
        "application_name": "emasai",
    }
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg", query={**ours, **url.query}),
        connect_args={
            "async_creator_fn": _connector(answer_timeout),
            # The driver opens no transaction of its own; the listener below does.
            "autocommit": True,
            # A pooler in transaction mode runs a prepared statement where it was not prepared.
            "prepare_threshold": None,
        },
        use_native_hstore=False,  # spares a query a connection
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    options = str(url.query.get("options", ""))
    timeouts = "".join(
        f"; SET LOCAL {name} = {milliseconds}"
        for name, milliseconds in _POSTGRES_TIMEOUTS.items()
        if name not in options
    )

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN{timeouts}")  # one round trip, as BEGIN alone

    event.listen(engine.sync_engine, "begin", begin)
    return engine


def _connector(answer_timeout: timedelta | None) -> Callable[..., Awaitable[Any]]:
    """Return what opens a connection whose server must answer within *answer_timeout*."""
    # It takes 50 ms to import, which an installation on SQLite never needs.
    from psycopg import AsyncConnection, OperationalError  # noqa: PLC0415 - see above

    class Connection(AsyncConnection[Any]):
        """Gives up a server that does not answer: its own timeouts do not help against that."""

        _deadline: asyncio.Timeout | None = None

        async def wait(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
            seconds = None if answer_timeout is None else answer_timeout.total_seconds()
            try:
                async with asyncio.timeout(seconds) as self._deadline:
                    return await super().wait(*args, **kwargs)
            except TimeoutError:
                self.pgconn.finish()  # what the server still does with it is unknown
                raise OperationalError(f"the server did not answer within {seconds} s") from None

        async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - the driver's
            if self._deadline is not None and self._deadline.expired():
                # It would not answer this either, and be waited for once more.
                raise asyncio.CancelledError
            await super().cancel_safe(timeout=timeout)

    return Connection.connect


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def parse_url(url: str) -> URL:
    """Return *url* parsed, if its driver understands it.

    Raises:
        ConfigurationError: With a sentence for each fault. The URL is never quoted, since it
            carries a password.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        # From None: the foreign message quotes the URL, and with it the password.
        raise _error("is not a valid URL") from None
    match backend:
        case "sqlite":
            problems = _sqlite_problems(parsed)
        case "postgresql" | "postgres":
            problems = [*_unknown(parsed.query, "PostgreSQL", _postgres_options())]
        case _:
            problems = ["must start with sqlite:// or postgresql:// or postgres://"]
    problems += _value_problems(parsed.query)
    if problems:
        raise _error(*problems)
    return parsed


def _error(*problems: str) -> ConfigurationError:
    return ConfigurationError(tuple(f"DATABASE_URL: {problem}" for problem in problems))


def _sqlite_problems(url: URL) -> list[str]:
    if url.host or url.username or url.password or url.port:
        return ["SQLite takes sqlite:///relative/path or sqlite:////absolute/path, and no host"]
    if url.database in (None, "", ":memory:"):
        return ["SQLite needs a file, because several processes share it"]
    return _unknown(url.query, "SQLite", _SQLITE_OPTIONS)


def _postgres_options() -> frozenset[str]:
    from psycopg.pq import Conninfo  # noqa: PLC0415 - an installation on SQLite never needs it

    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def _unknown(query: Mapping[str, object], product: str, known: Collection[str]) -> list[str]:
    # Names that are no words are not quoted: a password with a "?" in it ends up here.
    return [
        f"{product} has no option {name}"
        if name.isidentifier() and name.isascii()
        else f"has an option that {product} does not have"
        for name in query
        if name not in known
    ]


def _value_problems(query: Mapping[str, str | Sequence[str]]) -> list[str]:
    problems = []
    for name, given in query.items():
        values = [given] if isinstance(given, str) else given
        if len(values) > 1 and name not in _REPEATABLE:
            problems.append(f"has the option {name} more than once")
        elif name in _NUMBERS and not all(_is_number(value) for value in values):
            problems.append(f"the option {name} must be a number")
        elif name == "sslmode" and values[0] not in _SSL_MODES:
            problems.append(f"the option sslmode must be one of {', '.join(_SSL_MODES)}")
    return problems


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")

#: What brings a database up to date, and when.
UPGRADE: Final = "run `emasai db upgrade` once, before workers and API are started"
#: PostgreSQL's codes for a right that a role lacks, and for a full disk.
_INSUFFICIENT_PRIVILEGE: Final = "42501"
_DISK_FULL: Final = "53100"


class DatabaseUnavailable(Exception):
    """The database did not answer, refused the connection, or stayed locked too long.

    A write that ends so may still have been committed: repeat it, all writes are idempotent.
    `operation` completes the sentence "could not ...". The cause is chained.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation

    def __str__(self) -> str:
        return f"the database is not available: could not {self.operation}; try again later"


class DatabaseFull(DatabaseUnavailable):
    """There is no room for what was to be written; nothing of it was."""

    def __str__(self) -> str:
        return (
            f"the database is full: could not {self.operation}; make room on the disk that it is "
            "on, then try again: nothing is lost meanwhile"
        )


class DatabaseForbids(DatabaseUnavailable):
    """The database role of this process lacks the right to do this."""

    def __str__(self) -> str:
        return (
            f"the database role of DATABASE_URL may not {self.operation}; run `emasai db upgrade` "
            "with DATABASE_OWNER_URL, which grants it what it needs"
        )


class SchemaMismatch(Exception):
    """The database is at revision *current* (None: no tables), this program needs *head*."""

    def __init__(self, current: str | None, head: str) -> None:
        super().__init__(current, head)
        self.current = current
        self.head = head


class SchemaTooOld(SchemaMismatch):
    """The database has to be migrated, which only `emasai db upgrade` does."""

    def __str__(self) -> str:
        has = "has no tables yet" if self.current is None else f"is at revision {self.current}"
        return f"the database {has}, this program needs revision {self.head}: {UPGRADE}"


class SchemaTooNew(SchemaMismatch):
    """The database is at a revision that this version of the program does not know."""

    def __str__(self) -> str:
        return (
            f"the database is at revision {self.current}, which a newer version of this program "
            f"made, and this one needs {self.head}: install the newer version (its "
            "`emasai db check` says when it fits), or restore the backup made before it"
        )


@contextmanager
def database_errors(operation: str) -> Iterator[None]:
    """Turn errors that pass by themselves into `DatabaseUnavailable(operation)`."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        cause = getattr(error, "orig", None)
        state = getattr(cause, "sqlstate", None)
        if state == _INSUFFICIENT_PRIVILEGE:
            raise DatabaseForbids(operation) from error
        if state == _DISK_FULL or getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            raise DatabaseFull(operation) from error
        if _is_defect(error):
            raise
        raise DatabaseUnavailable(operation) from error


def _is_defect(error: Exception) -> bool:
    match error:
        case exc.IntegrityError() | exc.ProgrammingError() | exc.DataError():
            return True
        case exc.OperationalError():
            # SQLite reports a missing table or a misspelled statement as "operational" too.
            return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        case _:
            return False


@asynccontextmanager
async def reading(engine: AsyncEngine, operation: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that only reads and never waits for writers.

    Raises:
        DatabaseUnavailable: With *operation*, which completes "could not ...".
    """
    with database_errors(operation):
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine, operation: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that writes; it is committed when the block ends without an error.

    Atomic: On SQLite the write lock is taken at the start, so what was read stays true.

    Raises:
        DatabaseUnavailable: With *operation*, which completes "could not ...".
    """
    with database_errors(operation):
        async with engine.execution_options(**{WRITES: True}).begin() as connection:
            yield connection


async def database_time(engine: AsyncEngine) -> datetime:
    """Return the time of a PostgreSQL server.

    Raises:
        DatabaseUnavailable: It does not answer.
    """
    async with reading(engine, "read its clock") as connection:
        now: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return now


def first_occurrences(keys: Sequence[Hashable], new: Collection[Hashable]) -> list[bool]:
    """Return for each of *keys* whether its row is new, and no earlier key of the batch made it.

    *new* are the keys that the database reports as inserted.
    """
    left = set(new)
    is_first = []
    for key in keys:
        is_first.append(key in left)
        left.discard(key)
    return is_first


def insert_into(table: Table, connection: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of *connection*."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def insert_new(
    connection: AsyncConnection, key: Column[KeyT], rows: Sequence[Mapping[str, Any]]
) -> set[KeyT]:
    """Insert *rows* into the table of *key* unless they are there; return the keys of the new.

    The rows must be in the order of a unique column: processes that insert the same rows at the
    same time then wait for each other in one direction only, and cannot deadlock.
    """
    if not rows:
        return set()
    statement = insert_into(key.table, connection).on_conflict_do_nothing().returning(key)
    return set((await connection.scalars(statement, rows)).all())


def is_among(
    connection: AsyncConnection, column: ColumnElement[Any], values: Iterable[str | UUID]
) -> ColumnElement[bool]:
    """Return the condition that *column* is one of *values*, which are a single parameter.

    `in_` compiles a statement with a parameter for each: slow where there are thousands.
    """
    if connection.dialect.name == "postgresql":
        return column == any_(cast(list(values), ARRAY(column.type)))
    texts = [each.hex if isinstance(each, UUID) else each for each in values]
    listed = func.json_each(orjson.dumps(texts).decode()).table_valued("value")
    return type_coerce(column, Text).in_(select(listed.c.value))


#: Locks of `take_turns`, few enough for one transaction to hold all.
_TURNS: Final = 64
_TURNS_SPACE: Final = 0x1EAD


async def take_turns(connection: AsyncConnection, names: Iterable[str]) -> None:
    """Let no two transactions that look for the same of *names*, and insert it, do so at once.

    Until the transaction ends; taken in one order, against deadlocks. Others may wait, too.
    SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        turns = sorted({zlib.crc32(name.encode()) % _TURNS for name in names})
        taking = (
            "SELECT pg_advisory_xact_lock(:space, turn) FROM unnest(CAST(:turns AS int[])) turn"
        )
        await connection.execute(text(taking), {"space": _TURNS_SPACE, "turns": turns})


def free_rows(
    key: Column[KeyT],
    condition: ColumnElement[bool],
    order_by: ColumnElement[Any],
    limit: int | None = None,
) -> Select[KeyT]:
    """Return a query for the keys of up to *limit* rows, locked for this transaction.

    Rows that other transactions have locked are passed over, so that processes which share work
    never wait for each other. SQLite, with its one writer, does without locks.
    """
    free = select(key).where(condition).order_by(order_by).limit(limit)
    # A common table expression is run once; a subquery might be run, and lock, again.
    chosen = free.with_for_update(skip_locked=True).cte("chosen")
    return select(chosen.c[key.name])


def in_chunks(items: Sequence[ItemT], size: int) -> Iterator[Sequence[ItemT]]:
    """Yield *items* in order, at most *size* at a time: a statement takes so many parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))
