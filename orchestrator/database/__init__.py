"""One relational database, embedded or served: opening, transactions, schema, migrations."""

from .batch import Batcher
from .engine import open_engine
from .errors import DatabaseUnavailable, SchemaTooNew
from .migrate import SchemaState, current_state, upgrade
from .transactions import reading, writing

__all__ = [
    "Batcher",
    "DatabaseUnavailable",
    "SchemaState",
    "SchemaTooNew",
    "current_state",
    "open_engine",
    "reading",
    "upgrade",
    "writing",
]
