"""What the server says it was asked: counts of commands since `forget_commands`."""

from redis.asyncio import Redis

from tests.support.async_waiting import eventually


async def forget_commands(redis: Redis) -> None:
    """Set all counts to zero."""
    await redis.config_resetstat()


async def commands(redis: Redis, name: str) -> int:
    """Return how often *name* was carried out since."""
    stats = (await redis.info("commandstats")).get(f"cmdstat_{name}", {})
    return int(stats.get("calls", 0)) - int(stats.get("failed_calls", 0))


async def scripts_have_run(redis: Redis, count: int) -> None:
    """Wait until *count* scripts have run since: callers that lead or follow have begun."""

    async def have_run() -> bool:
        return await commands(redis, "evalsha") >= count

    await eventually(have_run, f"{count} scripts have run")
