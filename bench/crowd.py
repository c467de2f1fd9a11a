"""Starts processes of callers, lets them begin together, and collects when they were served."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from bench.caller import Part, Served

_ROOT = Path(__file__).parents[1]
#: Seconds between the word and the beginning: enough for it to reach every process.
NOTICE_S = 0.2
#: Seconds after which a process that should have given up by itself is a fault.
LONGEST_S = 60.0


class Crowd:
    """Processes that are ready to ask, one for each part."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = processes

    def begin(self, at: Sequence[float]) -> None:
        """Let each process begin at its instant (`time.time()`)."""
        for process, instant in zip(self.processes, at, strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{instant}\n".encode())

    async def served(self) -> Served:
        """Wait for the end of all that were not killed."""
        ends = [_result(process) for process in self.processes if process.returncode is None]
        async with asyncio.timeout(LONGEST_S):
            results = await asyncio.gather(*ends)
        return Served(
            sorted(instant for result in results for instant in result.at),
            [error for result in results for error in result.errors],
        )


@asynccontextmanager
async def gathered(parts: Sequence[Part]) -> AsyncIterator[Crowd]:
    """Start a process for each of *parts*; on leaving, end those that still run."""
    processes = [await _start(part) for part in parts]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield Crowd(processes)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def shortly() -> float:
    """Return an instant that every process can still be told of."""
    return time.time() + NOTICE_S


async def _start(part: Part) -> Process:
    command = (sys.executable, "-m", "bench.caller", part.encoded())
    return await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)


async def _result(process: Process) -> Served:
    assert process.stdout is not None
    said = await process.stdout.read()
    await process.wait()
    return Served(**orjson.loads(said.splitlines()[-1]))
