"""A job as its record has it; records that cannot be read are told, and stop no other. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

import orjson

from orchestrator.infra.slots import Lane
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.model import Item, Job, JobKind, Origin
from orchestrator.jobs.state import JobState

T = TypeVar("T")

#: Fields of the record that count what was reported begin with this.
TALLY = "n:"
#: Rows, items and chunks beyond this are no job's: a script would go through them for ever.
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
    fields.read(
        "next", _count
    )  # nobody but the scripts reads it, and they cannot say what is wrong
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
    """The fields of a record, each read by itself so that the one that is wrong can be named."""

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
