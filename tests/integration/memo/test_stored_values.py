"""What lies in Redis: its age, its end, and what happens where it cannot be read."""

import asyncio
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from orchestrator.memo import Memo, Source
from orchestrator.memo.entry import decode
from orchestrator.memo.store import Keys
from tests.support.async_waiting import eventually
from tests.support.loading import KEY, Loader

GOLDEN = Path(__file__).parents[2] / "golden"
CORRUPT = f"memo1:corrupt:{KEY}"
UNREADABLE = {
    "not JSON": b"\x80\x04pickled",
    "not an object": b"[1, 2]",
    "payload is no object": b'{"v":1,"status":"found","stored_at_ms":1,"expires_at_ms":2,'
    b'"payload":[]}',
    "status is no text": b'{"v":1,"status":7,"stored_at_ms":1,"expires_at_ms":2,"payload":{}}',
    "of a later version": b'{"v":99,"status":"found","stored_at_ms":1,"expires_at_ms":2,'
    b'"payload":{}}',
    "incomplete": b'{"v":1}',
}


async def test_the_time_to_live_counts_from_the_end_of_the_load(
    memo: Memo, memo_redis: Redis
) -> None:
    """An entry expires its TTL after the loader had its answer, and Redis removes it then."""
    loader = Loader(gated=True, ttl=timedelta(seconds=7200))
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()
    began_ms = loader.flights[0].now_ms()
    await asyncio.sleep(0.05)

    loader.gate.set()
    entry = (await caller).entry

    assert entry.stored_at_ms - began_ms >= 50
    assert entry.expires_at_ms - entry.stored_at_ms == 7_200_000
    assert await memo_redis.pexpiretime(KEY) == entry.expires_at_ms


async def test_reads_do_not_extend_an_entry(memo: Memo, memo_redis: Redis) -> None:
    """However often it is read, an entry ends when it was said to end."""
    await memo.get(KEY, Loader())
    ends_at = await memo_redis.pexpiretime(KEY)

    for _ in range(5):
        await memo.get(KEY, Loader())

    assert await memo_redis.pexpiretime(KEY) == ends_at


async def test_an_expired_entry_is_loaded_again(memo: Memo, memo_redis: Redis) -> None:
    """Nothing older than its TTL is served."""
    await memo.get(KEY, Loader(ttl=timedelta(milliseconds=1)))

    async def has_expired() -> bool:
        return not await memo_redis.exists(KEY)

    # Its TTL counts from an instant that may be late by as long as `begin` took to answer.
    await eventually(has_expired, "the entry has expired")

    outcome = await memo.get(KEY, Loader("second"))

    assert outcome.source is Source.BOUGHT
    assert outcome.entry.payload == {"answer": "second"}


@pytest.mark.parametrize("stored", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_entry_is_a_miss_and_kept_for_inspection(
    memo: Memo, memo_redis: Redis, stored: bytes
) -> None:
    """A value that cannot be read costs one load, never a crash, and is set aside as it was."""
    await memo_redis.set(KEY, stored, ex=60)

    outcome = await memo.get(KEY, Loader())

    assert outcome.source is Source.BOUGHT
    assert await memo_redis.get(CORRUPT) == stored
    assert await memo.peek(KEY) is not None


async def test_an_unreadable_entry_is_nothing_to_those_who_only_look(
    memo: Memo, memo_redis: Redis
) -> None:
    """A look at many reports an unreadable entry as none, beside readable ones."""
    await memo_redis.set(KEY, b"?", ex=60)
    await memo.get("surfsense:beta", Loader())

    entries = await memo.peek_many([KEY, "surfsense:beta"])

    assert [entry is None for entry in entries] == [True, False]


async def test_an_entry_that_turns_unreadable_under_a_lookup_is_a_miss(
    memo: Memo, memo_redis: Redis
) -> None:
    """A value stored badly between the read and the question who leads is set aside, too."""
    looked_up = asyncio.create_task(memo.get(KEY, Loader()))

    # Runs in one piece on the server between the memo's MGET and its first script.
    await memo_redis.set(KEY, b"?", ex=60)
    outcome = await looked_up

    assert outcome.entry.payload == {"answer": "first"}
    assert await memo_redis.get(CORRUPT) in (b"?", None)


async def test_setting_aside_never_touches_what_has_replaced_it(
    memo: Memo, memo_redis: Redis
) -> None:
    """A reader of a broken value does not remove the good one that came in the meantime."""
    await memo.get(KEY, Loader())

    moved = await memo._scripts.quarantine(Keys(KEY), b"?")  # noqa: SLF001 - what it is asked between two reads

    assert not moved
    assert await memo.peek(KEY) is not None
    assert not await memo_redis.exists(CORRUPT)


async def test_entries_of_every_released_version_are_readable(
    memo: Memo, memo_redis: Redis
) -> None:
    """What version 1 has stored is a hit."""
    golden = (GOLDEN / "entry_v1.json").read_bytes()
    await memo_redis.set(KEY, golden, ex=60)

    outcome = await memo.get(KEY, Loader("second"))

    assert outcome.source is Source.HIT
    assert outcome.entry.payload["answer"]["sector"]["value"] == "Logística"


async def test_what_is_stored_has_the_form_of_version_1(memo: Memo, memo_redis: Redis) -> None:
    """Any service can read an entry: JSON with these fields, in this order."""
    await memo.get(KEY, Loader())

    stored = await memo_redis.get(KEY)

    assert isinstance(stored, bytes)
    assert list(orjson.loads(stored)) == list(orjson.loads((GOLDEN / "entry_v1.json").read_bytes()))
    assert decode(KEY, stored) == await memo.peek(KEY)


async def test_what_is_read_again_is_decoded_once(memo: Memo, memo_redis: Redis) -> None:
    """The same bytes give the very entry that they gave before; other bytes give their own."""
    await memo.get(KEY, Loader())
    first = (await memo.get(KEY, Loader("second"))).entry

    assert (await memo.get(KEY, Loader("second"))).entry is first

    await memo_redis.set(KEY, (GOLDEN / "entry_v1.json").read_bytes(), ex=60)
    other = (await memo.get(KEY, Loader("second"))).entry
    assert other.payload["company"] == "ACME, S.A."


async def test_an_entry_that_was_readable_once_may_turn_unreadable(
    memo: Memo, memo_redis: Redis
) -> None:
    """What was decoded before does not hide that something else lies there now."""
    await memo.get(KEY, Loader())
    assert (await memo.get(KEY, Loader("second"))).source is Source.HIT

    await memo_redis.set(KEY, b"?", ex=60)

    assert (await memo.get(KEY, Loader("second"))).source is Source.BOUGHT
    assert await memo_redis.get(CORRUPT) == b"?"
