"""A private PostgreSQL server for tests, from the packages that the machine has.

It listens on a Unix socket in its own temporary folder only, and belongs to the account
`postgres` when the tests run as root, because the server refuses to run as root.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

_DEBIAN_BINARIES = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"
OWNER = "emasai"
_SETTINGS = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=60"


class PostgresUnavailable(Exception):
    """This machine has no PostgreSQL server that the tests could start."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server. Databases vanish with it."""

    folder: Path

    def url(self, database: str, role: str = OWNER) -> str:
        """Return the URL of *database* as it would stand in `DATABASE_URL`."""
        return f"postgresql://{role}@/{database}?host={self.folder}"

    def stop(self) -> None:
        """End it without a word to its clients."""
        _run(find_binaries() / "pg_ctl", self.folder, "stop", "-w", "-m", "immediate")

    def start(self) -> None:
        """Start it again with what it has kept."""
        _start(self.folder)

    @property
    def pid(self) -> int:
        """The number of its main process."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a copy of *template*, by default an empty one, and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # template0 has no users; the default template may have some for a moment.
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
            names = (sql.Identifier(name), sql.Identifier(template))
            connection.execute(statement.format(*names))
        return self.url(name)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server for the duration of the block.

    Raises:
        PostgresUnavailable: It is not installed, or there is no account to run it as.
    """
    binaries = find_binaries()
    # Not pytest's folder, which the server's account may not enter; and its path is short,
    # because that of a socket may not exceed 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="emasai-pg-"))
    try:
        if os.geteuid() == 0:
            _hand_over(folder)
        _run(binaries / "initdb", folder, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync")
        _start(folder)
        try:
            yield PostgresServer(folder)
        finally:
            # pg_ctl stops the process whose id is in this folder, and no other.
            _run(binaries / "pg_ctl", folder, "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgres_or_skip() -> Iterator[PostgresServer]:
    """Run a server for the tests of a fixture; skip them without one, but never in CI."""
    try:
        with running_postgres() as server:
            yield server
    except PostgresUnavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {reason}")


def find_binaries() -> Path:
    """Return the folder of initdb and pg_ctl; Debian keeps them out of PATH."""
    newest_first = sorted(_DEBIAN_BINARIES.glob("*/bin/pg_ctl"), reverse=True)
    on_path = shutil.which("pg_ctl")
    candidates = [*newest_first, *([Path(on_path)] if on_path else [])]
    for candidate in candidates:
        if (candidate.parent / "initdb").exists():
            return candidate.parent
    raise PostgresUnavailable("PostgreSQL is not installed (apt-get install postgresql)")


def _start(folder: Path) -> None:
    options, log = f"{_SETTINGS} -k {folder}", folder / "server.log"
    _run(find_binaries() / "pg_ctl", folder, "start", "-w", "-l", str(log), "-o", options)


def _hand_over(folder: Path) -> None:
    try:
        shutil.chown(folder, ACCOUNT, ACCOUNT)
    except LookupError as error:
        raise PostgresUnavailable(f"root needs the account {ACCOUNT!r} to run it as") from error


def _run(program: Path, folder: Path, *arguments: str) -> None:
    account = ACCOUNT if os.geteuid() == 0 else None
    # The server inherits the output of pg_ctl; a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile() as output:
        finished = subprocess.run(
            [program, "-D", folder / "data", *arguments],
            cwd=folder,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if finished.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{program.name} failed: {output.read().decode()}")
