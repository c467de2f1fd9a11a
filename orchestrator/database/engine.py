"""How a database is opened: one engine for SQLite files and for PostgreSQL servers.

Which statements run is the business of the stores; which transaction they run in, of
`transactions`. No connection is made before the first transaction.
"""

from typing import Final

import orjson
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.settings import ConfigurationError

#: Seconds that a writer waits for another process's transaction before it gives up.
BUSY_TIMEOUT_S: Final = 30
#: Seconds until a PostgreSQL connection attempt fails.
CONNECT_TIMEOUT_S: Final = 5
#: Seconds of silence on a PostgreSQL socket before the kernel probes it, and of unanswered
#: data before it gives up: without them a vanished server is noticed after 15 minutes.
KEEPALIVE_S: Final = 30
#: Connections of one process. Writes share transactions, so few are needed; a fleet of 12
#: processes stays within the 100 that PostgreSQL allows by default.
POOL_SIZE: Final = 4
MAX_OVERFLOW: Final = 4
#: Execution option that marks a transaction as one that writes.
WRITES: Final = "emasai_writes"

_SQLITE_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    # Safe against kill -9. Power loss may take the last commits, never the file.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
)
_POSTGRES_OPTIONS: Final = (
    f"-c statement_timeout={BUSY_TIMEOUT_S * 1000} "
    f"-c lock_timeout={BUSY_TIMEOUT_S * 1000} "
    f"-c idle_in_transaction_session_timeout={2 * BUSY_TIMEOUT_S * 1000}"
)


def open_engine(url: str) -> AsyncEngine:
    """Return an engine for *url*; its owner disposes of it.

    Args:
        url: `sqlite:///path` (three slashes for a relative path, four for an absolute one),
            `postgresql://...` or `postgres://...`. A driver named in it is ignored. What a
            PostgreSQL URL says in its query (`sslmode`, `options`) wins over our defaults.

    Raises:
        ConfigurationError: Not such a URL. The message never quotes it.
    """
    parsed = _parse(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _open_sqlite(parsed)
        case "postgresql" | "postgres":
            return _open_postgres(parsed)
        case _:
            raise ConfigurationError(
                ("DATABASE_URL: must start with sqlite:// or postgresql:// or postgres://",)
            )


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # From None: the foreign message quotes the URL, and with it the password.
        raise ConfigurationError(("DATABASE_URL: is not a valid URL",)) from None


def _open_sqlite(url: URL) -> AsyncEngine:
    if url.database in (None, "", ":memory:"):
        raise ConfigurationError(
            ("DATABASE_URL: SQLite needs a file, because several processes share it",)
        )
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # isolation_level None: the driver opens no transaction of its own; `_begin` does.
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once with SQLITE_BUSY when
    # another process wrote in between; one that says at the start that it writes waits its turn.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgres(url: URL) -> AsyncEngine:
    ours = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "keepalives_idle": str(KEEPALIVE_S),
        "tcp_user_timeout": str(KEEPALIVE_S * 1000),
        "application_name": "emasai",
        "options": _POSTGRES_OPTIONS,
    }
    return create_async_engine(
        url.set(drivername="postgresql+psycopg", query={**ours, **url.query}),
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
