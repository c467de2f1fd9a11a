"""Python processes that a test starts, and that end with it."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.support.project import ROOT


class Children:
    """Starts processes in the project's folder, with pipes to their input and output."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    async def start(
        self,
        *arguments: str,
        ready: bytes | None = None,
        env: Mapping[str, str] | None = None,
        stderr: int | None = None,
    ) -> Process:
        """Start Python with *arguments*; return once it has written the line *ready*, if any."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments), env=env, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=stderr
        )
        self._started.append(process)
        if ready is not None:
            assert process.stdout is not None
            assert await process.stdout.readline() == ready + b"\n"
        return process

    async def end(self) -> None:
        """Kill what still runs, and close its pipes: the event loop is about to be closed."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@asynccontextmanager
async def open_children() -> AsyncIterator[Children]:
    """Have processes for the duration of the block, however it ends."""
    children = Children()
    try:
        yield children
    finally:
        await children.end()
