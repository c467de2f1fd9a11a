"""Brings a database to the schema of this version, and says which one it has.

The revisions are in `migrations/versions`, packaged with the program. They only go
forward: the way back is the backup. Only `emasai db upgrade` and the embedded stack migrate: a
command of a newer version must not lock out the workers that run. Alembic takes 12 MB and a tenth
of a second to import, so it is imported only where a database is behind (`revisions`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from .engine import open_engine
from .errors import SchemaMismatch, SchemaTooNew, SchemaTooOld
from .transactions import reading, writing

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
#: Number of the advisory lock under which PostgreSQL is migrated ("emasai" in ASCII).
_LOCK: Final = 0x656D61736169
#: How long one process waits for another's migration, and for the tables themselves.
_LOCK_TIMEOUT: Final = "5min"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision of a database (None: never migrated) and the one this program needs."""

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether the database is as this version of the program needs it."""
        return self.current == self.head

    @property
    def mismatch(self) -> SchemaMismatch | None:
        """Return what is wrong, and what to run; None where nothing is."""
        if self.is_current:
            return None
        is_known = self.current is None or self.current in _revisions()
        return (SchemaTooOld if is_known else SchemaTooNew)(self.current, self.head)


async def upgrade(url: str) -> SchemaState:
    """Migrate the database of *url* to the head revision; a no-op when it is there.

    Atomic: All pending revisions in one transaction, and one process at a time: others that
        start meanwhile wait and then find nothing to do.

    Raises:
        SchemaTooNew: A newer program migrated it; nothing was changed.
        DatabaseUnavailable: It cannot be reached or is locked.
        ConfigurationError: *url* is not a database URL.
    """
    engine = open_engine(url, answer_timeout=None)
    try:
        async with writing(engine, "migrate its schema") as connection:
            return await connection.run_sync(upgrade_within)
    finally:
        await engine.dispose()


async def current_state(url: str) -> SchemaState:
    """Return which revision the database of *url* has, without changing it.

    Raises:
        DatabaseUnavailable: It cannot be reached.
        ConfigurationError: *url* is not a database URL.
    """
    engine = open_engine(url)
    try:
        return await _read_state(engine)
    finally:
        await engine.dispose()


async def require_current(engine: AsyncEngine) -> None:
    """Return if the database of *engine* has the schema of this program; never change it.

    Raises:
        SchemaTooOld, SchemaTooNew: It has another one; the message names what to run.
        DatabaseUnavailable: It cannot be reached.
    """
    mismatch = (await _read_state(engine)).mismatch
    if mismatch is not None:
        raise mismatch


async def _read_state(engine: AsyncEngine) -> SchemaState:
    if _is_missing_file(engine.url):
        return SchemaState(None, _head())  # opening it would create it
    async with reading(engine, "read its schema revision") as connection:
        return await connection.run_sync(_state)


def _is_missing_file(url: URL) -> bool:
    is_file = url.get_backend_name() == "sqlite" and url.database is not None
    return is_file and not Path(str(url.database)).exists()


def upgrade_within(connection: Connection) -> SchemaState:
    """Migrate in the transaction of *connection*; other upgrades wait until it ends."""
    if connection.dialect.name == "postgresql":
        # SQLite's write lock is already ours; PostgreSQL needs one that says "migrating".
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    state = _state(connection)
    if state.is_current:
        return state
    if isinstance(state.mismatch, SchemaTooNew):
        raise state.mismatch
    from .revisions import run_revisions  # noqa: PLC0415 - see above

    run_revisions(connection, _MIGRATIONS)
    return _state(connection)


def _state(connection: Connection) -> SchemaState:
    # Alembic's own table.
    is_migrated = inspect(connection).has_table("alembic_version")
    query = text("SELECT version_num FROM alembic_version")
    return SchemaState(connection.scalar(query) if is_migrated else None, _head())


def _head() -> str:
    return max(_revisions())


def _revisions() -> frozenset[str]:
    """Return the numbers of all revisions, by which their files are named."""
    files = (_MIGRATIONS / "versions").glob("r*_*.py")
    return frozenset(file.name.removeprefix("r").partition("_")[0] for file in files)
