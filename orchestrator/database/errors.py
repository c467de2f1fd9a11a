"""What callers of the database may see.

DatabaseUnavailable(operation)  try again later; a write may have been committed or not
SchemaTooNew(revision)          start-up only; a newer program migrated this database

Foreign exceptions are translated here, once; those that mean a fault of ours (a wrong
statement, a broken constraint) pass unchanged.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc


class DatabaseUnavailable(Exception):
    """The database did not answer, refused the connection, or stayed locked too long.

    A write that ends so may still have been committed: repeat it, all writes are idempotent.
    `operation` completes the sentence "could not ...". The cause is chained.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation

    def __str__(self) -> str:
        return f"the database is not available: could not {self.operation}; try again later"


class SchemaTooNew(Exception):
    """The database is at a revision that this version of the program does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision

    def __str__(self) -> str:
        return (
            f"the database is at revision {self.revision}, which a newer version of this "
            "program made; start that version, or restore the backup made before it"
        )


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise DatabaseUnavailable(*operation*) for everything that means "not now"."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        if _is_our_fault(error):
            raise
        raise DatabaseUnavailable(operation) from error


def _is_our_fault(error: Exception) -> bool:
    match error:
        case exc.IntegrityError() | exc.ProgrammingError() | exc.DataError():
            return True
        case exc.OperationalError():
            # SQLite reports a missing table or a misspelled statement as "operational" too.
            return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        case _:
            return False
