"""Real API processes of the gateway, for `bench.gateway`: ours, and with other patterns.

`python -m bench.gateway_http PATTERN PORT` is such a process, configured by its environment.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import aiohttp
import psutil

import orchestrator.app
from orchestrator.embedded.stack import Child, free_port
from orchestrator.fence import Fence, Hit, Miss
from orchestrator.http import serve
from orchestrator.infra.logs import configure_logging
from orchestrator.settings import load

#: Seconds that a process may take to start on a busy machine.
PATIENCE_S = 120.0


class NoFence(Fence):
    """No cache: each read asks the database."""

    async def read(self, key: str) -> Hit | Miss:  # noqa: ARG002 - the same signature
        """Miss, and allow no fill."""
        return Miss(None)


class NaiveFence(Fence):
    """The pattern that is usually written: get, query, set."""

    async def read(self, key: str) -> Hit | Miss:
        """Get it."""
        value = await self._redis.get(key)
        return Hit(value, 1, 0) if isinstance(value, bytes) else Miss("any")

    async def fill(self, key: str, generation: str | None, version: int, value: bytes) -> bool:  # noqa: ARG002 - the same signature
        """Set it."""
        return bool(await self._redis.set(key, value, ex=3600))


PATTERNS: dict[str, type[Fence]] = {
    "cached": Fence,
    "get, query and set": NaiveFence,
    "uncached": NoFence,
}


@dataclass(frozen=True, slots=True)
class Api:
    """A running process, and a client of it."""

    client: aiohttp.ClientSession
    process: psutil.Process

    def cpu_s(self) -> float:
        """Return the seconds of CPU that the process has used."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    async def ask(self, method: str, path: str, body: object = None) -> None:
        """Send a request, and read its answer.

        Raises:
            aiohttp.ClientResponseError: It is an error.
        """
        async with self.client.request(method, path, json=body) as answer:
            answer.raise_for_status()
            await answer.read()


@asynccontextmanager
async def running_api(pattern: str, variables: dict[str, str], folder: Path) -> AsyncIterator[Api]:
    """Run a process with *variables* that caches by *pattern*; its log is in *folder*."""
    port = free_port()
    command = [sys.executable, "-m", "bench.gateway_http", pattern, str(port)]
    child = Child("api", command, env=variables, log=folder / f"api-{port}.log")
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            api = Api(client, psutil.Process(child.identity.pid))
            await _wait_until_it_listens(child, api)
            yield api
    finally:
        child.end()


async def _wait_until_it_listens(child: Child, api: Api) -> None:
    deadline = monotonic() + PATIENCE_S
    while child.is_alive and monotonic() < deadline:
        try:
            await api.ask("GET", "/health/live")
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the API did not start: {child.log.read_text()}")


if __name__ == "__main__":
    orchestrator.app.Fence = PATTERNS[sys.argv[1]]  # type: ignore[attr-defined] # in its place
    configure_logging("info")
    serve(load(), port=int(sys.argv[2]))
