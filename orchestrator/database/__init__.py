"""One relational database, embedded or served: opening, transactions, schema, migrations."""

from .engine import (
    DatabaseForbids,
    DatabaseFull,
    DatabaseUnavailable,
    SchemaMismatch,
    SchemaTooNew,
    SchemaTooOld,
    database_time,
    first_occurrences,
    in_chunks,
    insert_into,
    insert_new,
    open_engine,
    parse_url,
    reading,
    writing,
)
from .migrate import SchemaState, current_state, grant_to_application, require_current, upgrade

__all__ = [
    "DatabaseForbids",
    "DatabaseFull",
    "DatabaseUnavailable",
    "SchemaMismatch",
    "SchemaState",
    "SchemaTooNew",
    "SchemaTooOld",
    "current_state",
    "database_time",
    "first_occurrences",
    "grant_to_application",
    "in_chunks",
    "insert_into",
    "insert_new",
    "open_engine",
    "parse_url",
    "reading",
    "require_current",
    "upgrade",
    "writing",
]
