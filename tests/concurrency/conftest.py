"""Real processes on one server, and how tests direct them."""

from collections.abc import Awaitable
from typing import Any, cast

import orjson
import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from tests.support.async_waiting import eventually
from tests.support.children import Children, ForkedChild
from tests.support.lasting import CONTROL_DB
from tests.support.loading import KEY
from tests.support.memo_process import LOADS, Part, told


class Actor:
    """A started process that waits for its cue."""

    def __init__(self, part: Part, process: ForkedChild) -> None:
        self.part = part
        self.process = process

    def cue(self) -> None:
        """Let its callers ask."""
        self.process.stdin.write(b"go\n")

    async def outcomes(self) -> list[dict[str, Any]]:
        """Wait for its end; return what its callers got."""
        stdout = await self.process.stdout.read()
        assert await self.process.wait() == 0
        return list(orjson.loads(stdout.splitlines()[-1]))  # after what it has logged


class Stage:
    """Starts actors and watches their loaders."""

    def __init__(self, children: Children, server: Valkey, control: Redis) -> None:
        self._children = children
        self._server = server
        self._control = control

    async def enter(self, name: str, **how: Any) -> Actor:  # noqa: ANN401 - the fields of a Part
        """Start the process called *name*; it waits for its cue."""
        part = Part(
            name=name,
            memo_url=f"{self._server.url}/1",
            control_url=f"{self._server.url}/{CONTROL_DB}",
            **{"key": KEY, **how},
        )
        module = "tests.support.memo_process"
        process = await self._children.fork(module, part.encoded(), ready=b"ready")
        return Actor(part, process)

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
def stage(children: Children, shared_valkey: Valkey, control: Redis) -> Stage:
    """Offer a stage; processes that are still on it at the end are killed."""
    return Stage(children, shared_valkey, control)
