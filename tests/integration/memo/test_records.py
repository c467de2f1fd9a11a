"""Records that leaders leave, and how they are found without a lookup of their entry."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.memo import Flight, Loaded, Memo, Source
from tests.support.loading import KEY, TTL, Loader, SoldOut

NOW = timedelta(0)
LATER = timedelta(hours=1)


async def _fail(memo: Memo, key: str = KEY) -> None:
    with pytest.raises(SoldOut):
        await memo.get(key, Loader(error=SoldOut("x"), record={"order": key}))


async def test_a_record_that_was_left_is_found(memo: Memo, elsewhere: Memo) -> None:
    """Any process finds it, with its key, and knows that no process works on it."""
    await _fail(memo)

    (left,) = await elsewhere.records.older_than(age=NOW, limit=10)

    assert (left.key, left.record["order"], left.leader) == (KEY, KEY, None)


async def test_a_record_in_use_says_so(memo: Memo) -> None:
    """A running flight's record is its own business."""
    loader = Loader(gated=True, record={"order": 1})
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    (left,) = await memo.records.older_than(age=NOW, limit=10)

    assert left.leader is not None
    loader.gate.set()
    await caller
    assert await memo.records.older_than(age=NOW, limit=10) == []


async def test_young_records_are_not_looked_at(memo: Memo) -> None:
    """Their writer may come back."""
    await _fail(memo)

    assert await memo.records.older_than(age=LATER, limit=10) == []


async def test_the_oldest_come_first_and_not_all_at_once(memo: Memo) -> None:
    """A look takes up so many."""
    for number in range(3):
        await _fail(memo, f"surfsense:{number}")

    left = await memo.records.older_than(age=NOW, limit=2)

    assert [record.key for record in left] == ["surfsense:0", "surfsense:1"]


async def test_a_look_can_be_put_off(memo: Memo) -> None:
    """What cannot be finished now is looked at later."""
    await _fail(memo)

    (left,) = await memo.records.older_than(age=NOW, limit=10)
    await memo.records.look_again(left, after=LATER)

    assert await memo.records.older_than(age=NOW, limit=10) == []


async def test_a_record_that_is_gone_is_no_longer_listed(memo: Memo, memo_redis: Redis) -> None:
    """An entry that is listed without a record costs one look."""
    await _fail(memo)
    await memo_redis.delete(f"memo1:note:{KEY}")

    assert await memo.records.older_than(age=NOW, limit=10) == []

    assert not await memo_redis.exists("memo1:noted")


async def test_discarding_spares_a_record_written_since(memo: Memo, memo_redis: Redis) -> None:
    """A process that has read an old record does not remove a new one."""
    await _fail(memo)
    (old,) = await memo.records.older_than(age=NOW, limit=10)
    await memo.invalidate(KEY)
    await _fail(memo)

    await memo.records.discard(old)
    assert await memo_redis.exists(f"memo1:note:{KEY}")

    (new,) = await memo.records.older_than(age=NOW, limit=10)
    await memo.records.discard(new)
    assert not await memo_redis.exists(f"memo1:note:{KEY}", "memo1:noted")


async def test_a_record_that_fell_back_to_an_earlier_stage_is_kept(
    memo: Memo, memo_redis: Redis
) -> None:
    """After a failover it may be all that leads to what was bought: its entry may be gone."""
    record = f"memo1:note:{KEY}"
    intent = b""

    async def fail_over() -> None:
        await memo_redis.set(record, intent, ex=60)

    async def load(flight: Flight) -> Loaded:
        nonlocal intent
        await flight.write_record({"order": "intent"})
        intent = cast("bytes", await memo_redis.get(record))
        last = {"order": "bought"}
        return Loaded("found", {}, TTL, flight.now_ms(), record=last, settle=fail_over)

    await memo.get(KEY, load)
    assert await memo_redis.get(record) == intent

    (left,) = await memo.records.older_than(age=NOW, limit=10)
    later = replace(left, body=left.body.replace(b"intent", b"bought"))
    await memo.records.discard(later)
    assert await memo_redis.get(record) == intent
    await memo.records.discard(left)
    assert not await memo_redis.exists(record, "memo1:noted")


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        (None, None),
        (ConnectionError("away"), "memo.not_settled"),
        (TypeError("of ours"), "memo.settle_failed"),
    ],
)
async def test_the_last_record_stays_until_what_it_says_is_settled(
    memo: Memo, memo_redis: Redis, fault: Exception | None, event: str | None
) -> None:
    """The answer is stored and served; what is owed stays written down if it was not paid.

    A server that is unavailable is no surprise; anything else is reported with its traceback.
    """

    async def settle() -> None:
        assert await memo_redis.exists(KEY), "the answer is stored first"
        if fault is not None:
            raise fault

    async def load(flight: Flight) -> Loaded:
        await flight.write_record({"order": "intent"})
        record = {"order": "bought"}
        return Loaded(
            *("found", {}, TTL, flight.now_ms()),
            record=record,
            settle=settle,
            postponed_by=(ConnectionError,),
        )

    with capture_logs() as logs:
        outcome = await memo.get(KEY, load)

    left = await memo.records.older_than(age=NOW, limit=10)
    assert outcome.source is Source.BOUGHT
    assert [record.record["order"] for record in left] == (["bought"] if fault else [])
    traced = isinstance(fault, TypeError)
    said = [(line["event"], line.get("exc_info", False)) for line in logs]
    assert said == ([(event, traced)] if event else [])
