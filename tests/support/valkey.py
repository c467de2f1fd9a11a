"""A private Valkey server for tests, with a password, hardened like the embedded one."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis as blocking
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey, start_valkey
from tests.support.async_waiting import eventually
from tests.support.lasting import guarded
from tests.support.waiting import wait_until

#: The databases of the project, each emptied between tests.
DATABASES = (0, 1, 2, 3)


@contextmanager
def running_valkey(folder: Path) -> Iterator[Valkey]:
    """Run a server with its data in *folder* for the duration of the block.

    One that was killed and left so is brought back at the end, to look at what it has kept.
    """
    server = start_valkey(folder, folder / "valkey.log")
    try:
        with guarded(server.url):
            yield server
            if not server.child.is_alive:
                bring_back(server)
    finally:
        server.child.end()


def kill(server: Valkey) -> None:
    """End *server* as `kill -9` does."""
    os.kill(server.child.identity.pid, signal.SIGKILL)
    server.child.end()


def bring_back(server: Valkey) -> None:
    """Start *server* again at the same place with what its append-only file has."""
    server.child.restart()

    def answers() -> bool:
        try:
            with blocking.Redis.from_url(server.url) as client:
                return bool(client.ping())
        except blocking.RedisError:
            return False

    wait_until(answers, description="the server answers again")


async def follow(primary: Valkey, replica: Valkey) -> None:
    """Make *replica* follow *primary*; return once it has caught up."""
    address = urlsplit(primary.url)
    async with client_of(primary, 0) as one, client_of(replica, 0) as other:
        # By default a primary waits for 5 s, in case more replicas ask for the same copy.
        await one.config_set("repl-diskless-sync-delay", 0)
        await other.config_set("masterauth", address.password or "")
        await other.replicaof(str(address.hostname), str(address.port))

        async def is_online() -> bool:
            known = await one.info("replication")
            return str(known.get("slave0", {}).get("state")) == "online"

        await eventually(is_online, "the replica has caught up")


async def cut_off(replica: Valkey) -> None:
    """Let *replica* lose its primary: it keeps what it has, and hears of nothing more."""
    async with client_of(replica, 0) as client:
        await client.replicaof("127.0.0.1", "1")


async def promote(replica: Valkey) -> None:
    """Make *replica* a primary, as a failover does."""
    async with client_of(replica, 0) as client:
        await client.replicaof("NO", "ONE")


@contextmanager
def standing_still(server: Valkey) -> Iterator[None]:
    """Stop *server* for the duration of the block; its connections stay open."""
    os.kill(server.child.identity.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.child.identity.pid, signal.SIGCONT)


async def calls_of(redis: Redis, command: str) -> int:
    """Return how often the server of *redis* has been asked for *command*."""
    known = await redis.info("commandstats")
    return int(known.get(f"cmdstat_{command}", {}).get("calls", 0))


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
