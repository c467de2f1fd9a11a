"""One relational database, embedded or served: opening, transactions, schema, migrations."""

from .batch import Batcher
from .engine import open_engine
from .errors import DatabaseForbids, DatabaseUnavailable, SchemaMismatch, SchemaTooNew, SchemaTooOld
from .migrate import SchemaState, current_state, require_current, upgrade
from .roles import grant_to_application
from .transactions import database_time, reading, writing

__all__ = [
    "Batcher",
    "DatabaseForbids",
    "DatabaseUnavailable",
    "SchemaMismatch",
    "SchemaState",
    "SchemaTooNew",
    "SchemaTooOld",
    "current_state",
    "database_time",
    "grant_to_application",
    "open_engine",
    "reading",
    "require_current",
    "upgrade",
    "writing",
]
