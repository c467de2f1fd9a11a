"""Sets of numbers as Redis' bitmaps have them: the highest bit of a byte is the first. Pure."""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import orjson

from orchestrator.infra.slots import Lane
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.model import Item, Job, JobKind, JobState, Origin

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
