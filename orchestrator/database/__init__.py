"""One relational database, embedded or served: opening, transactions, schema, migrations."""

from .engine import open_engine, parse_url
from .migrate import SchemaState, current_state, grant_to_application, require_current, upgrade
from .transactions import (
    Batcher,
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
    reading,
    writing,
)

__all__ = [
    "Batcher",
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
