"""The platform's documented cache: leads, opportunities, SurfSense results, dashboards, sessions.

Other services import these functions; names, keys, TTLs and databases are a contract
(docs/architecture.md). They need `REDIS_URL` (and `GATEWAY_REDIS_URL`, `REDIS_TTL` if set) and
share one `Cache` per event loop, opened on first use and closed with the loop or by `close_cache`.

Values are JSON, and nothing is stored without a TTL. A missing `REDIS_URL` raises
`ConfigurationError`. An unavailable Redis is no error: reads miss, writes return False, and the log
has one line a minute, without keys or values, which contain tokens and personal data.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any, Final, Protocol, TypeVar, cast
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.fence import FENCE_PREFIX, SharedRows
from orchestrator.identity import SURFSENSE_PREFIX, company_key, entry_key, parse_name
from orchestrator.infra.counters import Counters, lookup_count
from orchestrator.infra.logs import ThrottledLog
from orchestrator.infra.redis_client import open_redis, scan_batches
from orchestrator.memo import CorruptEntry, Entry
from orchestrator.memo.entry import decode, encode
from orchestrator.memo.store import Scripts
from orchestrator.settings import RedisSettings, load_redis

__all__ = [
    "LONGEST_TTL_S",
    "TTL_S",
    "Cache",
    "Default",
    "HitRate",
    "Kind",
    "ResultStore",
    "cache_dashboard_metrics",
    "cache_lead",
    "cache_oportunidad",
    "cache_session",
    "cache_surfsense_result",
    "close_cache",
    "count_lookup",
    "delete_cache",
    "get_cache",
    "get_cached_dashboard_metrics",
    "get_cached_lead",
    "get_cached_oportunidad",
    "get_cached_session",
    "get_cached_surfsense_result",
    "hit_rates",
    "invalidate_pattern",
    "open_cache",
    "set_cache",
]

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Seconds after which a lookup gives up: the source of the value is faster.
PATIENCE_S: Final = 2.0
#: Longest TTL that is accepted.
LONGEST_TTL_S: Final = 365 * 24 * 3600
#: Never removed by a pattern, should one database serve several purposes against all advice:
#: paid results, running purchases, accepted work, budgets and counts.
_NOT_CACHED_HERE: Final = (
    b"surfsense:",
    b"memo1:",
    b"jobs1:",
    b"budget1:",
    b"pace1:",
    b"counters1:",
    FENCE_PREFIX.encode(),
)
#: The memo's status of an answer about the company that was asked for.
_FOUND: Final = "found"
#: Signs entries that no flight has bought. No flight's token looks like it.
_WRITTEN_BY: Final = "cache"


class Kind(StrEnum):
    """What a key holds, read from its prefix; each kind has hit and miss counters of its own."""

    LEAD = "lead"
    OPORTUNIDAD = "oportunidad"
    SURFSENSE = "surfsense"
    DASHBOARD = "dashboard"
    SESSION = "session"
    OTHER = "other"


_PREFIXES: Final = {
    Kind.LEAD: "lead:",
    Kind.OPORTUNIDAD: "oportunidad:",
    Kind.SURFSENSE: SURFSENSE_PREFIX,
    Kind.DASHBOARD: "dashboard:metrics:",
    Kind.SESSION: "user:session:",
}
#: Seconds that a value of each kind lives; other keys live for `REDIS_TTL`.
TTL_S: Final = {
    Kind.LEAD: 3600,
    Kind.OPORTUNIDAD: 3600,
    Kind.SURFSENSE: 7200,
    Kind.DASHBOARD: 300,
    Kind.SESSION: 1800,
}


#: Rows of the gateway: a fence says which version is the latest (`orchestrator.fence`).
_ROWS: Final = frozenset({Kind.LEAD, Kind.OPORTUNIDAD})


class Default(Enum):
    """Stands for the documented TTL of the key's kind, so that None can be refused."""

    TTL = "the documented TTL of the key's kind"


async def get_cache(key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of *key*, or None. Reading a session extends it."""
    return await (await _cache()).get(key)


async def set_cache(key: str, value: object, ttl: int | Default = Default.TTL) -> bool:
    """Store *value* as JSON for *ttl* seconds; False if it is not stored: Redis is unavailable.

    A lead or an opportunity is not stored either while the gateway writes it, nor if it has another
    `version` than the latest that the gateway knows.

    Args:
        key: Its prefix decides where it is stored, and its usual TTL.
        value: Anything that has a JSON form; for `surfsense:*` an object.
        ttl: The documented one of the key's kind unless given, `REDIS_TTL` for other keys.

    Raises:
        ValueError: *ttl* is no whole number of seconds from one to a year.
        TypeError: *value* has no JSON form.
    """
    return await (await _cache()).set(key, value, ttl)


async def delete_cache(key: str) -> bool:
    """Remove *key*; True if it is removed, False if Redis is unavailable.

    After True the gateway stores nothing under it that it has read before.
    """
    return await (await _cache()).delete(key)


async def invalidate_pattern(pattern: str) -> int:
    """Remove all keys that match the glob *pattern*; return how many there were.

    SurfSense results are removed only by a pattern that begins with `surfsense:`.
    """
    return await (await _cache()).invalidate_pattern(pattern)


async def cache_lead(id: UUID | str, data: object) -> bool:  # noqa: A002 - the documented name
    """Keep a lead for an hour; False if it is not kept, as `set_cache` says.

    Only *data* with its `version`, as `GET /leads/{id}` answers it, is certain not to be older
    than an acknowledged write.
    """
    return await set_cache(key_of(Kind.LEAD, id), data)


async def get_cached_lead(id: UUID | str) -> Any:  # noqa: A002, ANN401 - the documented name; JSON
    """Return the lead, or None."""
    return await get_cache(key_of(Kind.LEAD, id))


async def cache_oportunidad(id: UUID | str, data: object) -> bool:  # noqa: A002 - documented name
    """Keep an opportunity for an hour; False if it is not kept. As for a lead."""
    return await set_cache(key_of(Kind.OPORTUNIDAD, id), data)


async def get_cached_oportunidad(id: UUID | str) -> Any:  # noqa: A002, ANN401 - as for a lead
    """Return the opportunity, or None."""
    return await get_cache(key_of(Kind.OPORTUNIDAD, id))


async def cache_surfsense_result(
    name: str, result: dict[str, Any], ttl: int = TTL_S[Kind.SURFSENSE]
) -> bool:
    """Keep *result* as SurfSense's answer about the company called *name*.

    The pipeline serves it like an answer that it bought, at no cost; False if Redis is unavailable.

    Raises:
        InvalidCompanyName: The name is blank.
        ValueError: *ttl* is no whole number of seconds from one to a year.
        TypeError: *result* is not a JSON object.
    """
    return await (await _cache()).set_result(name, result, ttl)


async def get_cached_surfsense_result(name: str) -> dict[str, Any] | None:
    """Return SurfSense's fresh answer about the company called *name*, whichever process stored it.

    None without an answer, and where SurfSense knows no such company, or several.

    Raises:
        InvalidCompanyName: The name is blank.
    """
    answer: dict[str, Any] | None = await get_cache(entry_key(company_key(name)))
    return answer


async def cache_dashboard_metrics(view: str, data: object) -> bool:
    """Keep the metrics of one dashboard view for five minutes; False if Redis is unavailable."""
    return await set_cache(key_of(Kind.DASHBOARD, view), data)


async def get_cached_dashboard_metrics(view: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the view's metrics, or None."""
    return await get_cache(key_of(Kind.DASHBOARD, view))


async def cache_session(token: str, data: object) -> bool:
    """Keep a session until it has not been read for half an hour; False if Redis is unavailable."""
    return await set_cache(key_of(Kind.SESSION, token), data)


async def get_cached_session(token: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the session and extend it, or None."""
    return await get_cache(key_of(Kind.SESSION, token))


@asynccontextmanager
async def open_cache(settings: RedisSettings) -> AsyncIterator["Cache"]:
    """Open a separate cache; its counts are written and its connections closed at the end."""
    async with AsyncExitStack() as stack:

        def client(url: str) -> Redis:
            redis = open_redis(url)
            stack.push_async_callback(redis.aclose)
            return redis

        counters = Counters(client(settings.redis_jobs_url))
        memo, gateway = client(settings.redis_memo_url), client(settings.redis_gateway_url)
        stack.push_async_callback(counters.aclose)
        yield Cache(memo, gateway, counters, default_ttl=settings.redis_ttl)


async def close_cache() -> None:
    """Write the counts and close the connections of the running loop; a later call reopens."""
    bound = _bound.pop(asyncio.get_running_loop(), None)
    if bound is not None:
        await bound.lifetime.__aexit__(None, None, None)


@dataclass(frozen=True, slots=True)
class HitRate:
    """Lookups of one kind that were answered, and all lookups of it."""

    kind: Kind
    hits: int
    lookups: int

    @property
    def share(self) -> float:
        """Hits by lookups, from 0 to 1."""
        return self.hits / self.lookups


def count_lookup(counters: Counters, kind: Kind, *, hit: bool, n: int = 1) -> None:
    """Count *n* lookups of *kind*."""
    counters.add(lookup_count(kind, hit=hit), n)


def hit_rates(counts: Mapping[str, int]) -> list[HitRate]:
    """Return one rate for each kind that was looked up, in the order of `Kind`.

    Args:
        counts: By name, as `Counters.read` returns them.
    """
    rates = []
    for kind in Kind:
        hits = counts.get(lookup_count(kind, hit=True), 0)
        lookups = hits + counts.get(lookup_count(kind, hit=False), 0)
        if lookups:
            rates.append(HitRate(kind, hits, lookups))
    return rates


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
        """Return the value of *key*; None where there is none, or an unreadable one."""
        kind = kind_of(key)
        return await self._ask("get", kind, self._look_up(kind, key), None)

    async def set(self, key: str, value: object, ttl: int | Default = Default.TTL) -> bool:
        """Store *value* for *ttl* seconds; False if it could not be stored.

        Raises:
            ValueError: *ttl* is no whole number of seconds from one to a year.
            TypeError: *value* has no JSON form, or no object where a result is one.
        """
        kind = kind_of(key)
        is_default = ttl is Default.TTL
        ttl_s = TTL_S.get(kind, self._default_ttl_s) if is_default else checked_ttl_s(ttl)
        return await self._ask("set", kind, self._store(kind).set(key, value, ttl_s), False)

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
        return await self._attempt("set", Kind.SURFSENSE, stored)

    async def delete(self, key: str) -> bool:
        """Remove *key*; True if it is removed, False if Redis is unavailable."""
        kind = kind_of(key)
        return await self._attempt("delete", kind, self._store(kind).delete(key))

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all keys that match the glob *pattern*, in batches that do not block the server.

        SurfSense results are paid for: only a pattern that begins with `surfsense:` removes them
        (`*` does not), and then no purchase in flight can store them again.

        Returns:
            How many there were; 0 if Redis is unavailable.
        """
        store: Store = self._results if names_results(pattern) else self._values
        # Without a limit in all: each single command is bounded by the client.
        work = store.invalidate_pattern(pattern)
        return await self._ask("invalidate_pattern", kind_of(pattern), work, 0, patience_s=None)

    def _store(self, kind: Kind) -> "Store":
        return self._results if kind is Kind.SURFSENSE else self._values

    async def _look_up(self, kind: Kind, key: str) -> Any:  # noqa: ANN401 - any JSON value
        try:
            value = await self._store(kind).get(key)
        except CorruptEntry as corrupt:
            self._throttled.warning("cache.value_corrupt", kind=kind, reason=corrupt.reason)
            value = None
        count_lookup(self._counters, kind, hit=value is not None)
        return value

    async def _attempt(self, operation: str, kind: Kind, work: Awaitable[None]) -> bool:
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


class Store(Protocol):
    """One database of cached values. Raises what redis-py raises, and `CorruptEntry`."""

    async def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of *key*, or None."""

    async def set(self, key: str, value: object, ttl_s: int) -> bool:
        """Store *value* for *ttl_s* seconds; False if it may be out of date."""

    async def delete(self, key: str) -> None:
        """Remove *key*, if it exists."""

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all keys that match the glob *pattern*; return how many there were."""


class GatewayStore:
    """Leads, opportunities, dashboards, sessions and other values of services: plain JSON."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rows = SharedRows(redis)

    async def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of *key*, or None; the TTL of a session begins anew.

        Raises:
            CorruptEntry: It is not JSON.
        """
        if kind_of(key) is Kind.SESSION:
            stored = await self._redis.getex(key, ex=TTL_S[Kind.SESSION])
        else:
            stored = await self._redis.get(key)
        return None if stored is None else from_json(key, cast("bytes", stored))  # never decoded

    async def set(self, key: str, value: object, ttl_s: int) -> bool:
        """Store *value* as JSON; UUIDs, dates and dataclasses become text and objects."""
        if kind_of(key) in _ROWS:
            return await self._rows.put(key, orjson.dumps(_version_first(value)), ttl_s * 1000)
        await self._redis.set(key, orjson.dumps(value), ex=ttl_s)
        return True

    async def delete(self, key: str) -> None:
        """Remove *key*, if it exists."""
        if kind_of(key) in _ROWS:
            await self._rows.drop(key)
        else:
            await self._redis.unlink(key)

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all keys that match the glob *pattern*; return how many there were."""
        removed = 0
        if kind_of(pattern) in {*_ROWS, Kind.OTHER}:
            await self._rows.forget(pattern)
        async for batch in scan_batches(self._redis, pattern):
            cached = [key for key in batch if not key.startswith(_NOT_CACHED_HERE)]
            if cached:
                removed += await self._redis.unlink(*cached)
        return removed


class ResultStore:
    """SurfSense results, in the form in which the memo keeps and serves them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)

    async def get(self, key: str) -> Any:  # noqa: ANN401 - as SurfSense answered
        """Return SurfSense's answer about a company that it has found, else None."""
        stored = await self._redis.get(key)
        if stored is None:
            return None
        entry = decode(key, cast("bytes", stored))  # the client never decodes
        return entry.payload.get("answer") if entry.status == _FOUND else None

    async def set(self, key: str, value: object, ttl_s: int) -> bool:
        """Store *value*, a JSON object, as the answer about the company of *key*."""
        await self.put(key, value, ttl_s, company=key.removeprefix(SURFSENSE_PREFIX))
        return True

    async def put(self, key: str, answer: object, ttl_s: int, *, company: str) -> None:
        """Store *answer* about *company*, free of charge, as if SurfSense had found it.

        Raises:
            TypeError: *answer* is not a JSON object.
        """
        if not isinstance(answer, dict):
            raise TypeError(f"a SurfSense result is a JSON object, not {type(answer).__name__}")
        seconds, micros = await self._redis.time()
        now_ms = seconds * 1000 + micros // 1000
        payload = {"answer": answer, "company": company, "cost_micros": 0}
        expires_at_ms = now_ms + timedelta(seconds=ttl_s) // timedelta(milliseconds=1)
        stored = encode(Entry(_FOUND, payload, now_ms, expires_at_ms), token=_WRITTEN_BY)
        await self._redis.set(key, stored, pxat=expires_at_ms)

    async def delete(self, key: str) -> None:
        """Remove *key*; a purchase in flight can not store it again."""
        await self._scripts.invalidate([key])

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all matching results for good; return how many there were."""
        return await self._scripts.invalidate_pattern(pattern)


def kind_of(key: str) -> Kind:
    """Return what *key* holds."""
    return next((kind for kind, prefix in _PREFIXES.items() if key.startswith(prefix)), Kind.OTHER)


def key_of(kind: Kind, name: UUID | str) -> str:
    """Return a documented key. A session's contains its token: never log it."""
    text = str(name)
    # Capitals in the id of a lead or an opportunity make no difference.
    is_id = kind in {Kind.LEAD, Kind.OPORTUNIDAD}
    return _PREFIXES[kind] + (text.lower() if is_id else text)


def from_json(key: str, stored: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value that was stored as JSON under *key*.

    Raises:
        CorruptEntry: It is not JSON.
    """
    try:
        return orjson.loads(stored)
    except orjson.JSONDecodeError as error:
        raise CorruptEntry(key, "not JSON") from error


def _version_first(value: object) -> object:
    """Return *value* with its version where a fence looks for it, if it has one."""
    if isinstance(value, dict) and type(value.get("version")) is int:
        return {"version": value["version"], **value}
    return value


def names_results(pattern: str) -> bool:
    """Return whether the glob *pattern* means SurfSense results, and nothing else."""
    return pattern.startswith((SURFSENSE_PREFIX, "surfsense*"))


def checked_ttl_s(ttl: object) -> int:
    """Return *ttl* if it is a whole number of seconds, from one to a year.

    Raises:
        ValueError: It is not; nothing is stored without a TTL.
    """
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 0 < ttl <= LONGEST_TTL_S:
        raise ValueError(
            f"ttl must be a whole number of seconds from 1 to {LONGEST_TTL_S}, not {ttl!r}: "
            "everything that is cached expires"
        )
    return ttl


@dataclass(frozen=True, slots=True)
class _Bound:
    cache: Cache
    # Holds an asynchronous generator that the loop knows: `shutdown_asyncgens`, which asyncio.run
    # and every runner call at their end, closes it where `close_cache` was not called.
    lifetime: AbstractAsyncContextManager[Cache]


_bound: dict[asyncio.AbstractEventLoop, _Bound] = {}


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
