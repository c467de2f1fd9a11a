"""Lua scripts that share a round trip, on a real server."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.infra.batching import ScriptBatcher
from tests.support.valkey import calls_of

INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
KEY = "batched"


@pytest.fixture
async def batcher(memo_redis: Redis) -> ScriptBatcher:
    """Return a batcher on an empty database."""
    return ScriptBatcher(memo_redis)


async def test_each_caller_gets_the_reply_of_its_own_call(
    batcher: ScriptBatcher, memo_redis: Redis
) -> None:
    """More calls than one batch takes; the server learns the script once."""
    script = memo_redis.register_script(INCREMENT)
    await memo_redis.script_flush()
    loads = await calls_of(memo_redis, "script|load")

    replies = await asyncio.gather(*(batcher.call(script, [KEY], [1]) for _ in range(250)))
    await memo_redis.delete(KEY)

    assert replies == list(range(1, 251))
    assert await calls_of(memo_redis, "script|load") - loads == 1


async def test_a_call_that_fails_harms_no_other(batcher: ScriptBatcher, memo_redis: Redis) -> None:
    """One key of a batch holds a list; only its caller gets the error."""
    script = memo_redis.register_script(INCREMENT)
    await memo_redis.rpush("a list", "x")

    found = await asyncio.gather(
        *(batcher.call(script, [key], [1]) for key in (KEY, "a list", KEY)), return_exceptions=True
    )
    await memo_redis.delete(KEY, "a list")

    assert isinstance(found[1], ResponseError)
    assert [found[0], found[2]] == [1, 2]


async def test_a_key_that_cannot_be_sent_harms_no_other(
    batcher: ScriptBatcher, memo_redis: Redis
) -> None:
    """Nothing of the batch has been sent then, so the others are sent without it."""
    script = memo_redis.register_script(INCREMENT)

    found = await asyncio.gather(
        *(batcher.call(script, [key], [1]) for key in (KEY, "\ud800", KEY)), return_exceptions=True
    )
    await memo_redis.delete(KEY)

    assert isinstance(found[1], UnicodeEncodeError)
    assert {found[0], found[2]} == {1, 2}


async def test_a_cancelled_caller_cancels_no_other(
    batcher: ScriptBatcher, memo_redis: Redis
) -> None:
    """The batch goes on without it."""
    script = memo_redis.register_script(INCREMENT)
    callers = [asyncio.create_task(batcher.call(script, [KEY], [1])) for _ in range(3)]
    await asyncio.sleep(0)
    callers[1].cancel()

    found = await asyncio.gather(*callers, return_exceptions=True)
    await memo_redis.delete(KEY)

    assert isinstance(found[1], asyncio.CancelledError)
    assert found[0] is not None
    assert {type(found[0]), type(found[2])} == {int}
