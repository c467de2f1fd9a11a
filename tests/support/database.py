"""Databases of tests that are as an installation's: migrated before anything opens them.

Each is a copy of one that this process has migrated: Alembic takes a tenth of a second, and most
tests need a database of their own. `tests/integration/database/test_migrations.py` migrates.
PostgreSQL copies 380 files for that, so a test gets the database of an earlier one, emptied, unless
that has changed more than rows.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import grant_to_application, upgrade
from tests.support.postgres import OWNER, PostgresServer

#: A role that may use the tables of `migrated_database`, and owns none.
APPLICATION = "emasai_app"
_TEMPLATE = "migrated"
#: A text that differs if anything but the rows of tables does: their columns, rights, constraints,
#: triggers, functions or version. What wrote a row of a catalogue is in its xmin, copies included.
_SCHEMA = """
    SELECT md5(string_agg(each, ' ' ORDER BY each)) FROM (
        SELECT concat_ws(' ', oid, relname, relowner, relacl) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', attrelid, attnum, xmin) FROM pg_attribute
        UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_constraint
        UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_proc
        UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_namespace
        UNION ALL SELECT version_num FROM alembic_version
    ) AS found (each)
"""
_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_FILLED = """
    SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND pg_relation_size(oid) > 0 AND relname <> 'alembic_version'
"""


def migrated_file(folder: Path) -> str:
    """Return the URL of a new, migrated SQLite database in *folder*; an event loop may run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "emasai.sqlite"
    path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@cache
def _migrated() -> bytes:
    """Return the content of a migrated SQLite database without rows."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        path = Path(folder) / "emasai.sqlite"
        thread.submit(asyncio.run, upgrade(f"sqlite:///{path}")).result()
        return path.read_bytes()


def migrated_database(server: PostgresServer) -> str:
    """Return the URL of a new, migrated database of *server*; an event loop may run."""
    _migrate_template(server)
    return server.create_database(f"test_{uuid4().hex}", _TEMPLATE)


@contextmanager
def lent_database(server: PostgresServer) -> Iterator[str]:
    """Have a migrated database of *server* without rows for the duration of the block."""
    free = _free(server)
    url = free.pop() if free else migrated_database(server)
    yield url
    if _is_emptied(url, server):
        free.append(url)


def _is_emptied(url: str, server: PostgresServer) -> bool:
    """Empty a database whose schema is as it was, and which nothing locks; say if that is so."""
    with psycopg.connect(url, autocommit=True) as connection:

        def ask(question: str) -> object:
            (answer,) = connection.execute(question).fetchone() or (None,)
            return answer

        if ask(_LOCKS) or ask(_SCHEMA) != _schema_of_template(server):
            return False
        if filled := ask(_FILLED):
            connection.execute("SET session_replication_role = replica")  # some refuse to lose rows
            connection.execute(f"TRUNCATE {filled} CASCADE")
        return True


@cache
def _free(server: PostgresServer) -> list[str]:
    """Return the URLs of the databases of *server* that no test uses."""
    del server
    return []


@cache
def _schema_of_template(server: PostgresServer) -> object:
    with psycopg.connect(server.url(_TEMPLATE)) as connection:
        (schema,) = connection.execute(_SCHEMA).fetchone() or (None,)
        return schema


async def waiting_for_locks(engine: AsyncEngine) -> int:
    """Return how many connections to a PostgreSQL database wait for a lock."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with engine.connect() as connection:
        return int(await connection.scalar(text(statement)) or 0)


@cache
def _migrate_template(server: PostgresServer) -> None:
    url = server.create_database(_TEMPLATE)

    async def migrate() -> None:
        await upgrade(url)
        await grant_to_application(url, url.replace(f"//{OWNER}@", f"//{APPLICATION}@"))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate()).result()
