"""Databases of tests that are as an installation's: migrated before anything opens them.

Each is a copy of one that this process has migrated: Alembic takes a tenth of a second, and most
tests need a database of their own. `tests/integration/database/test_migrations.py` migrates.
"""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import grant_to_application, upgrade
from tests.support.postgres import OWNER, PostgresServer

#: A role that may use the tables of `migrated_database`, and owns none.
APPLICATION = "emasai_app"
_TEMPLATE = "migrated"


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
