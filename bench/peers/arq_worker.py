"""arq: `python -m arq bench.peers.arq_worker.WorkerSettings`, 100 jobs at once."""

import os
from typing import Any, ClassVar

import aiohttp
from arq.connections import RedisSettings


async def startup(context: dict[str, Any]) -> None:
    """Open the client."""
    context["http"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def shutdown(context: dict[str, Any]) -> None:
    """Close it."""
    await context["http"].close()


async def buy(context: dict[str, Any], company: str) -> None:
    """Buy *company* over a kept connection."""
    url = os.environ["PEER_SELLER"]
    async with context["http"].post(url, json={"empresa": company}) as answer:
        answer.raise_for_status()
        await answer.json()


class WorkerSettings:
    """What arq reads."""

    functions: ClassVar = [buy]
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = RedisSettings.from_dsn(os.environ["PEER_BROKER"])
    max_jobs = 100
    queue_read_limit = 500
    poll_delay = 0.05
    keep_result = 0
