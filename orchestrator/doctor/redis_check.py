"""Asks every Redis server that the settings name about itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from orchestrator.connections import open_redis
from orchestrator.doctor.address import RedisAddress, is_redis, read_address
from orchestrator.doctor.durability import check_durability
from orchestrator.doctor.finding import Finding, fault
from orchestrator.doctor.redis_verdict import (
    judge_databases,
    judge_password,
    judge_server,
    read_facts,
)
from orchestrator.memo import Durability
from orchestrator.settings import Settings

#: Which setting names the database of each purpose.
_VARIABLES = {
    "memo": "REDIS_URL",
    "jobs": "REDIS_URL",
    "gateway": "GATEWAY_REDIS_URL",
    "broker": "CELERY_BROKER_URL",
}


@dataclass(frozen=True, slots=True)
class _Database:
    purpose: str
    url: str = field(repr=False)
    address: RedisAddress


async def check_redis(settings: Settings) -> list[Finding]:
    """Examine each server as a whole, and whether each database on it can be used."""
    databases = _databases(settings)
    servers: dict[str, list[_Database]] = {}
    for database in databases:
        servers.setdefault(database.address.server, []).append(database)
    wanted = Durability(settings.intent_durability)
    results = await asyncio.gather(*(_check_server(group, wanted) for group in servers.values()))
    shared = judge_databases((database.purpose, database.address) for database in databases)
    return [shared, *(finding for result in results for finding in result)]


def _databases(settings: Settings) -> list[_Database]:
    urls = {"memo": settings.redis_memo_url, "jobs": settings.redis_jobs_url}
    if is_redis(settings.broker_url):
        urls["broker"] = settings.broker_url
    urls["gateway"] = settings.redis_gateway_url
    return [_Database(purpose, url, read_address(url)) for purpose, url in urls.items()]


async def _check_server(databases: Sequence[_Database], wanted: Durability) -> list[Finding]:
    """Examine one server; what makes its first database unusable is said once, for all."""
    for database in databases:
        async with open_redis(database.url) as client:
            unusable = await _reach(client, database)
        if unusable is not None:
            return [unusable]
    first = databases[0]
    async with open_redis(first.url) as client:
        facts = read_facts(await client.info(), await _append_fsync(client))
        confirming = []
        if first.purpose == "memo":
            check = f"redis {first.address.server}"
            confirming = await check_durability(check, client, facts, wanted)
    holds_work = any(database.purpose != "gateway" for database in databases)
    return [
        *judge_password(first.address),
        *judge_server(first.address.server, facts, holds_work=holds_work),
        *confirming,
    ]


async def _reach(client: Redis, database: _Database) -> Finding | None:
    check, purpose = f"redis {database.address}", database.purpose
    variable = _VARIABLES[purpose]
    try:
        await client.ping()
    except AuthenticationError:
        return fault(check, f"refuses the password ({purpose})", f"Correct it in {variable}.")
    except BusyLoadingError:
        return fault(check, "is still loading its data", "Wait until it has, then ask again.")
    except ResponseError:
        fix = "Raise `databases` in the server's configuration to 16, its default."
        return fault(check, f"has no database {database.address.database} ({purpose})", fix)
    except (RedisError, OSError) as error:
        what = f"cannot be reached ({purpose}, {type(error).__name__})"
        return fault(check, what, f"Start the server, or correct {variable}.")
    return None


async def _append_fsync(client: Redis) -> str:
    """Return the setting, or an empty text where a managed server keeps it to itself."""
    try:
        settings = cast("dict[str, str]", await client.config_get("appendfsync"))
    except (NoPermissionError, ResponseError):
        return ""
    return settings.get("appendfsync", "")
