"""Idempotency keys: a repeated request finds what the first one became, and changes nothing."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import orjson
from redis.asyncio import Redis

from orchestrator.infra.lease import Renewal
from orchestrator.infra.redis_client import StoreUnavailable, load_script, store_errors
from orchestrator.jobs.errors import KeyInFlight, KeyReused
from orchestrator.jobs.keys import ROOT, idempotency_key, idempotency_name
from orchestrator.jobs.model import JsonObject, RequestKey

#: How long a key leads to the job that it was first used for: well beyond any client's retries.
IDEMPOTENCY_TTL: Final = timedelta(hours=24)
#: How long a key stays in flight after the process that had its request has died.
LEASE: Final = timedelta(seconds=15)
#: A digest that shows only when a request has been read, and a request without a job.
_UNKNOWN: Final = "-"
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Replay:
    """What the first request with a key became: its job, if it is one, and its note."""

    job_id: str | None
    note: JsonObject


class KeyedRequest:
    """A request with an idempotency key.

    `replay` is set for a repeated one. The first one is handed to the job's acceptance as `key`,
    and is in flight until it is `settled`, or the block is left.
    """

    def __init__(self, key: RequestKey, replay: Replay | None, keys: "IdempotencyKeys") -> None:
        self.key = key
        self.replay = replay
        self._keys = keys
        self._beat = contextlib.AsyncExitStack()

    async def settled(self, note: JsonObject, *, job_id: str | None = None) -> None:
        """Note what a repeated request is answered with beside the job."""
        await self._beat.aclose()
        key = self.key
        before = key.lease if job_id is None else f"{key.digest} {job_id}"
        after = f"{key.digest} {job_id or _UNKNOWN} {orjson.dumps(note).decode()}"
        await self._keys.replace(key.name, before, after, key.ttl)

    async def begin(self) -> None:
        """Keep the key in flight."""
        await self._beat.enter_async_context(self._keys.renewed(self.key))

    async def release(self) -> None:
        """Let the same key be used again, unless the request has become something."""
        await self._beat.aclose()
        # Without Redis the lease lapses.
        with contextlib.suppress(StoreUnavailable):
            await self._keys.replace(self.key.name, self.key.lease, "", self.key.ttl)


class IdempotencyKeys:
    """Remembers for *ttl* what the requests with a key became."""

    def __init__(
        self, redis: Redis, *, ttl: timedelta = IDEMPOTENCY_TTL, lease: timedelta = LEASE
    ) -> None:
        self._redis = redis
        self._ttl = ttl
        self._lease_ms = lease // _MS
        self._renewal = Renewal(redis, lease)
        self._begin = load_script(redis, "orchestrator.jobs", "job", "begin_request")
        self._replace = load_script(redis, "orchestrator.jobs", "replace")

    @contextlib.asynccontextmanager
    async def request(
        self, tenant: str, key: str, digest: str | None
    ) -> AsyncIterator[KeyedRequest]:
        """Hold *key* of *tenant* for the length of the block; one that raises gives it back.

        Args:
            tenant: Keys of different tenants are different keys.
            key: As the caller chose it.
            digest: Identity of the request; None where it shows only when the request has been
                read, and the job's acceptance compares the work itself.

        Raises:
            KeyReused: The key led to another request.
            KeyInFlight: The first request with the key has not been answered yet.
            StoreUnavailable: Redis is unavailable.
        """
        name = idempotency_name(tenant, key)
        lease = f"{digest or _UNKNOWN} ?{uuid.uuid4().hex}"
        with store_errors("job begin request"):
            found: bytes = await self._begin(
                keys=[ROOT],
                args=[self._ttl // _MS, name, digest or _UNKNOWN, lease, self._lease_ms],
            )
        if found == b"busy":
            raise KeyInFlight
        if found == b"reused":
            raise KeyReused
        if found:
            replay = None if digest is None else _replay(found.decode())
            yield KeyedRequest(RequestKey(name, self._ttl, digest or ""), replay, self)
            return
        keyed = KeyedRequest(RequestKey(name, self._ttl, digest or "", lease), None, self)
        await keyed.begin()
        try:
            yield keyed
        finally:
            await keyed.release()

    def renewed(self, key: RequestKey) -> contextlib.AbstractAsyncContextManager[object]:
        """Keep the lease of *key* from lapsing for the length of the block."""
        return self._renewal.keeping(idempotency_key(key.name), key.lease)

    async def replace(self, name: str, before: str, after: str, ttl: timedelta) -> None:
        """Replace a record, unless another request has done so."""
        with store_errors("job settle request"):
            await self._replace(keys=[idempotency_key(name)], args=[before, after, ttl // _MS])


def _replay(record: str) -> Replay:
    _, job_id, *note = record.split(" ", 2)
    return Replay(
        None if job_id == _UNKNOWN else job_id,
        orjson.loads(note[0]) if note else {},
    )
