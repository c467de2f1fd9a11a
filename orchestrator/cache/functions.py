"""The documented functions, for services that call them without building anything.

They need `REDIS_URL` (and `GATEWAY_REDIS_URL`, `REDIS_TTL` if set) and share one `Cache` per
event loop, opened on first use and closed with the loop or by `close_cache`. All of them
raise `ConfigurationError` where `REDIS_URL` is missing; a Redis that is unavailable is no error.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from orchestrator.cache.cache import Cache, Default
from orchestrator.cache.keys import (
    TTL_S,
    Kind,
    dashboard_key,
    lead_key,
    oportunidad_key,
    session_key,
)
from orchestrator.identity import company_key, entry_key
from orchestrator.infra.counters import Counters
from orchestrator.infra.redis_client import open_redis
from orchestrator.settings import RedisSettings, load_redis


async def get_cache(key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of *key*, or None. Reading a session extends it."""
    return await (await _cache()).get(key)


async def set_cache(key: str, value: object, ttl: int | Default = Default.TTL) -> bool:
    """Store *value* as JSON for *ttl* seconds; False if Redis is unavailable.

    Args:
        key: What the key's prefix means decides where it is stored, and its usual TTL.
        value: Anything that has a JSON form; for `surfsense:*` an object.
        ttl: The documented one of the key's kind unless given, `REDIS_TTL` for other keys.

    Raises:
        ValueError: *ttl* is no whole number of seconds from one to a year.
        TypeError: *value* has no JSON form.
    """
    return await (await _cache()).set(key, value, ttl)


async def delete_cache(key: str) -> bool:
    """Remove *key*; True says that it is gone, False that Redis could not be asked."""
    return await (await _cache()).delete(key)


async def invalidate_pattern(pattern: str) -> int:
    """Remove all keys that match the glob *pattern*; return how many there were.

    SurfSense results go only by a pattern that begins with `surfsense:`.
    """
    return await (await _cache()).invalidate_pattern(pattern)


async def cache_lead(id: UUID | str, data: object) -> bool:  # noqa: A002 - the documented name
    """Keep a lead for an hour; False if Redis is unavailable."""
    return await set_cache(lead_key(id), data)


async def get_cached_lead(id: UUID | str) -> Any:  # noqa: A002, ANN401 - the documented name; JSON
    """Return the lead, or None."""
    return await get_cache(lead_key(id))


async def cache_oportunidad(id: UUID | str, data: object) -> bool:  # noqa: A002 - documented name
    """Keep an opportunity for an hour; False if Redis is unavailable."""
    return await set_cache(oportunidad_key(id), data)


async def get_cached_oportunidad(id: UUID | str) -> Any:  # noqa: A002, ANN401 - as for a lead
    """Return the opportunity, or None."""
    return await get_cache(oportunidad_key(id))


async def cache_surfsense_result(
    name: str, result: dict[str, Any], ttl: int = TTL_S[Kind.SURFSENSE]
) -> bool:
    """Keep *result* as what SurfSense says about the company called *name*.

    The pipeline serves it like an answer of its own, at no cost; False if Redis is unavailable.

    Raises:
        InvalidCompanyName: The name is blank.
        ValueError: *ttl* is no whole number of seconds from one to a year.
        TypeError: *result* is not a JSON object.
    """
    return await (await _cache()).set_result(name, result, ttl)


async def get_cached_surfsense_result(name: str) -> dict[str, Any] | None:
    """Return SurfSense's fresh answer about the company called *name*, whoever stored it.

    None where nothing is known, including that SurfSense knows no such company, or several.

    Raises:
        InvalidCompanyName: The name is blank.
    """
    answer: dict[str, Any] | None = await get_cache(entry_key(company_key(name)))
    return answer


async def cache_dashboard_metrics(view: str, data: object) -> bool:
    """Keep the metrics of one dashboard view for five minutes; False if Redis is unavailable."""
    return await set_cache(dashboard_key(view), data)


async def get_cached_dashboard_metrics(view: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the view's metrics, or None."""
    return await get_cache(dashboard_key(view))


async def cache_session(token: str, data: object) -> bool:
    """Keep a session until half an hour passes in which nobody reads it."""
    return await set_cache(session_key(token), data)


async def get_cached_session(token: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the session and extend it, or None."""
    return await get_cache(session_key(token))


@asynccontextmanager
async def open_cache(settings: RedisSettings) -> AsyncIterator[Cache]:
    """Open a cache of one's own; its counts are written and its connections closed at the end."""
    async with AsyncExitStack() as stack:

        def client(url: str) -> Redis:
            redis = open_redis(url)
            stack.push_async_callback(redis.aclose)
            return redis

        counters = Counters(client(settings.redis_jobs_url))
        memo, gateway = client(settings.redis_memo_url), client(settings.redis_gateway_url)
        stack.push_async_callback(counters.aclose)
        yield Cache(memo, gateway, counters, default_ttl=settings.redis_ttl)


@dataclass(frozen=True, slots=True)
class _Bound:
    cache: Cache
    # Holds an asynchronous generator that the loop knows of: `shutdown_asyncgens`, which
    # asyncio.run and every runner call at their end, closes what nobody else has closed.
    lifetime: AbstractAsyncContextManager[Cache]


_bound: dict[asyncio.AbstractEventLoop, _Bound] = {}


async def close_cache() -> None:
    """Write the counts and close the connections of the running loop; a later call reopens."""
    bound = _bound.pop(asyncio.get_running_loop(), None)
    if bound is not None:
        await bound.lifetime.__aexit__(None, None, None)


async def _cache() -> Cache:
    loop = asyncio.get_running_loop()
    bound = _bound.get(loop)
    if bound is None:
        for closed in [known for known in list(_bound) if known.is_closed()]:
            _bound.pop(closed, None)
        lifetime = open_cache(load_redis())
        # Does not suspend, so no other task can open a second one meanwhile.
        bound = _bound[loop] = _Bound(await lifetime.__aenter__(), lifetime)
    return bound.cache
