"""Eight workers and a service that allows 120 calls a minute: what is refused, and what is unused.

The service counts as SurfSense does: a window opens with the first call after the last one, and a
call that is refused does not extend it. Beside the gate: callers that sleep for a window after each
429, and give up after three, and callers that call again after a second. `--quick` has windows of
a fifth of a minute.
"""

import asyncio
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from bench.measure import QUICK_REPEATS, console, grid, judge
from bench.pace_caller import Manner, Part
from bench.servers import running_valkey
from orchestrator.infra.slots import Lane

WORKERS = 8
LIMIT = 120
#: Windows of demand.
WINDOWS = 5
#: Seconds of a window, and of one that `--quick` has.
WINDOW_S, QUICK_WINDOW_S = 60.0, 12.0
#: The share of the allowed calls that is to be used.
TO_BE_USED = 0.98
_ROOT = Path(__file__).parents[1]


class Service:
    """Answers calls with 200 or 429, and notes when each came."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._ends_at, self._count = 0.0, 0
        self.accepted: list[float] = []
        self.refused = 0

    def status(self) -> int:
        """Return how the call that comes now is answered."""
        now = monotonic()
        if now >= self._ends_at:
            self._ends_at, self._count = now + self._window_s, 0
        if self._count == LIMIT:
            self.refused += 1
            return 429
        self._count += 1
        self.accepted.append(now)
        return 200

    def share_used(self) -> float:
        """Return which share of the calls that were allowed was used."""
        end = self.accepted[0] + WINDOWS * self._window_s
        return sum(at < end for at in self.accepted) / (WINDOWS * LIMIT)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n{}" % self.status())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(repeats: int) -> None:
    """Print what each manner of calling meets."""
    window_s = QUICK_WINDOW_S if repeats <= QUICK_REPEATS else WINDOW_S
    columns = (
        *("manner", "accepted", "429", "failed", "used"),
        *("interactive p50, p99 s", "pipeline", "refresh"),
    )
    title = f"{WORKERS} workers, {LIMIT} calls in {window_s:g} s allowed, {WINDOWS} windows"
    table = grid(title, columns)
    services = {}
    for manner in Manner:
        services[manner], results = await _measure(manner, window_s)
        service = services[manner]
        waits = {lane: [wait for each in results for wait in each["waits"][lane]] for lane in Lane}
        table.add_row(
            manner.value,
            f"{len(service.accepted):,}",
            f"{service.refused:,}",
            f"{sum(each['failed'] for each in results):,}",
            f"{service.share_used():.1%}",
            *(_summary(waits[lane]) for lane in Lane),
        )
    console.print(table)
    gate = services[Manner.GATE]
    judge("no call through the gate is refused", [gate.refused == 0])
    judge(f"at least {TO_BE_USED:.0%} are used", [gate.share_used() >= TO_BE_USED])


async def _measure(manner: Manner, window_s: float) -> tuple[Service, list[dict[str, Any]]]:
    service = Service(window_s)
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    with running_valkey() as redis_url:
        # A call that leaves at the end of the last window still arrives in it.
        lasts_s = WINDOWS * window_s + 0.5
        part = Part(manner, f"http://{host}:{port}", redis_url, LIMIT, window_s, lasts_s)
        async with server, _workers(part) as workers:
            begin_at = time.time() + 0.5
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write(f"{begin_at}\n".encode())
            results = await asyncio.gather(*(_result(worker) for worker in workers))
    return service, results


@asynccontextmanager
async def _workers(part: Part) -> AsyncIterator[list[Process]]:
    """Start them; on leaving, end those that still run."""
    command = (sys.executable, "-m", "bench.pace_caller", part.encoded())
    workers = [
        await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)
        for _ in range(WORKERS)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert await worker.stdout.readline() == b"ready\n"
        yield workers
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
            await worker.communicate()


async def _result(worker: Process) -> dict[str, Any]:
    assert worker.stdout is not None
    said = await worker.stdout.read()
    return dict(orjson.loads(said.splitlines()[-1]))


def _summary(waits: Sequence[float]) -> str:
    if len(waits) < 2:  # noqa: PLR2004 - too few for a quantile
        return "-"
    return f"{statistics.median(waits):.1f}, {statistics.quantiles(waits, n=100)[98]:.1f}"
