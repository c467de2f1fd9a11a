"""Group commit without a database, and a database that is full."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, Text

from orchestrator.database import (
    DatabaseFull,
    DatabaseUnavailable,
    first_occurrences,
    open_engine,
    reading,
    writing,
)
from orchestrator.infra.batching import Batcher


class Committer:
    """Doubles numbers, remembers its batches, and refuses a batch with a poisonous number."""

    def __init__(self, *poisonous: int, error: Exception | None = None) -> None:
        self.batches: list[list[int]] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self._poisonous = frozenset(poisonous)
        self._error = error or ValueError("poisonous")

    async def __call__(self, requests: Sequence[int]) -> list[int]:
        """Commit *requests*."""
        self.batches.append(list(requests))
        self.started.set()
        await self.gate.wait()
        if self._poisonous.intersection(requests):
            raise self._error
        return [2 * request for request in requests]


async def test_concurrent_requests_share_a_commit() -> None:
    """Requests of one tick are committed together and each gets its own result."""
    committer = Committer()
    batcher = Batcher(committer, shared=DatabaseUnavailable)

    results = await asyncio.gather(*(batcher.submit(number) for number in range(10)))

    assert results == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert committer.batches == [list(range(10))]


async def test_requests_during_a_commit_form_the_next() -> None:
    """No request waits for a timer: those that arrive meanwhile are committed right after."""
    committer = Committer()
    committer.gate.clear()
    batcher = Batcher(committer, shared=DatabaseUnavailable)
    first = asyncio.create_task(batcher.submit(1))
    await committer.started.wait()
    later = [asyncio.create_task(batcher.submit(number)) for number in (2, 3)]
    await asyncio.sleep(0)

    committer.gate.set()

    assert await asyncio.gather(first, *later) == [2, 4, 6]
    assert committer.batches == [[1], [2, 3]]


async def test_a_batch_has_a_limit() -> None:
    """More requests than the limit take several transactions, in order."""
    committer = Committer()
    batcher = Batcher(committer, shared=DatabaseUnavailable, max_batch=4)

    await asyncio.gather(*(batcher.submit(number) for number in range(10)))

    assert committer.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@given(st.lists(st.integers(0, 99), min_size=1, unique=True), st.sets(st.integers(0, 99)))
def test_only_poisonous_requests_fail(numbers: list[int], poisonous: set[int]) -> None:
    """Whatever the batch, exactly the bad requests get the error and the others their result."""

    async def submit_all() -> list[int | BaseException]:
        batcher = Batcher(Committer(*poisonous), shared=DatabaseUnavailable)
        calls = (batcher.submit(number) for number in numbers)
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(submit_all())

    for number, result in zip(numbers, results, strict=True):
        if number in poisonous:
            assert isinstance(result, ValueError)
        else:
            assert result == 2 * number


async def test_an_unavailable_store_fails_the_batch_at_once() -> None:
    """Halving would only knock on a closed door again and again."""
    committer = Committer(3, error=DatabaseUnavailable("write"))
    batcher = Batcher(committer, shared=DatabaseUnavailable)

    results = await asyncio.gather(
        *(batcher.submit(number) for number in range(5)), return_exceptions=True
    )

    assert all(isinstance(result, DatabaseUnavailable) for result in results)
    assert len(committer.batches) == 1


async def test_a_batcher_works_on_after_a_failure() -> None:
    """A failed commit leaves nothing behind."""
    batcher = Batcher(Committer(1), shared=DatabaseUnavailable)
    with pytest.raises(ValueError, match="poisonous"):
        await batcher.submit(1)

    assert await batcher.submit(2) == 4


async def test_a_cancelled_caller_leaves_its_neighbours_alone() -> None:
    """One caller gives up during the commit; the others get their results."""
    committer = Committer()
    committer.gate.clear()
    batcher = Batcher(committer, shared=DatabaseUnavailable)
    calls = [asyncio.create_task(batcher.submit(number)) for number in range(3)]
    await committer.started.wait()

    calls[1].cancel()
    committer.gate.set()

    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert [results[0], results[2]] == [0, 4]


async def test_a_request_given_up_before_its_commit_is_not_written() -> None:
    """A caller cancelled while it queues leaves nothing to commit."""
    committer = Committer()
    committer.gate.clear()
    batcher = Batcher(committer, shared=DatabaseUnavailable)
    first = asyncio.create_task(batcher.submit(1))
    await committer.started.wait()
    queued = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0)

    queued.cancel()
    committer.gate.set()

    assert await first == 2
    with pytest.raises(asyncio.CancelledError):
        await queued
    assert await batcher.submit(3) == 6
    assert committer.batches == [[1], [3]]


async def test_a_cancelled_commit_cancels_its_callers() -> None:
    """When the loop shuts down, no caller is left waiting."""

    async def shut_down(_: Sequence[int]) -> list[int]:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(Batcher(shut_down, shared=DatabaseUnavailable).submit(1), timeout=5)


@given(st.lists(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_each_new_key_is_credited_once(keys: list[int], new: set[int]) -> None:
    """The first caller with a new key made the row, every other one did not."""
    credited = [
        key for key, is_first in zip(keys, first_occurrences(keys, new), strict=True) if is_first
    ]

    assert sorted(credited) == sorted(new.intersection(keys))


async def test_a_full_database_says_what_to_do(tmp_path: Path) -> None:
    """Nothing of the transaction is kept; once there is room, the same write succeeds."""
    engine = open_engine(f"sqlite:///{tmp_path / 'full.sqlite'}")
    table = Table("t", MetaData(), Column("body", Text))
    async with writing(engine, "create a table") as connection:
        await connection.run_sync(table.create)

    async def write(most_pages: int) -> None:
        async with writing(engine, "keep the answer") as connection:
            await connection.exec_driver_sql(f"PRAGMA max_page_count = {most_pages}")
            await connection.execute(table.insert(), {"body": "x" * 100_000})

    with pytest.raises(DatabaseFull) as met:
        await write(1)
    await write(10_000)

    async with reading(engine, "count") as connection:
        rows = (await connection.execute(table.select())).all()
    await engine.dispose()
    assert len(rows) == 1
    assert "is full: could not keep the answer; make room on the disk" in str(met.value)
