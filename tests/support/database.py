"""Databases of tests that are as an installation's: migrated before anything opens them.

A SQLite database is a copy of one that this process has migrated: Alembic takes a tenth of a
second, and most tests need a database of their own. `tests/integration/database` migrates for real.
"""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from orchestrator.database import upgrade


def migrated_file(folder: Path) -> str:
    """Return the URL of a new, migrated SQLite database in *folder*; an event loop may run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "emasai.sqlite"
    path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@cache
def _migrated() -> bytes:
    """Return the content of a migrated SQLite database without rows."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        path = Path(folder) / "emasai.sqlite"
        thread.submit(asyncio.run, upgrade(f"sqlite:///{path}")).result()
        return path.read_bytes()
