"""Two PostgreSQL roles: the owner migrates, the application reads and writes rows.

The application's role owns nothing, so it cannot drop a table or the trigger that refuses
changes of an append-only one; and it is granted no more than that refuses anyway.
"""

from typing import Final

from sqlalchemy import Connection, text

from orchestrator.settings import ConfigurationError

from .engine import open_engine
from .transactions import writing
from .url import parse_url

#: Tables of this program that may only be added to: they have the refusing trigger of
#: `migrations/append_only.py`.
_APPEND_ONLY: Final = text(
    "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE relnamespace = current_schema()::regnamespace AND tgname = relname || '_refuse_change'"
)
_TABLES: Final = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND relkind = 'r' AND pg_get_userbyid(relowner) = current_user"
)
#: Alembic's own table: only a migration writes it.
_REVISIONS: Final = "alembic_version"


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
    engine = open_engine(owner_url)
    try:
        async with writing(engine, "grant rights to the application's role") as connection:
            await connection.run_sync(_grant, role, password)
    finally:
        await engine.dispose()
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
    append_only = frozenset(connection.scalars(_APPEND_ONLY))
    statements = [
        login,
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(str(schema)), name),
    ]
    for table in connection.scalars(_TABLES).all():
        rights = "SELECT, INSERT, UPDATE, DELETE"
        if table in append_only:
            rights = "SELECT, INSERT"
        elif table == _REVISIONS:
            rights = "SELECT"
        statements += [
            sql.SQL("REVOKE ALL ON {} FROM {}").format(sql.Identifier(table), name),
            sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), sql.Identifier(table), name),
        ]
    sequences = sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {}")
    statements.append(sequences.format(sql.Identifier(str(schema)), name))
    for statement in statements:
        connection.exec_driver_sql(statement.as_string().replace("%", "%%"))
