"""A process that looks one key up: `python -m tests.support.memo_process '<JSON Part>'`.

It says "ready", waits for a line, lets its callers ask at once, and prints their outcomes.
Its loader leaves a sign in the control database when it begins, and goes on when told to.
"""

import asyncio
import sys
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import cast

import orjson
from redis.asyncio import Redis

from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Flight, Loaded, Memo, MemoOptions
from tests.support.loading import SoldOut, SoldOutCodec

#: List to which every loader adds its process's name as it begins.
LOADS = "loads"
#: Seconds after which a process that is not told to continue gives up.
PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Part:
    """What one process plays. `waits`: its loader goes on only when `told` to."""

    name: str
    memo_url: str
    control_url: str
    key: str
    callers: int = 1
    lease_ms: int = 5000
    waits: bool = False
    fails: bool = False
    takes_ms: int = 0

    def encoded(self) -> str:
        """Return the command's argument."""
        return orjson.dumps(asdict(self)).decode()


def told(name: str) -> str:
    """Return the list by which the loader of *name* is told to go on."""
    return f"told:{name}"


async def _play(part: Part) -> None:
    redis, control = open_redis(part.memo_url), open_redis(part.control_url)
    options = MemoOptions(lease=timedelta(milliseconds=part.lease_ms))
    memo = Memo(redis, failures=SoldOutCodec(), options=options)

    async def load(flight: Flight) -> Loaded:
        await flight.write_record({"by": part.name})
        await control.rpush(LOADS, part.name)
        await asyncio.sleep(part.takes_ms / 1000)
        if part.waits:
            await _wait_until_told(control, part.name)
        if part.fails:
            raise SoldOut(part.name)
        seen = (flight.record or {}).get("by")
        return Loaded("found", {"by": part.name, "record": seen}, timedelta(60), flight.now_ms())

    async def ask() -> dict[str, object]:
        try:
            outcome = await memo.get(part.key, load)
        except SoldOut as error:
            return {"error": str(error)}
        return {"source": outcome.source, **outcome.entry.payload}

    outcomes = await asyncio.gather(*(ask() for _ in range(part.callers)))
    print(orjson.dumps(outcomes).decode(), flush=True)  # noqa: T201 - how the test is told
    await memo.aclose()
    await redis.aclose()
    await control.aclose()


async def _wait_until_told(control: Redis, name: str) -> None:
    for _ in range(PATIENCE_S):
        if await cast("Awaitable[object]", control.blpop([told(name)], timeout=1)):
            return
    raise TimeoutError(name)


if __name__ == "__main__":
    part = Part(**orjson.loads(sys.argv[1]))
    print("ready", flush=True)  # noqa: T201 - how the test is told
    sys.stdin.readline()
    asyncio.run(_play(part))
