"""Real processes on one server, and how tests direct them."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from tests.support.async_waiting import eventually
from tests.support.lasting import CONTROL_DB
from tests.support.loading import KEY
from tests.support.memo_process import LOADS, Part, told

_ROOT = Path(__file__).parents[2]


class Actor:
    """A started process that waits for its cue."""

    def __init__(self, part: Part, process: Process) -> None:
        self.part = part
        self.process = process

    def cue(self) -> None:
        """Let its callers ask."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")

    async def outcomes(self) -> list[dict[str, Any]]:
        """Wait for its end; return what its callers got."""
        assert self.process.stdout is not None
        stdout = await self.process.stdout.read()
        assert await self.process.wait() == 0
        return list(orjson.loads(stdout.splitlines()[-1]))  # after what it has logged


class Stage:
    """Starts actors and watches their loaders."""

    def __init__(self, server: Valkey, control: Redis) -> None:
        self._server = server
        self._control = control
        self.actors: list[Actor] = []

    async def enter(self, name: str, **how: Any) -> Actor:  # noqa: ANN401 - the fields of a Part
        """Start the process called *name*; it waits for its cue."""
        part = Part(
            name=name,
            memo_url=f"{self._server.url}/1",
            control_url=f"{self._server.url}/{CONTROL_DB}",
            **{"key": KEY, **how},
        )
        command = (sys.executable, "-m", "tests.support.memo_process", part.encoded())
        process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        self.actors.append(Actor(part, process))
        return self.actors[-1]

    async def loads(self) -> list[str]:
        """Return who has begun to load so far, in order."""
        found = await cast("Awaitable[list[bytes]]", self._control.lrange(LOADS, 0, -1))
        return [name.decode() for name in found]

    async def loading(self, *names: str) -> None:
        """Wait until exactly *names* have begun to load, in this order."""

        async def have_begun() -> bool:
            return len(await self.loads()) >= len(names)

        await eventually(have_begun, f"{names} load")
        assert await self.loads() == list(names)

    async def tell(self, actor: Actor) -> None:
        """Let the loader of *actor* go on."""
        await self._control.rpush(told(actor.part.name), "go")


@pytest.fixture
async def stage(shared_valkey: Valkey, control: Redis) -> AsyncIterator[Stage]:
    """Offer a stage; processes that are still on it at the end are killed."""
    stage = Stage(shared_valkey, control)
    yield stage
    for actor in stage.actors:
        if actor.process.returncode is None:
            actor.process.kill()
        await actor.process.communicate()
