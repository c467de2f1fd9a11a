"""What callers of the database may see.

DatabaseUnavailable(operation)        try again later; a write may have been committed or not
└── DatabaseForbids(operation)        the role of DATABASE_URL lacks a right
SchemaMismatch(current, head)         start-up only
├── SchemaTooOld                      `emasai db upgrade` has to be run
└── SchemaTooNew                      a newer program migrated this database

Foreign exceptions are translated here, once; those that mean a fault of ours (a wrong
statement, a broken constraint) pass unchanged.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

#: What brings a database up to date, and when.
UPGRADE: Final = "run `emasai db upgrade` once, before workers and API are started"
#: PostgreSQL's code for a right that a role lacks.
_INSUFFICIENT_PRIVILEGE: Final = "42501"


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


class DatabaseForbids(DatabaseUnavailable):
    """The database role of this process may not do what was asked."""

    def __str__(self) -> str:
        return (
            f"the database role of DATABASE_URL may not {self.operation}; run `emasai db upgrade` "
            "with DATABASE_OWNER_URL, which grants it what it needs"
        )


class SchemaMismatch(Exception):
    """The database is at revision *current* (None: no tables), this program needs *head*."""

    def __init__(self, current: str | None, head: str) -> None:
        super().__init__(current, head)
        self.current = current
        self.head = head


class SchemaTooOld(SchemaMismatch):
    """The database has to be migrated, which nothing does by itself."""

    def __str__(self) -> str:
        has = "has no tables yet" if self.current is None else f"is at revision {self.current}"
        return f"the database {has}, this program needs revision {self.head}: {UPGRADE}"


class SchemaTooNew(SchemaMismatch):
    """The database is at a revision that this version of the program does not know."""

    def __str__(self) -> str:
        return (
            f"the database is at revision {self.current}, which a newer version of this program "
            f"made, and this one needs {self.head}: install the newer version (its "
            "`emasai db check` says when it fits), or restore the backup made before it"
        )


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise DatabaseUnavailable(*operation*) for everything that means "not now"."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        if getattr(getattr(error, "orig", None), "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
            raise DatabaseForbids(operation) from error
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
