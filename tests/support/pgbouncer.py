"""A private PgBouncer in transaction mode, in front of a private PostgreSQL server.

Debian's package has the program. It belongs to the server's account where the tests run as root,
because it refuses to be root.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.support.postgres import ACCOUNT, OWNER, PostgresServer
from tests.support.waiting import wait_until

_PORT = 6432
_BINARY = Path("/usr/sbin/pgbouncer")
_CONFIGURATION = """\
[databases]
* = host={server}
[pgbouncer]
pool_mode = transaction
; Fewer than the program's own connections, so that they do take turns.
default_pool_size = 3
max_client_conn = 200
server_login_retry = 1
; Each test has a database of its own, and the server takes 60 connections.
server_idle_timeout = 1
auth_type = trust
auth_file = {folder}/users.txt
unix_socket_dir = {folder}
listen_port = {port}
logfile = {folder}/pgbouncer.log
"""


class PgBouncerUnavailable(Exception):
    """This machine has no PgBouncer that the tests could start."""


class PgBouncer:
    """A running pooler, which can be killed and started again."""

    def __init__(self, folder: Path, server: PostgresServer, roles: tuple[str, ...]) -> None:
        self._folder = folder
        (folder / "users.txt").write_text("".join(f'"{role}" ""\n' for role in roles))
        text = _CONFIGURATION.format(server=server.folder, folder=folder, port=_PORT)
        (folder / "pgbouncer.ini").write_text(text)
        self._process = self._start()

    def url(self, database: str, role: str = OWNER) -> str:
        """Return the URL of *database* through the pooler."""
        return f"postgresql://{role}@/{database}?host={self._folder}&port={_PORT}"

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again at the same place."""
        with suppress(FileNotFoundError):
            (self._folder / f".s.PGSQL.{_PORT}").unlink()
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        account = ACCOUNT if os.geteuid() == 0 else None
        process = subprocess.Popen(
            [find_pgbouncer(), "-q", self._folder / "pgbouncer.ini"],
            cwd=self._folder,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def answers() -> bool:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url("postgres"), autocommit=True).close()
                return True
            assert process.poll() is None, (self._folder / "pgbouncer.log").read_text()
            return False

        wait_until(answers, description="PgBouncer answers")
        return process


def find_pgbouncer() -> str:
    """Return the program.

    Raises:
        PgBouncerUnavailable: It is not installed.
    """
    found = shutil.which("pgbouncer") or (str(_BINARY) if _BINARY.exists() else None)
    if found is None:
        raise PgBouncerUnavailable("PgBouncer is not installed (apt-get install pgbouncer)")
    return found


@contextmanager
def running_pgbouncer(server: PostgresServer, *roles: str) -> Iterator[PgBouncer]:
    """Run a pooler in front of *server* for the duration of the block.

    Args:
        server: A running one.
        roles: Who may connect, beside the owner.

    Raises:
        PgBouncerUnavailable: It is not installed.
    """
    find_pgbouncer()
    folder = Path(tempfile.mkdtemp(prefix="emasai-pgb-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT, ACCOUNT)
        pooler = PgBouncer(folder, server, (OWNER, *roles))
        try:
            yield pooler
        finally:
            pooler.kill()
    finally:
        shutil.rmtree(folder)
