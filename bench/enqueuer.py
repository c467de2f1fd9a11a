"""A client that enqueues a long list: `python -m bench.enqueuer URL DATABASE ROWS KIND CHUNK`.

KIND is `all` or `known`, CHUNK how many items a message announces.

Prints, as JSON, the seconds that it took and its resident memory over that time, in MB.
"""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import perf_counter

import orjson
import uvloop

from bench.lists import names
from orchestrator.app import build
from orchestrator.dispatch import submit_stream
from orchestrator.infra.logs import configure_logging
from orchestrator.jobs import JobKind, NewJob
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import load

#: Seconds between two looks at the memory.
LOOK_S = 0.25
_PAGE = 4096


def resident_mb() -> float:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


class Memory(threading.Thread):
    """Looks at the memory until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: list[float] = []
        self._ended = threading.Event()

    def run(self) -> None:
        """Look now and then."""
        while not self._ended.wait(LOOK_S):
            self.seen.append(resident_mb())

    def end(self) -> list[float]:
        """Stop, and return what was seen."""
        self._ended.set()
        self.join()
        return [*self.seen, resident_mb()]


async def _enqueue(url: str, database: str, rows: int, kind: str, chunk_size: int) -> None:
    settings = load(
        REDIS_URL=url,
        DATABASE_URL=database,
        SURFSENSE_URL="http://127.0.0.1:1",
    )
    notifier = CeleryNotifier(create_app(settings))
    async with build(settings, notifier=notifier, chunk_items=chunk_size) as runtime:

        async def stream() -> AsyncIterator[Sequence[str]]:
            for part in names(rows, known_only=kind == "known"):
                yield part

        gc.collect()
        memory = Memory()
        memory.start()
        began = perf_counter()
        job = await submit_stream(runtime, NewJob(JobKind.ENRICH, (), "bench"), stream())
        seconds = perf_counter() - began
        seen = memory.end()
    await notifier.aclose()
    said = {"seconds": seconds, "memory_mb": seen, "done": job.done, "chunks": job.chunks}
    print(orjson.dumps(said).decode())


if __name__ == "__main__":
    configure_logging("error")
    url, database, rows, kind, chunk_size = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_enqueue(url, database, int(rows), kind, int(chunk_size)))
