"""`python -m tests.support.provide`: sees to the servers that the tests need beyond Python.

Valkey and Redis 6.2 come with the pinned packages. PostgreSQL, PgBouncer and Redis 7 come from
Debian's: as root they are installed; otherwise what is left out, and why, is said here and by the
test run.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from tests.support.pgbouncer import PgBouncerUnavailable, find_pgbouncer
from tests.support.postgres import PostgresUnavailable, find_binaries
from tests.support.redis_servers import ServerMissing, redis_7

_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
#: What looks for each of Debian's packages, and what it is needed for.
_SERVERS: dict[str, tuple[Callable[[], object], str]] = {
    "postgresql": (find_binaries, "PostgreSQL"),
    "pgbouncer": (find_pgbouncer, "PgBouncer"),
    "redis-server": (redis_7, "Redis 7"),
}


def main() -> int:
    """Provide the servers if that is possible; fail only where nothing may be left out."""
    missing: dict[str, Exception] = {}
    for package, (find, _) in _SERVERS.items():
        try:
            find()
        except (PostgresUnavailable, PgBouncerUnavailable, ServerMissing) as error:
            missing[package] = error
    if not missing:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        return _install(*missing)
    for package, reason in missing.items():
        sys.stderr.write(f"LEFT OUT: tests on {_SERVERS[package][1]}, because {reason}\n")
    return int(os.environ.get("CI") == "true")


def _install(*packages: str) -> int:
    sys.stderr.write(f"Installing Debian's {' and '.join(packages)} for the tests ...\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
    # No service: a test starts the servers that it needs.
    subprocess.run([*_INSTALL, *packages], env=quiet, check=True, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
