"""A company index with a database of its own, for tests that are about something else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.database import open_engine
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now
from tests.support.database import migrated_file


@asynccontextmanager
async def open_index(folder: Path) -> AsyncIterator[CompanyIndex]:
    """Open an index that knows nothing yet, in a SQLite file in *folder*."""
    engine = open_engine(migrated_file(folder))
    try:
        yield CompanyIndex(engine, utc_now)
    finally:
        await engine.dispose()
