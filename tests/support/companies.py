"""A company index with a database of its own, for tests that are about something else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.database import open_engine, upgrade
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now


@asynccontextmanager
async def open_index(folder: Path) -> AsyncIterator[CompanyIndex]:
    """Open an index that knows nothing yet, in a SQLite file in *folder*."""
    url = f"sqlite:///{folder}/companies.db"
    await upgrade(url)
    engine = open_engine(url)
    try:
        yield CompanyIndex(engine, utc_now)
    finally:
        await engine.dispose()
