"""`python -m tests.support.provide`: sees to the servers that the tests need beyond Python.

Valkey comes with the pinned packages. PostgreSQL comes from Debian's packages: as root it is
installed; otherwise what is left out, and why, is said here and by the test run.
"""

import os
import shutil
import subprocess
import sys

from tests.support.postgres import PostgresUnavailable, find_binaries

_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql")


def main() -> int:
    """Provide PostgreSQL if that is possible; fail only where nothing may be left out."""
    try:
        find_binaries()
    except PostgresUnavailable as missing:
        if os.geteuid() == 0 and shutil.which("apt-get"):
            return _install()
        sys.stderr.write(f"LEFT OUT: tests on PostgreSQL, because {missing}\n")
        return int(os.environ.get("CI") == "true")
    return 0


def _install() -> int:
    sys.stderr.write("PostgreSQL is missing; installing Debian's package for the tests ...\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
    subprocess.run(_INSTALL, env=quiet, check=True, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
