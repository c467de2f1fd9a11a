"""A process that calls: `python -m tests.support.pace_process URL CALLERS CALLS PER_MINUTE`.

It says "ready", waits for a line, lets its callers call until they have done so often, prints the
time of each call as a line of its own (microseconds of Redis' clock), and then the word "done".
"""

import asyncio
import sys

from orchestrator.infra.redis_client import StoreUnavailable, open_redis
from orchestrator.infra.slots import Lane
from orchestrator.surfsense import Pace, Rate


async def _call(url: str, callers: int, calls: int, per_minute: int) -> None:
    redis = open_redis(url)
    pace = Pace(redis, workspace="1", rate=Rate(per_minute))
    left = iter(range(calls))

    async def call() -> None:
        for _ in left:
            while True:
                try:
                    turn = await pace.turn(Lane.PIPELINE, company="Acme")
                except StoreUnavailable:
                    continue
                break
            print(turn.slot_us, flush=True)  # noqa: T201 - how the test is told

    await asyncio.gather(*(call() for _ in range(callers)))
    await redis.aclose()


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - how the test is told
    sys.stdin.readline()
    url, *numbers = sys.argv[1:]
    asyncio.run(_call(url, *map(int, numbers)))
    print("done", flush=True)  # noqa: T201 - how the test is told
