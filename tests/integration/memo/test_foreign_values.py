"""Whatever something else has written under the memo's keys: no lookup hangs or buys twice."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from orchestrator.memo import LoadFailed, Memo, Source
from orchestrator.memo.memo import RECORD_UNREADABLE
from orchestrator.memo.store import RECORDED, Keys
from tests.support.loading import KEY, Loader

KEYS = Keys(KEY)
Write = Callable[[Redis, str], Awaitable[Any]]


async def _text(redis: Redis, key: str, text: bytes) -> None:
    await redis.set(key, text, ex=60)


async def _bytes(redis: Redis, key: str) -> None:
    await _text(redis, key, b"\xff\x00\xfe")


async def _json_list(redis: Redis, key: str) -> None:
    await _text(redis, key, b"[1, 2]")


async def _hash(redis: Redis, key: str) -> None:
    await redis.hset(key, "a", "b")
    await redis.expire(key, 60)


async def _list(redis: Redis, key: str) -> None:
    await redis.rpush(key, "a")
    await redis.expire(key, 60)


WRITERS: list[Write] = [_bytes, _json_list, _hash, _list]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("key", [KEY, KEYS.generation, KEYS.failure, KEYS.failures])
async def test_a_foreign_value_is_removed_and_the_lookup_goes_on(
    memo: Memo, memo_redis: Redis, key: str, write: Write
) -> None:
    """It says nothing about a purchase."""
    await write(memo_redis, key)
    loader = Loader()

    outcome = await memo.get(KEY, loader)

    assert outcome.source is Source.BOUGHT
    assert (await memo.get(KEY, loader)).source is Source.HIT


@pytest.mark.parametrize("write", [_hash, _list])
async def test_a_foreign_lease_is_removed(memo: Memo, memo_redis: Redis, write: Write) -> None:
    """No process can hold it."""
    await write(memo_redis, KEYS.lease)

    assert (await memo.get(KEY, Loader())).source is Source.BOUGHT


@pytest.mark.parametrize("write", WRITERS)
async def test_nothing_is_loaded_over_a_record_that_cannot_be_read(
    memo: Memo, memo_redis: Redis, write: Write
) -> None:
    """It may say that something was bought; the lookup says why, and holds nothing."""
    await write(memo_redis, KEYS.record)
    loader = Loader()

    for _ in range(2):
        with pytest.raises(LoadFailed, match=RECORD_UNREADABLE):
            await memo.get(KEY, loader)

    assert loader.flights == []
    assert not await memo_redis.exists(KEYS.lease)
    await memo_redis.delete(KEYS.record, KEYS.failure)
    assert (await memo.get(KEY, loader)).source is Source.BOUGHT


async def test_an_unreadable_record_keeps_no_other_from_the_sweeper(
    memo: Memo, memo_redis: Redis
) -> None:
    """It is put off, and the others are found."""
    good = Keys("surfsense:good")
    await _bytes(memo_redis, KEYS.record)
    await memo_redis.set(good.record, orjson.dumps({"written_by": "b.2"}), ex=60)
    members = {f"a.1 {KEY}": 1, f"b.2 {good.entry}": 2}
    await memo_redis.zadd(RECORDED, members)
    await memo_redis.expire(RECORDED, 60)

    found = [await memo.records.older_than(age=timedelta(0), limit=1) for _ in range(2)]

    assert [[each.key for each in left] for left in found] == [[], [good.entry]]
