"""Jobs as Redis DB 3 has them: their keys, their records, and the repair of what is damaged.

All keys expire: a job is remembered for `EMASAI_JOB_TTL_S` after it was accepted, and what was
stored for a job that was never sealed for an hour. The scripts build the same keys by the same
rules (`lua/job.lua`).

Where something else has written over the keys of jobs, no lane or list stops: an index of another
type is set aside and built anew from the records, a job that is damaged itself is set aside alone.
Both are logged, and `emasai doctor` names them.
"""

import hashlib
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import orjson
import structlog
from redis.asyncio import Redis

from orchestrator.infra.redis_client import (
    DAMAGE,
    StoreRefused,
    load_script,
    scan_batches,
    store_errors,
)
from orchestrator.infra.slots import Lane

from .model import Item, Job, JobKind, JobState, Origin, UnreadableJob

#: What all keys of jobs begin with.
ROOT = "jobs1:"
#: Sorted set of jobs that are not finished, by the instant of acceptance (ms).
ACTIVE = f"{ROOT}active"
#: Sorted set of all jobs that are remembered, by the instant of acceptance (ms).
ALL = f"{ROOT}all"
#: Sorted set of jobs with dead letters, by the instant of the last one (ms).
FAILURES = f"{ROOT}failures"
#: Sorted set of jobs whose records cannot be read, by the instant when that was found (ms).
UNREADABLE = f"{ROOT}unreadable"


def idempotency_name(tenant: str, key: str) -> str:
    """Return the name under which *key*, any text, is remembered for *tenant*."""
    return hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()


def idempotency_key(name: str) -> str:
    """Return the key that says what the requests under an idempotency key became."""
    return f"{ROOT}key:{name}"


@dataclass(frozen=True, slots=True)
class _Part:
    """A key that is named by its owner's root and a suffix."""

    suffix: str

    def __get__(self, owner: "LaneKeys | JobKeys", _: object = None) -> str:
        return owner.root + self.suffix


class LaneKeys:
    """All keys of one lane."""

    def __init__(self, lane: str) -> None:
        self.root = f"{ROOT}lane:{lane}"

    #: Sorted set of `<job>:<chunk>` that workers hold, by when to look at them (ms).
    held = _Part(":held")
    #: Sorted set of queued tenants, by the instant of their last turn (microseconds).
    tenants = _Part(":tenants")
    #: Hash: job -> its chunks that no worker holds; `chunks` -> those of all jobs.
    backlog = _Part(":backlog")
    #: Sorted set of jobs with such chunks, by acceptance (ms).
    waiting = _Part(":waiting")

    def jobs(self, tenant: str) -> str:
        """Return the key of a tenant's queued jobs: sorted set, by acceptance (ms)."""
        return f"{self.root}:jobs:{tenant}"


class JobKeys:
    """All keys of one job."""

    def __init__(self, job_id: str) -> None:
        self.root = f"{ROOT}{job_id}"

    #: Hash: what was asked for, its state, its tally, the first chunk no worker ever had.
    record = _Part("")
    #: Hash: item number -> result, JSON.
    results = _Part(":results")
    #: Bitmap of finished chunks.
    finished = _Part(":finished")
    #: Set of chunks that workers hold.
    held = _Part(":held")
    #: Set of chunks that were handed back unfinished, or whose worker was lost.
    returned = _Part(":returned")
    #: Hash: chunk -> workers that were lost with it; `f:<chunk>` -> how often it failed.
    losses = _Part(":losses")
    #: Hash: item number -> how often it was begun, `<number>:step` -> the last step of it.
    begun = _Part(":begun")
    #: List of `<ms> <event>`.
    timeline = _Part(":timeline")
    #: Bitmap of dead letters that another job has.
    requeued = _Part(":requeued")
    #: Bitmap: which of its parent's dead letters a job takes over.
    failed_items = _Part(":letters")
    #: String: when each dead letter failed, after how many attempts; 6 bytes an item.
    failed_at = _Part(":failed_at")
    #: String: how many rows each item answers, 32 bits each; none where it is one each.
    row_counts = _Part(":row_counts")

    def failed(self, code: str) -> str:
        """Return the key of the bitmap of items that are dead letters with *code*."""
        return f"{self.root}:failed:{code}"

    def items(self, chunk: int) -> str:
        """Return the key of a chunk's items: JSON list of [number, item]."""
        return f"{self.root}:items:{chunk}"

    def rows(self, segment: int) -> str:
        """Return the key of a segment of rows, see `stored`; none where rows are items."""
        return f"{self.root}:rows:{segment}"

    def chunk_lease(self, chunk: int) -> str:
        """Return the key that holds the token of the worker that has the chunk."""
        return f"{self.root}:claim:{chunk}"


#: The numbers that a byte of one of Redis' bitmaps stands for: its highest bit is the first.
_BITS: Final = tuple(tuple(bit for bit in range(8) if byte & (0x80 >> bit)) for byte in range(256))


def numbers_in(bitmap: bytes) -> Iterator[int]:
    """Yield the numbers that are in *bitmap*, in order."""
    for place, byte in enumerate(bitmap):
        for bit in _BITS[byte]:
            yield 8 * place + bit


class Numbers:
    """A set of numbers that is built number by number; a million of them take 125 kB."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, numbers: Iterable[int]) -> None:
        """Put *numbers* into the set."""
        for number in numbers:
            place = number // 8
            if place >= len(self._bytes):
                self._bytes.extend(bytes(place + 1 - len(self._bytes)))
            self._bytes[place] |= 0x80 >> (number % 8)

    def pack(self) -> bytes:
        """Return the set as Redis keeps it."""
        return bytes(self._bytes)


#: How the number of rows that an item answers is stored; all of a job stand in one string.
ROW_COUNT = struct.Struct("<I")
#: Rows of one segment: one read of results needs few of them, and each is small (8 kB).
SEGMENT_ROWS = 2_000

_HEAD = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Segment:
    """The rows of one segment. `spellings` has the texts of rows that differ from their item's."""

    items_before: int
    items: Sequence[int]
    spellings: Mapping[int, str] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the stored form."""
        head = _HEAD.pack(self.items_before, len(self.items))
        numbers = struct.pack(f"<{len(self.items)}I", *self.items)
        named = {str(row): text for row, text in self.spellings.items()}
        return head + numbers + (orjson.dumps(named) if named else b"")

    @classmethod
    def unpack(cls, stored: bytes) -> "Segment":
        """Read what `pack` returned."""
        items_before, rows = _HEAD.unpack_from(stored)
        items = struct.unpack_from(f"<{rows}I", stored, _HEAD.size)
        named = stored[_HEAD.size + 4 * rows :]
        spellings = {int(row): text for row, text in orjson.loads(named).items()} if named else {}
        return cls(items_before, items, spellings)

    def first_occurrences(self) -> list[bool]:
        """Say for each row whether it is the first of its item."""
        following, first_occurrences = self.items_before, []
        for item in self.items:
            first_occurrences.append(item == following)
            following += item == following
        return first_occurrences


def pack_row_counts(counts: Sequence[int]) -> bytes:
    """Return the stored form of how many rows each item answers."""
    return struct.pack(f"<{len(counts)}I", *counts)


def row_count_in(packed: bytes, place: int) -> int:
    """Return the count at *place* of *packed*; 1 beyond its end: nothing is stored for ones."""
    start = ROW_COUNT.size * place
    return int(ROW_COUNT.unpack_from(packed, start)[0]) if start < len(packed) else 1


T = TypeVar("T")

#: Fields of the record that count what was reported begin with this.
TALLY = "n:"
#: No job has more rows, items or chunks: a script would not get through them.
_MOST: Final = 1 << 31


def job_of(job_id: str, record: Mapping[bytes, bytes]) -> Job:
    """Return the job whose record is *record*.

    Raises:
        UnreadableJob: A field is missing, or holds what no program of ours has written.
    """
    fields = _Fields(job_id, record)
    job = Job(
        job_id=job_id,
        kind=fields.read("kind", JobKind),
        tenant=fields.read("tenant", str),
        lane=fields.read("lane", Lane),
        origin=fields.read("origin", Origin),
        state=fields.read("state", JobState),
        total=fields.read("total", _count),
        items=fields.read("items", _count),
        has_row_map=b"segment_rows" in record,
        answered=fields.find("answered", _count) or 0,
        chunks=fields.read("chunks", _count),
        max_cost_micros=fields.find("max_cost_micros", int),
        accepted_at=fields.read("accepted_at_ms", _instant),
        started_at=fields.find("started_at_ms", _instant),
        finished_at=fields.find("finished_at_ms", _instant),
        deadline=fields.find("deadline_ms", _instant),
        parent=fields.find("parent", str),
        about=fields.find("about", str),
        policy=fields.find("policy", str),
        buy_again=b"buy_again" in record,
        tally=fields.tally(),
    )
    if not job.chunks <= job.items <= job.total:
        raise UnreadableJob(job_id, "chunks, items, total")
    fields.read("next", _count)  # only the scripts use it, and they cannot name the fault
    return job


def items_in(stored: bytes) -> list[tuple[int, Item]] | None:
    """Return the items of a chunk, with their numbers, which ascend; None if they are none."""
    try:
        found = orjson.loads(stored)
    except ValueError:
        return None
    items: list[tuple[int, Item]] = []
    for each in found if isinstance(found, list) else [None]:
        match each:
            case [bool(), _]:
                return None
            case [int(number), str(item)] if number > (items[-1][0] if items else -1):
                items.append((number, item))
            case _:
                return None
    return items


class _Fields:
    """The fields of a record, each read alone so that a wrong one can be named."""

    def __init__(self, job_id: str, record: Mapping[bytes, bytes]) -> None:
        self._job_id = job_id
        self._record = record

    def read(self, name: str, read: Callable[[str], T]) -> T:
        found = self.find(name, read)
        if found is None:
            raise UnreadableJob(self._job_id, f"no {name}")
        return found

    def find(self, name: str, read: Callable[[str], T]) -> T | None:
        text = self._record.get(name.encode())
        try:
            return None if text is None else read(text.decode())
        except (ValueError, OverflowError):
            raise UnreadableJob(self._job_id, name) from None

    def tally(self) -> dict[str, int]:
        prefix = TALLY.encode()
        try:
            return {
                name.removeprefix(prefix).decode(): int(count)
                for name, count in self._record.items()
                if name.startswith(prefix)
            }
        except ValueError:
            raise UnreadableJob(self._job_id, "tally") from None


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number < _MOST:
        raise ValueError
    return number


def _instant(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


log = structlog.get_logger(__name__)

#: How long what was set aside can be looked at.
KEPT: Final = timedelta(days=7)
_MS: Final = timedelta(milliseconds=1)
#: Ids of jobs have so many characters.
_ANY_JOB: Final = ROOT + "?" * 32


async def with_repair(
    redis: Redis,
    operation: str,
    step: Callable[[], Awaitable[T]],
    *,
    job_id: str | None = None,
    ttl: timedelta = KEPT,
) -> T:
    """Return what *step* returns; where an index of jobs is damaged, repair that first.

    Raises:
        UnreadableJob: *job_id* itself is damaged; it is set aside.
        StoreUnavailable: Redis is unavailable, or refuses *operation* for another reason.
    """
    try:
        with store_errors(operation):
            return await step()
    except StoreRefused as refused:
        if refused.reason not in DAMAGE:
            raise
    await fix(redis, ttl=ttl)
    try:
        with store_errors(operation):
            return await step()
    except StoreRefused as refused:
        if refused.reason not in DAMAGE or job_id is None:
            raise
        await set_aside(redis, job_id, ttl=ttl)
        raise UnreadableJob(job_id, "a part of another type") from None


async def fix(redis: Redis, *, ttl: timedelta = KEPT) -> None:
    """Set aside all indexes of jobs that are damaged, and build them anew."""
    script = load_script(redis, "orchestrator.jobs", "job", "fix")
    with store_errors("job fix"):
        moved = await script(keys=[ROOT], args=[ttl // _MS])
        if moved:
            async for batch in scan_batches(redis, _ANY_JOB):
                job_ids = [key.removeprefix(ROOT.encode()) for key in batch]
                await script(keys=[ROOT], args=[ttl // _MS, *job_ids])
            names = sorted(name.decode("utf-8", "backslashreplace") for name in moved)
            log.error("jobs.index_set_aside", keys=names)


async def set_aside(redis: Redis, job_id: str, *, ttl: timedelta = KEPT) -> None:
    """Keep a job that is damaged from being worked on."""
    script = load_script(redis, "orchestrator.jobs", "job", "aside")
    with store_errors("job set aside"):
        await script(keys=[ROOT], args=[ttl // _MS, job_id])
    log.error("job.set_aside", job_id=job_id)
