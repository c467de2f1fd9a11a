"""Which item answers which row of a job, packed segment by segment. Pure.

Items are numbered in the order of the rows that bring them, so a row is the first of its item
exactly if its item's number is the next one. A segment is stored as the number of items before
it, the item of each row (32 bits each, little endian), and, as JSON, the rows that write their
item otherwise than its first row does.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

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
