"""One way to both stores: routes by key, bounds the time, counts hits, survives a lost Redis.

An unavailable Redis is no error here: reads miss, writes return False, and the log says so once a
minute, without keys or values, which carry tokens and personal data.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from enum import Enum
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.cache.hit_rate import count_lookup
from orchestrator.cache.keys import TTL_S, Kind, kind_of, names_results
from orchestrator.cache.stores import GatewayStore, ResultStore, Store
from orchestrator.cache.values import checked_ttl_s
from orchestrator.identity import entry_key, parse_name
from orchestrator.infra.counters import Counters
from orchestrator.infra.logs import ThrottledLog
from orchestrator.memo import CorruptEntry

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Seconds after which an answer is no longer worth waiting for: the source is faster.
PATIENCE_S: Final = 2.0


class Default(Enum):
    """Stands for the documented TTL of the key's kind, so that None can be refused."""

    TTL = "the documented TTL of the key's kind"


class Cache:
    """The documented cache over two databases. One per event loop; the clients stay open.

    `default_ttl` is for keys of no documented kind.
    """

    def __init__(
        self, memo_redis: Redis, gateway_redis: Redis, counters: Counters, *, default_ttl: timedelta
    ) -> None:
        self._results = ResultStore(memo_redis)
        self._values = GatewayStore(gateway_redis)
        self._counters = counters
        self._default_ttl_s = max(1, round(default_ttl.total_seconds()))
        self._throttled = ThrottledLog(log)

    async def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of *key*; None where there is none, or none that can be read."""
        kind = kind_of(key)
        return await self._ask("get", kind, self._look_up(kind, key), None)

    async def set(self, key: str, value: object, ttl: int | Default = Default.TTL) -> bool:
        """Store *value* for *ttl* seconds; False if it could not be stored.

        Raises:
            ValueError: *ttl* is no whole number of seconds from one to a year.
            TypeError: *value* has no JSON form, or no object where a result is one.
        """
        kind = kind_of(key)
        ttl_s = self._ttl_s(kind, ttl)
        return await self._done("set", kind, self._store(kind).set(key, value, ttl_s))

    async def set_result(self, name: str, result: dict[str, Any], ttl: int) -> bool:
        """Store *result* as SurfSense's answer about the company called *name*.

        Raises:
            InvalidCompanyName: The name has no key.
            ValueError, TypeError: As for `set`.
        """
        company, ttl_s = parse_name(name), checked_ttl_s(ttl)
        stored = self._results.put(
            entry_key(company.key), result, ttl_s, company=company.display_name
        )
        return await self._done("set", Kind.SURFSENSE, stored)

    async def delete(self, key: str) -> bool:
        """Remove *key*; True says that it is gone, False that Redis could not be asked."""
        kind = kind_of(key)
        return await self._done("delete", kind, self._store(kind).delete(key))

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all keys that match the glob *pattern*, in batches, not blocking the server.

        SurfSense results are paid for: only a pattern that begins with `surfsense:` removes
        them, and then no purchase under way can bring them back.

        Returns:
            How many there were; 0 if Redis is unavailable.
        """
        store: Store = self._results if names_results(pattern) else self._values
        # As long as it takes: each single command is bounded by the client.
        work = store.invalidate_pattern(pattern)
        return await self._ask("invalidate_pattern", kind_of(pattern), work, 0, patience_s=None)

    def _store(self, kind: Kind) -> Store:
        return self._results if kind is Kind.SURFSENSE else self._values

    def _ttl_s(self, kind: Kind, ttl: int | Default) -> int:
        if ttl is Default.TTL:
            return TTL_S.get(kind, self._default_ttl_s)
        return checked_ttl_s(ttl)

    async def _look_up(self, kind: Kind, key: str) -> Any:  # noqa: ANN401 - any JSON value
        try:
            value = await self._store(kind).get(key)
        except CorruptEntry as corrupt:
            self._throttled.warning("cache.value_corrupt", kind=kind, reason=corrupt.reason)
            value = None
        count_lookup(self._counters, kind, hit=value is not None)
        return value

    async def _done(self, operation: str, kind: Kind, work: Awaitable[None]) -> bool:
        async def done() -> bool:
            await work
            return True

        return await self._ask(operation, kind, done(), False)

    async def _ask(
        self,
        operation: str,
        kind: Kind,
        work: Awaitable[T],
        otherwise: T,
        *,
        patience_s: float | None = PATIENCE_S,
    ) -> T:
        """Return what *work* returns, or *otherwise* if Redis does not answer in time."""
        try:
            async with asyncio.timeout(patience_s):
                return await work
        except (RedisError, OSError) as error:
            self._throttled.warning(
                "cache.redis_away", operation=operation, kind=kind, error=type(error).__name__
            )
            return otherwise
