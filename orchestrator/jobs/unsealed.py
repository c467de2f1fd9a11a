"""A job on its way in: stored part by part in bounded memory, invisible until it is sealed."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from orchestrator.infra.redis_client import StoreFull, StoreUnavailable, store_errors
from orchestrator.jobs.bitmap import Numbers
from orchestrator.jobs.damage import undamaged
from orchestrator.jobs.errors import AlreadyRequeued, KeyInFlight, KeyReused
from orchestrator.jobs.keys import ROOT, JobKeys
from orchestrator.jobs.model import Item, Once, Order, Report, WorkDigest
from orchestrator.jobs.reading import TALLY
from orchestrator.jobs.rowmap import SEGMENT_ROWS, Segment, pack_row_counts
from orchestrator.jobs.tallies import Tallies

#: Share of the server's memory beyond which no job comes in.
MOST_USED = 0.9
_MS = timedelta(milliseconds=1)
#: What the script says instead of a job's id.
_REQUEUED = b"requeued"
_BUSY = b"busy"
#: Keys of one pipeline that renews or drops them.
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of rows, and the items that it brings: those that no earlier row has brought.

    `answers` has the reports of new items, by their index in `new`, that need no work.
    """

    rows: Sequence[str]
    segment: Segment
    new: Sequence[Item]
    answers: Mapping[int, Report] = field(default_factory=dict)


class UnsealedJob:
    """Takes the rows of one job, in order. Not for concurrent callers.

    Memory: a few bytes for each distinct item, and one part.
    """

    def __init__(
        self,
        redis: Redis,
        accept: AsyncScript,
        job_id: str,
        order: Order,
        *,
        chunk_size: int,
        ttl: timedelta,
        unsealed_ttl: timedelta,
    ) -> None:
        self.job_id = job_id
        self._redis = redis
        self._accept = accept
        self._order = order
        self._chunk_size = chunk_size
        self._ttl_ms = ttl // _MS
        self._unsealed_ms = unsealed_ttl // _MS
        self._renew_after_s = unsealed_ttl.total_seconds() / 3
        self._renewed_at = monotonic()
        self._keys = JobKeys(job_id)
        self._digest = WorkDigest(order)
        self._rows = self._items = self._segments = self._chunks = 0
        self._waiting: list[tuple[int, Item]] = []
        self._row_counts = array("I")
        self._tallies = Tallies()

    def rows_of(self, item: int) -> int:
        """Return how many rows *item* answers, of those added with a row map."""
        return self._row_counts[item]

    async def add(self, items: Sequence[Item]) -> None:
        """Add rows that are items each; a job has such rows, or those of `add_part`."""
        writes = _Writes(self._redis, self._unsealed_ms)
        self._take(items, writes)
        self._rows += len(items)
        self._digest.add(items)
        await self._store(writes)

    async def add_part(self, part: Part) -> None:
        """Add the rows of *part*, the segment that follows; all but the last are full.

        Raises:
            StoreFull: Redis has hardly any memory left; `discard` the job.
            StoreUnavailable: Redis is away; `discard` the job.
        """
        first = self._items
        writes = _Writes(self._redis, self._unsealed_ms)
        writes.set(self._keys.rows(self._segments), part.segment.pack())
        self._row_counts.extend([0] * len(part.new))
        for item in part.segment.items:
            self._row_counts[item] += 1
        self._tallies.add(part.answers.get(n) for n in range(len(part.new)))
        writes.results(
            self._keys.results, {first + n: report for n, report in part.answers.items()}
        )
        self._take(part.new, writes, without=part.answers)
        self._segments += 1
        self._rows += len(part.rows)
        self._digest.add(part.rows)
        await self._store(writes)

    async def seal(self, once: Once | None = None, *, failed_items: Numbers | None = None) -> str:
        """Make the job visible, and return its id; or that of an unfinished equal one.

        With *once*, the id of the job that its key led to before, finished or not. *failed_items*
        are the numbers of the parent's dead letters that this job works on; no other job gets them.

        Raises:
            KeyReused: The key of *once* led to a job for other work; this one is discarded.
            KeyInFlight: Another request has the key of *once*; this job is discarded.
            AlreadyRequeued: Another job has one of *failed_items*; this one is discarded.
            StoreUnavailable: Redis is away, or what was stored has expired meanwhile. Asking
                for the same again is safe.
        """
        writes = _Writes(self._redis, self._ttl_ms)
        if self._waiting:
            self._chunk(writes)
        if max(self._row_counts, default=1) > 1:
            writes.set(self._keys.row_counts, pack_row_counts(self._row_counts))
        if failed_items is not None:
            writes.set(self._keys.failed_items, failed_items.pack())
        with store_errors("job accept"):
            await writes.execute()
            await self._renew(self._ttl_ms)

        fields = list(self._fields(await self._tallies.total(self._row_counts)))

        async def accept() -> bytes:
            args = [
                *(self._ttl_ms, self.job_id, self._digest.text()),
                *(("", 0, "", "") if once is None else self._once(once)),
                *(self._chunks, (self._order.parent or "") if failed_items is not None else ""),
                *fields,
            ]
            return cast("bytes", await self._accept(keys=[ROOT], args=args))

        sealed = await undamaged(self._redis, "job accept", accept, job_id=self.job_id)
        if sealed.decode() != self.job_id:
            await self.discard()
        if not sealed:
            raise KeyReused
        if sealed == _REQUEUED:
            raise AlreadyRequeued
        if sealed == _BUSY:
            raise KeyInFlight
        return sealed.decode()

    def _once(self, once: Once) -> tuple[str, int, str, str]:
        return once.name, once.ttl // _MS, once.digest or self._digest.text(), once.lease

    async def discard(self) -> None:
        """Drop what was stored; without Redis it expires by itself."""
        with store_errors("job discard"):
            for keys in _batches([*self._stored(), self._keys.row_counts, self._keys.failed_items]):
                await self._redis.unlink(*keys)

    def _take(self, new: Sequence[Item], writes: "_Writes", *, without: Iterable[int] = ()) -> None:
        """Number *new* items, and have those that need work stored chunk by chunk."""
        answered = set(without)
        first = self._items
        self._items += len(new)
        for n, item in enumerate(new):
            if n not in answered:
                self._waiting.append((first + n, item))
                if len(self._waiting) == self._chunk_size:
                    self._chunk(writes)

    def _chunk(self, writes: "_Writes") -> None:
        writes.set(self._keys.items(self._chunks), orjson.dumps(self._waiting))
        self._chunks += 1
        self._waiting = []

    async def _store(self, writes: "_Writes") -> None:
        with store_errors("job accept"):
            await self._check_room()
            await writes.execute()
            if monotonic() - self._renewed_at > self._renew_after_s:
                await self._renew(self._unsealed_ms)
                self._renewed_at = monotonic()

    async def _check_room(self) -> None:
        """Refuse while there is memory left for those who finish what was accepted."""
        memory = await self._redis.info("memory")
        limit = int(memory["maxmemory"])
        if limit and int(memory["used_memory"]) > MOST_USED * limit:
            raise StoreFull("job accept")

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
        return [*keys, self._keys.results] if self._tallies else keys

    def _fields(self, tally: Mapping[str, int]) -> Iterator[str | int]:
        yield from _fields_of(self._order)
        yield from ("total", self._rows, "items", self._items, "chunks", self._chunks)
        if self._segments:
            yield from ("segment_rows", SEGMENT_ROWS)
        if tally:
            yield from ("answered", tally["done"])
        for name, n in tally.items():
            yield from (TALLY + name, n)


def _fields_of(order: Order) -> Iterator[str | int]:
    yield from ("kind", order.kind, "tenant", order.tenant)
    yield from ("lane", order.lane, "origin", order.origin)
    if order.max_cost_micros is not None:
        yield from ("max_cost_micros", order.max_cost_micros)
    if order.deadline is not None:
        yield from ("deadline_ms", int(order.deadline.timestamp() * 1000))
    if order.parent is not None:
        yield from ("parent", order.parent)
    if order.about is not None:
        yield from ("about", order.about)
    if order.policy is not None:
        yield from ("policy", order.policy)
    if order.buy_again:
        yield from ("buy_again", 1)


class _Writes:
    """What is stored together, in one round trip."""

    def __init__(self, redis: Redis, ttl_ms: int) -> None:
        self._pipe = redis.pipeline(transaction=False)
        self._ttl_ms = ttl_ms

    def set(self, key: str, value: bytes) -> None:
        self._pipe.set(key, value, px=self._ttl_ms)

    def results(self, key: str, reports: Mapping[int, Report]) -> None:
        if reports:
            self._pipe.hset(
                key, mapping={str(n): orjson.dumps(r.result) for n, r in reports.items()}
            )
            self._pipe.pexpire(key, self._ttl_ms)

    async def execute(self) -> list[Any]:
        return await self._pipe.execute()


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
