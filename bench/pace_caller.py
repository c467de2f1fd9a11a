"""A worker that calls a limited service: `python -m bench.pace_caller PART`.

It says "ready", waits for the instant (`time.time()`) at which to begin, calls until its time is
over, and prints what its callers have met as JSON.
"""

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from time import monotonic
from typing import Any

import orjson
import uvloop

from orchestrator.infra.logs import configure_logging
from orchestrator.infra.redis_client import open_redis
from orchestrator.infra.slots import Lane
from orchestrator.surfsense import Pace, Rate, open_http

#: Callers of one process that always want to call, by lane.
CALLERS = {Lane.PIPELINE: 20, Lane.REFRESH: 2}
#: Mean pause between two interactive lookups of one process, in windows.
INTERACTIVE_PAUSE = 16 / 60
#: Longest travel of a call, in windows: 0.2 s of a minute.
TRAVEL = 0.2 / 60
#: Calls for one company until it has failed, where each 429 is a try.
TRIES = 3


class Manner(StrEnum):
    """How callers meet a limit.

    `gate`: they wait for their turn. `retry`: they call, and sleep for a window after a 429, up to
    three tries. `hammer`: they call again shortly after each 429.
    """

    GATE = "gate"
    RETRY = "retry"
    HAMMER = "hammer"


@dataclass(frozen=True, slots=True)
class Part:
    """What one process does. Durations are seconds."""

    manner: Manner
    url: str
    redis_url: str
    limit: int
    window_s: float
    lasts_s: float

    def encoded(self) -> str:
        """Return it as an argument of the command line."""
        return orjson.dumps(self).decode()


@dataclass(slots=True)
class Met:
    """Seconds from the wish to the accepted call, by lane, and companies that have failed."""

    waits: dict[str, list[float]] = field(default_factory=lambda: {lane.value: [] for lane in Lane})
    failed: int = 0


class Caller:
    """Calls in one manner."""

    def __init__(self, part: Part, post: Callable[[], Awaitable[int]], pace: Pace) -> None:
        self._part = part
        self._post = post
        self._pace = pace
        self.met = Met()

    async def run(self) -> None:
        """Let all callers call until they are cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane, count in CALLERS.items():
                for _ in range(count):
                    group.create_task(self._always(lane))
            while True:
                pause_s = random.expovariate(1 / (INTERACTIVE_PAUSE * self._part.window_s))
                await asyncio.sleep(pause_s)
                group.create_task(self._one(Lane.INTERACTIVE))

    async def _always(self, lane: Lane) -> None:
        while True:
            await self._one(lane)

    async def _one(self, lane: Lane) -> None:
        began = monotonic()
        if await self._is_accepted(lane):
            self.met.waits[lane.value].append(monotonic() - began)
        else:
            self.met.failed += 1

    async def _is_accepted(self, lane: Lane) -> bool:
        tries, window_s = 0, self._part.window_s
        while True:
            if self._part.manner is Manner.GATE:
                await self._pace.turn(lane, company="Acme")
            await asyncio.sleep(random.uniform(0, TRAVEL) * window_s)  # noqa: S311
            if await self._post() == HTTPStatus.OK:
                return True
            tries += 1
            match self._part.manner:
                case Manner.GATE:
                    await self._pace.limited(round(window_s))
                case Manner.RETRY if tries == TRIES:
                    return False
                case Manner.RETRY:
                    await asyncio.sleep(window_s * random.uniform(1, 1.05))  # noqa: S311
                case Manner.HAMMER:
                    await asyncio.sleep(window_s / 60)


async def _call(part: Part, begin_at: float) -> Met:
    async with AsyncExitStack() as stack:
        timeout = timedelta(seconds=30)
        http = await stack.enter_async_context(open_http(part.url, api_key=None, timeout=timeout))
        redis = await stack.enter_async_context(open_redis(part.redis_url))
        rate = Rate(part.limit, timedelta(seconds=part.window_s))
        pace = Pace(redis, workspace="bench", rate=rate)
        stack.push_async_callback(pace.aclose)

        async def post() -> int:
            reply = await http.send("POST", "/scrape", company="Acme", within=timeout, body=b"{}")
            return reply.status

        caller = Caller(part, post, pace)
        await asyncio.sleep(max(0.0, begin_at - time.time()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(part.lasts_s):
                await caller.run()
    return caller.met


def _part_of(text: str) -> Part:
    fields: dict[str, Any] = orjson.loads(text)
    return Part(**{**fields, "manner": Manner(fields["manner"])})


if __name__ == "__main__":
    configure_logging("error")
    print("ready", flush=True)
    begin_at = float(sys.stdin.readline())
    met = uvloop.run(_call(_part_of(sys.argv[1]), begin_at))
    print(orjson.dumps(met).decode())
