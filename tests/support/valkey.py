"""A private Valkey server for tests, with a password, hardened like the embedded one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from redis.asyncio import Redis

from orchestrator.embedded.valkey import Valkey, start_valkey

#: The databases of the project, each emptied between tests.
DATABASES = (0, 1, 2, 3)


@contextmanager
def running_valkey(folder: Path) -> Iterator[Valkey]:
    """Run a server with its data in *folder* for the duration of the block."""
    server = start_valkey(folder, folder / "valkey.log")
    try:
        yield server
    finally:
        server.child.end()


@asynccontextmanager
async def client_of(server: Valkey, database: int) -> AsyncIterator[Redis]:
    """Open a client for one database of *server*."""
    client = Redis.from_url(f"{server.url}/{database}")
    try:
        yield client
    finally:
        await client.aclose()


async def empty(server: Valkey) -> None:
    """Remove everything from the project's databases on *server*."""
    for database in DATABASES:
        async with client_of(server, database) as client:
            await client.flushdb()


def empty_now(server: Valkey) -> None:
    """Remove everything, from code that has no event loop."""
    asyncio.run(empty(server))
