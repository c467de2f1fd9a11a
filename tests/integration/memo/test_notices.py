"""The subscription that tells followers, and what they do when it breaks."""

import asyncio

from redis.asyncio import Redis

from orchestrator.memo import Memo, Source
from orchestrator.memo.store import CHANNEL
from tests.integration.memo.conftest import OpenMemo
from tests.support.async_waiting import eventually
from tests.support.commands import forget_commands, scripts_have_run
from tests.support.loading import KEY, Loader


async def test_a_lost_subscription_is_replaced_and_followers_look_again(
    memo: Memo, elsewhere: Memo, memo_redis: Redis
) -> None:
    """Whatever was published while it did not listen, a follower asks once it listens again."""
    loader = Loader(gated=True)
    leading = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()
    await forget_commands(memo_redis)
    following = asyncio.create_task(elsewhere.get(KEY, Loader("second")))
    await scripts_have_run(memo_redis, 2)  # it has asked, and again when it was subscribed
    await forget_commands(memo_redis)

    await memo_redis.client_kill_filter(_type="pubsub", skipme=False)

    await scripts_have_run(memo_redis, 1)  # long before the lease could have run out
    loader.gate.set()
    assert (await following).source is Source.COALESCED
    await leading


async def test_one_subscription_serves_all_keys_of_a_process(memo: Memo, memo_redis: Redis) -> None:
    """However many keys are waited for, the process listens once."""
    loaders = [Loader(number, gated=True) for number in range(10)]
    callers = [
        asyncio.create_task(memo.get(f"surfsense:{number}", loader))
        for number, loader in enumerate(loaders)
    ]
    for loader in loaders:
        await loader.started.wait()

    async def listens_once() -> bool:
        return await memo_redis.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 1)]

    await eventually(listens_once, "the process listens")
    for loader in loaders:
        loader.gate.set()
    await asyncio.gather(*callers)


async def test_closing_ends_at_any_moment_of_the_subscription(
    open_memo: OpenMemo,
) -> None:
    """A memo closes even if its subscription is just being made."""
    for _ in range(30):
        memo = open_memo()
        await memo.get(KEY, Loader())
        await memo.invalidate(KEY)
        async with asyncio.timeout(5):
            await memo.aclose()
