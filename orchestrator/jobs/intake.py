"""Accepts jobs: stored part by part in bounded memory, then visible at once.

A request repeated with its idempotency key finds what the first one became, and changes nothing.
"""

import asyncio
import contextlib
import uuid
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from orchestrator.infra.lease import Renewal
from orchestrator.infra.redis_client import StoreFull, StoreUnavailable, load_script, store_errors

from .model import (
    CHUNK_ITEMS,
    AlreadyRequeued,
    Item,
    JsonObject,
    KeyInFlight,
    KeyReused,
    NewJob,
    Report,
    RequestKey,
    WorkDigest,
)
from .stored import (
    ROOT,
    SEGMENT_ROWS,
    TALLY,
    JobKeys,
    Numbers,
    Segment,
    idempotency_key,
    idempotency_name,
    pack_row_counts,
    with_repair,
)

#: How long the parts of a job live if the job is never sealed.
UNSEALED_TTL: Final = timedelta(hours=1)
#: Share of the server's memory beyond which no job comes in.
MOST_USED: Final = 0.9
_MS: Final = timedelta(milliseconds=1)
#: What the script returns instead of a job's id.
_REQUEUED: Final = b"requeued"
_BUSY: Final = b"busy"
#: Keys of one pipeline that renews or drops them.
_BATCH: Final = 1_000
#: Items that are counted before other work of the process has its turn.
_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of rows, and its new items: those that no earlier row has brought.

    `answers` has the reports of new items that need no work, by their index in `new`.
    """

    rows: Sequence[str]
    segment: Segment
    new: Sequence[Item]
    answers: Mapping[int, Report] = field(default_factory=dict)


class Intake:
    """Accepts jobs; they and all that belongs to them are kept for *ttl*."""

    def __init__(
        self,
        redis: Redis,
        *,
        ttl: timedelta,
        chunk_items: int = CHUNK_ITEMS,
    ) -> None:
        self.redis = redis
        self.ttl_ms = ttl // _MS
        self.chunk_items = chunk_items
        self.accept = load_script(redis, "orchestrator.jobs", "job", "accept")

    def begin(self, job_id: str, new: NewJob) -> "UnsealedJob":
        """Return a job that cannot be seen before it is sealed; its items are yet to be added."""
        return UnsealedJob(self, job_id, new)


class UnsealedJob:
    """Takes the rows of one job, in order. Not for concurrent callers.

    Memory: a few bytes for each distinct item, and one part.
    """

    def __init__(self, intake: Intake, job_id: str, new: NewJob) -> None:
        self.job_id = job_id
        self._intake = intake
        self._redis = intake.redis
        self._new = new
        self._unsealed_ms = UNSEALED_TTL // _MS
        self._renewed_at = monotonic()
        self._keys = JobKeys(job_id)
        self._digest = WorkDigest(new)
        self._rows = self._items = self._segments = self._chunks = 0
        self._waiting: list[tuple[int, Item]] = []
        self._row_counts = array("I")
        self._answered = _Answered()

    def rows_of(self, item: int) -> int:
        """Return how many rows *item* answers, of those added with a row map."""
        return self._row_counts[item]

    async def add(self, items: Sequence[Item]) -> None:
        """Add rows that are items each; a job has such rows, or those of `add_part`."""
        pipe = self._redis.pipeline(transaction=False)
        self._number(items, pipe)
        self._rows += len(items)
        self._digest.add(items)
        await self._store(pipe)

    async def add_part(self, part: Part) -> None:
        """Add the rows of *part*, the segment that follows; all but the last are full.

        Raises:
            StoreFull: Redis has hardly any memory left; `discard` the job.
            StoreUnavailable: Redis is unavailable; `discard` the job.
        """
        pipe = self._redis.pipeline(transaction=False)
        rows_key = self._keys.rows(self._segments)
        pipe.set(rows_key, part.segment.pack(), px=self._unsealed_ms)
        self._row_counts.extend([0] * len(part.new))
        for item in part.segment.items:
            self._row_counts[item] += 1
        self._answered.add(part.answers.get(n) for n in range(len(part.new)))
        if part.answers:
            results: dict[str, bytes] = {
                str(self._items + n): orjson.dumps(report.result)
                for n, report in part.answers.items()
            }
            pipe.hset(self._keys.results, mapping=cast("dict[Any, Any]", results))
            pipe.pexpire(self._keys.results, self._unsealed_ms)
        self._number(part.new, pipe, answered=part.answers.keys())
        self._segments += 1
        self._rows += len(part.rows)
        self._digest.add(part.rows)
        await self._store(pipe)

    async def seal(
        self, key: RequestKey | None = None, *, failed_items: Numbers | None = None
    ) -> str:
        """Make the job visible, and return its id; or that of an unfinished equal one.

        With *key*, the id of the job that the key led to before, finished or not. *failed_items*
        are the numbers of the parent's dead letters that this job works on; no other job gets them.

        Raises:
            KeyReused: The key led to a job for other work; this one is discarded.
            KeyInFlight: Another request has the key; this job is discarded.
            AlreadyRequeued: Another job has one of *failed_items*; this one is discarded.
            StoreUnavailable: Redis is unavailable, or what was stored has expired meanwhile. Asking
                for the same again is safe.
        """
        ttl_ms = self._intake.ttl_ms
        pipe = self._redis.pipeline(transaction=False)
        if self._waiting:
            self._write_chunk(pipe)
        if max(self._row_counts, default=1) > 1:
            pipe.set(self._keys.row_counts, pack_row_counts(self._row_counts), px=ttl_ms)
        if failed_items is not None:
            pipe.set(self._keys.failed_items, failed_items.pack(), px=ttl_ms)
        with store_errors("job accept"):
            await pipe.execute()
            await self._renew(ttl_ms)
        digest = self._digest.text()
        parent = (self._new.parent or "") if failed_items is not None else ""
        args: list[Any] = [
            ttl_ms,
            self.job_id,
            digest,
            *_key_args(key, digest),
            self._chunks,
            parent,
        ]
        args += self._fields(await self._answered.tally(self._row_counts))
        accept = partial(self._intake.accept, keys=[ROOT], args=args)
        sealed: bytes = await with_repair(self._redis, "job accept", accept, job_id=self.job_id)
        if sealed.decode() != self.job_id:
            await self.discard()
        if not sealed:
            raise KeyReused
        if sealed == _REQUEUED:
            raise AlreadyRequeued
        if sealed == _BUSY:
            raise KeyInFlight
        return sealed.decode()

    async def discard(self) -> None:
        """Drop what was stored; without Redis it expires."""
        with store_errors("job discard"):
            for keys in _batches([*self._stored(), self._keys.row_counts, self._keys.failed_items]):
                await self._redis.unlink(*keys)

    def _number(
        self, new: Sequence[Item], pipe: Pipeline, *, answered: Collection[int] = ()
    ) -> None:
        """Number *new* items, and store those that need work chunk by chunk."""
        for n, item in enumerate(new):
            if n not in answered:
                self._waiting.append((self._items + n, item))
                if len(self._waiting) == self._intake.chunk_items:
                    self._write_chunk(pipe)
        self._items += len(new)

    def _write_chunk(self, pipe: Pipeline) -> None:
        key = self._keys.items(self._chunks)
        pipe.set(key, orjson.dumps(self._waiting), px=self._unsealed_ms)
        self._chunks += 1
        self._waiting = []

    async def _store(self, pipe: Pipeline) -> None:
        """Write *pipe*, unless the memory that is left is needed to finish accepted work."""
        with store_errors("job accept"):
            memory = await self._redis.info("memory")
            limit = int(memory["maxmemory"])
            if limit and int(memory["used_memory"]) > MOST_USED * limit:
                raise StoreFull("job accept")
            await pipe.execute()
            if monotonic() - self._renewed_at > UNSEALED_TTL.total_seconds() / 3:
                await self._renew(self._unsealed_ms)
                self._renewed_at = monotonic()

    async def _renew(self, ttl_ms: int) -> None:
        """Let all that is stored live for *ttl_ms* from now on."""
        for keys in _batches(self._stored()):
            pipe = self._redis.pipeline(transaction=False)
            for key in keys:
                pipe.pexpire(key, ttl_ms)
            if not all(await pipe.execute()):
                raise StoreUnavailable("job accept: its items have expired while it came in")

    def _stored(self) -> list[str]:
        keys = [self._keys.items(chunk) for chunk in range(self._chunks)]
        keys += [self._keys.rows(segment) for segment in range(self._segments)]
        return [*keys, self._keys.results] if self._answered else keys

    def _fields(self, tally: Mapping[str, int]) -> list[str | int]:
        """Return the job's record as names and values in turn."""
        new = self._new
        deadline_ms = None if new.deadline is None else int(new.deadline.timestamp() * 1000)
        fields: dict[str, str | int | None] = {
            "kind": new.kind,
            "tenant": new.tenant,
            "lane": new.lane,
            "origin": new.origin,
            "max_cost_micros": new.max_cost_micros,
            "deadline_ms": deadline_ms,
            "parent": new.parent,
            "about": new.about,
            "policy": new.policy,
            "buy_again": 1 if new.buy_again else None,
            "total": self._rows,
            "items": self._items,
            "chunks": self._chunks,
            "segment_rows": SEGMENT_ROWS if self._segments else None,
            "answered": tally.get("done"),
            **{TALLY + name: n for name, n in tally.items()},
        }
        return [
            part for name, value in fields.items() if value is not None for part in (name, value)
        ]


_Kind = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]


class _Answered:
    """What items that were answered on their way in add to the job's tally.

    Few items add something that no other has added, so each such kind is noted once.
    """

    def __init__(self) -> None:
        self._kinds: dict[_Kind, int] = {}
        # Of each item the number of its kind, counted from 1; 0 for those that need work.
        self._kind_of_item = array("I")

    def __bool__(self) -> bool:
        """Say whether any item was answered."""
        return bool(self._kinds)

    def add(self, reports: Iterable[Report | None]) -> None:
        """Note the reports of the items that follow; None for those that need work."""
        for report in reports:
            number = 0
            if report is not None:
                kind = tuple(report.tally.items()), tuple(report.again.items())
                number = self._kinds.setdefault(kind, len(self._kinds) + 1)
            self._kind_of_item.append(number)

    async def tally(self, row_counts: Sequence[int]) -> Counter[str]:
        """Return the tally of all items; *row_counts* says how many rows each item answers."""
        items, rows = Counter[int](), Counter[int]()
        for number, (kind, count) in enumerate(zip(self._kind_of_item, row_counts, strict=True)):
            items[kind] += 1
            rows[kind] += count
            if number % _AT_ONCE == 0:  # there may be a million
                await asyncio.sleep(0)
        total = Counter[str]()
        for (tally, again), kind in self._kinds.items():
            report = Report({}, dict(tally), dict(again))
            total.update(report.tally_of(rows[kind], items=items[kind]))
        return total


def _key_args(key: RequestKey | None, work_digest: str) -> tuple[str, int, str, str]:
    if key is None:
        return "", 0, "", ""
    return key.name, key.ttl // _MS, key.digest or work_digest, key.lease


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))


#: How long a key leads to the job that it was first used for: well beyond any client's retries.
IDEMPOTENCY_TTL: Final = timedelta(hours=24)
#: How long a key stays in flight after the process that had its request has died.
LEASE: Final = timedelta(seconds=15)
#: A digest that shows only when a request has been read, and a request without a job.
_UNKNOWN: Final = "-"


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
