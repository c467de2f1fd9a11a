"""Brings a database to the schema of this version or back, reports its revision, grants its rights.

The revisions are in `migrations/versions`, packaged with the program. Only `emasai db` and the
embedded stack migrate: a command of a newer version must not lock out the workers that run. Alembic
takes 12 MB and a tenth of a second to import, so it is imported only where revisions are run.

On PostgreSQL there may be two roles: the owner migrates, the application reads and writes rows. The
application's role owns nothing, so it cannot drop a table or the trigger that refuses changes of an
append-only one; and it is granted no more than that trigger admits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.settings import ConfigurationError

from .engine import (
    SchemaMismatch,
    SchemaTooNew,
    SchemaTooOld,
    parse_url,
    reading,
    using_engine,
    writing,
)

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
#: Number of the advisory lock under which PostgreSQL is migrated ("emasai" in ASCII).
_LOCK: Final = 0x656D61736169
#: How long one process waits for another's migration, and for the tables themselves.
_LOCK_TIMEOUT: Final = "5min"
#: Tables of this program that may only be added to: they have a refusing trigger with this name.
#: Where it refuses changes of some columns alone, those that it leaves out.
_APPEND_ONLY: Final = text(
    "SELECT relname, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = tgrelid "
    "AND attnum > 0 AND NOT attisdropped AND cardinality(tgattr::int2[]) > 0 "
    "AND attnum <> ALL (tgattr::int2[])) AS free "
    "FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE relnamespace = current_schema()::regnamespace AND tgname = relname || '_refuse_change'"
)
_TABLES: Final = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND relkind = 'r' AND pg_get_userbyid(relowner) = current_user"
)
#: Alembic's own table: only a migration writes it.
_REVISIONS: Final = "alembic_version"
#: Alembic's name for a database without our tables.
BASE: Final = "base"


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
    async with (
        using_engine(url, answer_timeout=None) as engine,
        writing(engine, "migrate its schema") as connection,
    ):
        return await connection.run_sync(upgrade_within)


@dataclass(frozen=True, slots=True)
class Downgrade:
    """The way back to an earlier revision.

    `undone` are the revisions behind it, the latest first; `lost` the numbers of rows, or values of
    rows, that the earlier schema has no place for, by what they are.
    """

    current: str | None
    undone: Sequence[str]
    lost: Mapping[str, int]


class DowngradeRefused(Exception):
    """The schema cannot go back as it was asked for; nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class DataWouldBeLost(DowngradeRefused):
    """The earlier schema has no place for some rows or values."""


async def preview_downgrade(url: str, revision: str) -> Downgrade:
    """Return what `downgrade` would undo and lose, without changing anything.

    Raises:
        As `downgrade`, but for losses.
    """
    async with using_engine(url) as engine:
        if _is_missing_file(engine.url):
            raise DowngradeRefused("there is no database at this address")
        async with reading(engine, "count what a downgrade would lose") as connection:
            return await connection.run_sync(_way_back, revision)


async def downgrade(url: str, revision: str, *, may_lose: bool) -> Downgrade:
    """Take the schema of *url* back to *revision*; `BASE` removes all tables.

    Args:
        url: Names the role that owns the tables.
        revision: As of now, or earlier. The version of the program that needs it can run then.
        may_lose: Go back even if rows are lost by it.

    Atomic: In one transaction, with the tables locked that lose something.

    Raises:
        DowngradeRefused: There is no such revision, or the database is not there yet.
        DataWouldBeLost: Without *may_lose*.
        SchemaTooNew: A newer program migrated it, and alone knows the way back.
        DatabaseUnavailable: It cannot be reached or is locked.
    """
    async with using_engine(url, answer_timeout=None) as engine:
        if _is_missing_file(engine.url):
            raise DowngradeRefused("there is no database at this address")
        async with writing(engine, "take its schema back") as connection:
            return await connection.run_sync(_downgrade_within, revision, may_lose)


async def current_state(url: str) -> SchemaState:
    """Return which revision the database of *url* has, without changing it.

    Raises:
        DatabaseUnavailable: It cannot be reached.
        ConfigurationError: *url* is not a database URL.
    """
    async with using_engine(url) as engine:
        return await _read_state(engine)


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
    _lock_schema(connection)
    state = _state(connection)
    if state.is_current:
        return state
    if isinstance(state.mismatch, SchemaTooNew):
        raise state.mismatch
    from alembic import command  # noqa: PLC0415 - see above

    command.upgrade(_config(connection), "head")
    return _state(connection)


def _downgrade_within(connection: Connection, revision: str, may_lose: bool) -> Downgrade:  # noqa: FBT001 - run_sync passes no names
    _lock_schema(connection)
    way = _way_back(connection, revision, locking=connection.dialect.name == "postgresql")
    if any(way.lost.values()) and not may_lose:
        losses = ", ".join(f"{count} {what}" for what, count in way.lost.items() if count)
        raise DataWouldBeLost(f"a downgrade to {revision} would lose: {losses}")
    if way.undone:
        from alembic import command  # noqa: PLC0415 - see above

        command.downgrade(_config(connection), revision)
    return way


def _lock_schema(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # SQLite's write lock is already ours; PostgreSQL needs one that says "migrating".
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _way_back(connection: Connection, revision: str, *, locking: bool = False) -> Downgrade:
    """Return what lies between the schema of *connection* and *revision*.

    With *locking*, what would be lost stays as it is until the transaction ends.
    """
    state = _state(connection)
    if isinstance(state.mismatch, SchemaTooNew):
        raise state.mismatch
    if revision not in {BASE, *_revisions()}:
        known = ", ".join(sorted(_revisions()))
        raise DowngradeRefused(f"there is no revision {revision}; there are {known} and {BASE}")
    current, goal = state.current or "", revision if revision != BASE else ""
    if goal > current:
        raise DowngradeRefused(
            f"the database is at revision {state.current or BASE}, which is before {revision}"
        )
    undone = sorted((each for each in _revisions() if goal < each <= current), reverse=True)
    lost: dict[str, int] = {}
    for what, source in _losses(undone).items():
        if locking:
            connection.execute(text(f"LOCK TABLE {source.split()[0]}"))
        lost[what] = connection.scalar(text(f"SELECT count(*) FROM {source}")) or 0  # noqa: S608 - from the revisions
    return Downgrade(state.current, undone, lost)


def _losses(undone: Sequence[str]) -> dict[str, str]:
    """Return what each of these revisions loses, with the rows that it counts."""
    if not undone:
        return {}
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    scripts = ScriptDirectory.from_config(_config())
    losses: dict[str, str] = {}
    for number in undone:
        losses |= scripts.get_revision(number).module.loses
    return losses


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    # Config interpolates like an ini file, so a percent sign in the path must be doubled.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


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


async def grant_to_application(owner_url: str, application_url: str) -> str:
    """Give the role of *application_url* what the program needs; create it if it is missing.

    Atomic: One transaction. Repeating it changes nothing; a changed password is taken over.

    Args:
        owner_url: Names the role that owns the tables; it may create roles.
        application_url: Names the application's role and its password.

    Returns:
        The application's role.

    Raises:
        ConfigurationError: The URLs do not name two roles of one PostgreSQL server.
        DatabaseUnavailable: The owner's database cannot be reached.
    """
    owner, application = parse_url(owner_url), parse_url(application_url)
    if {owner.get_backend_name(), application.get_backend_name()} - {"postgresql", "postgres"}:
        raise ConfigurationError(("DATABASE_OWNER_URL: is for PostgreSQL only",))
    role, password = application.username, application.password
    if not role or role == owner.username or application.database != owner.database:
        problem = "must name the database of DATABASE_URL, and another role than that one"
        raise ConfigurationError((f"DATABASE_OWNER_URL: {problem}",))
    async with (
        using_engine(owner_url) as engine,
        writing(engine, "grant rights to the application's role") as connection,
    ):
        await connection.run_sync(_grant, role, password)
    return role


def _grant(connection: Connection, role: str, password: object) -> None:
    from psycopg import sql  # noqa: PLC0415 - takes 50 ms, which no other command needs

    name = sql.Identifier(role)
    exists = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    login = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE").format(
        sql.SQL("ALTER" if exists else "CREATE"), name
    )
    if password:
        login += sql.SQL(" PASSWORD {}").format(sql.Literal(str(password)))
    schema = connection.scalar(text("SELECT current_schema()"))
    append_only = {row.relname: row.free for row in connection.execute(_APPEND_ONLY)}
    statements = [
        login,
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(str(schema)), name),
    ]
    for table in connection.scalars(_TABLES).all():
        rights: sql.Composable = sql.SQL("SELECT, INSERT, UPDATE, DELETE")
        if table in append_only:
            rights = sql.SQL("SELECT, INSERT")
            if columns := append_only[table]:
                listed = sql.SQL(", ").join(map(sql.Identifier, columns))
                rights += sql.SQL(", UPDATE ({})").format(listed)
        elif table == _REVISIONS:
            rights = sql.SQL("SELECT")
        statements += [
            sql.SQL("REVOKE ALL ON {} FROM {}").format(sql.Identifier(table), name),
            sql.SQL("GRANT {} ON {} TO {}").format(rights, sql.Identifier(table), name),
        ]
    sequences = sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {}")
    statements.append(sequences.format(sql.Identifier(str(schema)), name))
    for statement in statements:
        connection.exec_driver_sql(statement.as_string().replace("%", "%%"))
