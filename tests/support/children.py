"""Python processes that a test starts, and that end with it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from tests.support.forking import FORKS, ForkedProcess
from tests.support.project import ROOT


class ForkedChild:
    """A forked process that talks with a test; what tests use of `asyncio.subprocess.Process`."""

    def __init__(
        self, process: ForkedProcess, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader
    ) -> None:
        self._process = process
        self.stdin = stdin
        self.stdout = stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, the negative of the signal that ended it, or None: it runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for its end, and return the exit code."""
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        return self._process.wait()

    async def finish(self, line: bytes = b"") -> bytes:
        """Send it *line* and the end of its input; wait for its end, and return its output."""
        if line:
            self.stdin.write(line)
        self.stdin.close()
        output = await self.stdout.read()
        await self.wait()
        return output

    async def end(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        self.kill()
        await self.finish()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        self._process.kill()


async def _fork(arguments: Sequence[str], env: Mapping[str, str]) -> ForkedChild:
    """Fork a process for a module, as `python -m` does, with pipes to its input and output."""
    (their_input, our_input), (our_output, their_output) = FORKS.Pipe(False), FORKS.Pipe(False)
    files = {0: their_input, 1: their_output}
    process = await asyncio.to_thread(ForkedProcess, arguments, env=env, files=files)
    their_input.close()
    their_output.close()
    loop, stdout = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), our_output)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, our_input)
    return ForkedChild(process, asyncio.StreamWriter(transport, protocol, None, loop), stdout)


class Children:
    """Starts processes in the project's folder, with pipes to their input and output."""

    def __init__(self) -> None:
        self._forked: list[ForkedChild] = []
        self._started: list[Process] = []

    async def fork(
        self, *arguments: str, ready: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> ForkedChild:
        """Fork a process for the module and its arguments, with this environment or *env*.

        Return once it has written the line *ready*, if any.
        """
        child = await _fork(arguments, os.environ if env is None else env)
        self._forked.append(child)
        if ready is not None:
            assert await child.stdout.readline() == ready + b"\n"
        return child

    async def start(self, program: str, *arguments: str, stderr: int | None = None) -> Process:
        """Start *program*, the text of it, in a process that has nothing imported."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, *arguments),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
        )
        self._started.append(process)
        return process

    async def end(self) -> None:
        """Kill what still runs, and close its pipes: the event loop is about to be closed."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.communicate()
        for child in self._forked:
            await child.end()


@asynccontextmanager
async def open_children() -> AsyncIterator[Children]:
    """Have processes for the duration of the block, however it ends."""
    children = Children()
    try:
        yield children
    finally:
        await children.end()
