"""Compares this machine's clock with those of the servers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from redis.exceptions import RedisError

from orchestrator.database import DatabaseUnavailable, database_time, open_engine
from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.infra.clock import ahead_of
from orchestrator.infra.connections import open_redis, redis_time
from orchestrator.settings import ConfigurationError, Settings

#: What is wrong by this much makes certificates and signatures invalid sooner or later.
BAD: Final = timedelta(seconds=60)
_CHECK: Final = "clock"


async def check_clocks(settings: Settings) -> list[Finding]:
    """Ask Redis and the database for the time; a server that is away is a finding of its own."""
    found = await asyncio.gather(_compare_redis(settings), _compare_database(settings))
    return [judge_clock(name, ahead) for name, ahead in found if ahead is not None]


async def _compare_redis(settings: Settings) -> tuple[str, timedelta | None]:
    async with open_redis(settings.redis_jobs_url) as client:
        return "Redis", await _ahead_of(partial(redis_time, client))


async def _compare_database(settings: Settings) -> tuple[str, timedelta | None]:
    try:
        engine = open_engine(settings.database_url.get_secret_value())
    except ConfigurationError:
        return "the database", None
    try:
        if engine.dialect.name == "sqlite":  # it has the clock of this machine
            return "the database", None
        return "the database", await _ahead_of(partial(database_time, engine))
    finally:
        await engine.dispose()


async def _ahead_of(server: Callable[[], Awaitable[datetime]]) -> timedelta | None:
    try:
        return await ahead_of(server)
    except (RedisError, DatabaseUnavailable, OSError):
        return None


def judge_clock(server: str, ahead: timedelta, who: str = "this machine") -> Finding:
    """Judge by how much the clock of *who* is ahead of the *server*'s. Pure."""
    if not ahead:
        return ok(_CHECK, f"{who} agrees with {server}")
    seconds = abs(ahead).total_seconds()
    way = "ahead of" if ahead > timedelta(0) else "behind"
    what = f"the clock of {who} is {seconds:,.0f} s {way} that of {server}"
    judge = fault if abs(ahead) >= BAD else warning
    return judge(_CHECK, what, "Synchronize the clocks of all machines (NTP).")
