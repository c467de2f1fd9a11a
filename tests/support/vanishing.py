"""Workers that take a chunk and are never heard of again."""

from redis.asyncio import Redis

from orchestrator.infra.redis_client import load_script
from orchestrator.jobs import Lane
from orchestrator.jobs.stored import ROOT


async def vanish_with_a_chunk(
    jobs_redis: Redis, lane: Lane = Lane.PIPELINE, *, lease_ms: int = 1
) -> int | None:
    """Take the next chunk and renew nothing; return how many have vanished with it before.

    None if there was nothing to take.
    """
    take = load_script(jobs_redis, "orchestrator.jobs", "job", "take")
    taken = await take(keys=[ROOT], args=[3_600_000, lane, "vanished", lease_ms])
    return None if taken is None else int(taken[2])
