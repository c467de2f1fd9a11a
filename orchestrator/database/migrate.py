"""Brings a database to the schema of this version, and says which one it has.

The revisions are in `migrations/versions`, packaged with the program. They only go
forward: the way back is the backup.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text

from .engine import open_engine
from .errors import SchemaTooNew
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


async def upgrade(url: str) -> SchemaState:
    """Migrate the database of *url* to the head revision; a no-op when it is there.

    Atomic: All pending revisions in one transaction, and one process at a time: others that
        start meanwhile wait and then find nothing to do.

    Raises:
        SchemaTooNew: A newer program migrated it; nothing was changed.
        DatabaseUnavailable: It cannot be reached or is locked.
        ConfigurationError: *url* is not a database URL.
    """
    engine = open_engine(url)
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
    if _is_missing_file(engine.url):
        return SchemaState(None, _head())  # opening it would create it
    try:
        async with reading(engine, "read its schema revision") as connection:
            return await connection.run_sync(_state)
    finally:
        await engine.dispose()


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
    if state.current is not None and state.current not in _known_revisions():
        raise SchemaTooNew(state.current)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return _state(connection)


def _state(connection: Connection) -> SchemaState:
    return SchemaState(MigrationContext.configure(connection).get_current_revision(), _head())


def _head() -> str:
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError("the program was packaged without its migrations")
    return head


def _known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    # Config interpolates like an ini file, so a percent sign in the path must be doubled.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
