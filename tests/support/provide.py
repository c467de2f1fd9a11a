"""`python -m tests.support.provide`: sees to the servers that the tests need beyond Python.

Valkey comes with the pinned packages. PostgreSQL and PgBouncer come from Debian's packages: as root
they are installed; otherwise what is left out, and why, is said here and by the test run.
"""

import os
import shutil
import subprocess
import sys

from tests.support.pgbouncer import PgBouncerUnavailable, find_pgbouncer
from tests.support.postgres import PostgresUnavailable, find_binaries

_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql", "pgbouncer")


def main() -> int:
    """Provide both if that is possible; fail only where nothing may be left out."""
    try:
        find_binaries()
        find_pgbouncer()
    except (PostgresUnavailable, PgBouncerUnavailable) as missing:
        if os.geteuid() == 0 and shutil.which("apt-get"):
            return _install()
        sys.stderr.write(f"LEFT OUT: tests on PostgreSQL, because {missing}\n")
        return int(os.environ.get("CI") == "true")
    return 0


def _install() -> int:
    sys.stderr.write(
        "PostgreSQL or PgBouncer is missing; installing Debian's packages for the tests ...\n"
    )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
    subprocess.run(_INSTALL, env=quiet, check=True, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
