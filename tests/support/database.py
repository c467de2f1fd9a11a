"""Databases of tests that are as an installation's: migrated before anything opens them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.database import upgrade


def migrated(url: str) -> str:
    """Migrate the database of *url* and return it; an event loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, upgrade(url)).result()
    return url


def migrated_file(folder: Path) -> str:
    """Return the URL of a new, migrated SQLite database in *folder*."""
    return migrated(f"sqlite:///{folder}/emasai.sqlite")
