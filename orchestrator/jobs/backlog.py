"""How much waits in each lane, and since when: what autoscaling looks at."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis

from orchestrator.infra.slots import Lane
from orchestrator.jobs.damage import undamaged
from orchestrator.jobs.keys import LaneKeys


@dataclass(frozen=True, slots=True)
class LaneBacklog:
    """What waits in one lane: chunks that no worker has, of jobs that are not paused.

    `oldest` is how long ago the oldest of those jobs was accepted, zero without one. `held` counts
    chunks in workers' hands, and those that rest because a server is unavailable.
    """

    lane: Lane
    chunks: int
    jobs: int
    oldest: timedelta
    held: int


class Backlog:
    """Reads what is counted where it changes: one round trip, however much waits."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def lanes(self) -> list[LaneBacklog]:
        """Return the backlog of every lane.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        *found, (seconds, micros) = await undamaged(self._redis, "job backlog", self._read)
        now_ms = seconds * 1000 + micros // 1000
        each = (found[start : start + 4] for start in range(0, len(found), 4))
        return [
            LaneBacklog(lane, _number(chunks), jobs, _age(oldest, now_ms), held)
            for lane, (chunks, jobs, oldest, held) in zip(Lane, each, strict=True)
        ]

    async def _read(self) -> list[Any]:
        pipe = self._redis.pipeline(transaction=True)
        for lane in Lane:
            keys = LaneKeys(lane)
            pipe.hget(keys.backlog, "chunks")
            pipe.zcard(keys.waiting)
            pipe.zrange(keys.waiting, 0, 0, withscores=True)
            pipe.zcard(keys.held)
        pipe.time()
        return await pipe.execute()


def _number(text: bytes | None) -> int:
    """Return a count; 0 for what no script of ours has written."""
    return int(text) if text is not None and text.isdigit() else 0


def _age(oldest: object, now_ms: int) -> timedelta:
    found = cast("list[tuple[bytes, float]]", oldest)
    return timedelta(milliseconds=max(0, now_ms - int(found[0][1]))) if found else timedelta(0)
