"""Asks every Redis server that the settings name about itself."""

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
from orchestrator.doctor.finding import Finding, fault
from orchestrator.doctor.redis_verdict import (
    judge_databases,
    judge_password,
    judge_server,
    read_facts,
)
from orchestrator.settings import Settings

#: Which setting names the database of each purpose.
_VARIABLES = {
    "memo": "REDIS_URL",
    "jobs": "REDIS_URL",
    "gateway": "GATEWAY_REDIS_URL",
    "broker": "CELERY_BROKER_URL",
}


async def check_redis(settings: Settings) -> list[Finding]:
    """Examine each database once, and each server once more as a whole."""
    urls = _urls(settings)
    addresses = {purpose: read_address(url) for purpose, url in urls.items()}
    findings = [judge_databases(addresses.items())]
    examined: set[str] = set()
    # The gateway last: a server that it shares is examined as one that holds work.
    for purpose, address in addresses.items():
        async with open_redis(urls[purpose]) as client:
            unusable = await _reach(client, purpose, address)
            if unusable is not None:
                findings.append(unusable)
            elif address.server not in examined:
                examined.add(address.server)
                findings += judge_password(address)
                findings += await _examine(client, address, holds_work=purpose != "gateway")
    return findings


def _urls(settings: Settings) -> dict[str, str]:
    urls = {"memo": settings.redis_memo_url, "jobs": settings.redis_jobs_url}
    if is_redis(settings.broker_url):
        urls["broker"] = settings.broker_url
    return urls | {"gateway": settings.redis_gateway_url}


async def _reach(client: Redis, purpose: str, address: RedisAddress) -> Finding | None:
    check, variable = f"redis {address}", _VARIABLES[purpose]
    try:
        await client.ping()
    except AuthenticationError:
        return fault(check, f"refuses the password ({purpose})", f"Correct it in {variable}.")
    except BusyLoadingError:
        return fault(check, "is still loading its data", "Wait until it has, then ask again.")
    except ResponseError:
        fix = "Raise `databases` in the server's configuration to 16, its default."
        return fault(check, f"has no database {address.database} ({purpose})", fix)
    except (RedisError, OSError) as error:
        what = f"cannot be reached ({purpose}, {type(error).__name__})"
        return fault(check, what, f"Start the server, or correct {variable}.")
    return None


async def _examine(client: Redis, address: RedisAddress, *, holds_work: bool) -> list[Finding]:
    info = await client.info()
    facts = read_facts(info, await _append_fsync(client))
    return judge_server(address.server, facts, holds_work=holds_work)


async def _append_fsync(client: Redis) -> str:
    """Return the setting, or an empty text where a managed server keeps it to itself."""
    try:
        settings = cast("dict[str, str]", await client.config_get("appendfsync"))
    except (NoPermissionError, ResponseError):
        return ""
    return settings.get("appendfsync", "")
