"""An invalidation wins over a load that was already under way."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.memo import Memo, Source
from tests.integration.memo.conftest import OpenMemo
from tests.support.commands import forget_commands, scripts_have_run
from tests.support.loading import GATE_S, KEY, Loader, SoldOut

#: No test waits for its end.
LONG_LEASE = timedelta(minutes=5)


async def test_an_invalidated_entry_is_loaded_again(memo: Memo) -> None:
    """What is there is removed and counted, and the next caller loads."""
    await memo.get(KEY, Loader())

    removed = await memo.invalidate(KEY, "surfsense:none")

    assert removed == 1
    assert (await memo.get(KEY, Loader("second"))).entry.payload == {"answer": "second"}


async def test_a_load_under_way_is_for_those_who_had_asked_before(
    memo: Memo, elsewhere: Memo
) -> None:
    """What was loaded before the invalidation reaches its own caller, but is not stored."""
    loader = Loader(gated=True)
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    await elsewhere.invalidate(KEY)
    loader.gate.set()
    outcome = await caller

    assert outcome.entry.payload == {"answer": "first"}
    assert await memo.peek(KEY) is None
    assert (await elsewhere.get(KEY, Loader("second"))).source is Source.BOUGHT


async def test_who_joins_after_the_invalidation_gets_a_new_load(memo: Memo) -> None:
    """A caller that asks after the invalidation never gets what was begun before it."""
    old, new = Loader(gated=True), Loader("second")
    before = asyncio.create_task(memo.get(KEY, old))
    await old.started.wait()
    await memo.invalidate(KEY)
    joiners = [asyncio.create_task(memo.get(KEY, new)) for _ in range(3)]
    await asyncio.sleep(0)

    old.gate.set()
    outcomes = await asyncio.gather(*joiners)

    assert (await before).entry.payload == {"answer": "first"}
    assert {outcome.entry.payload["answer"] for outcome in outcomes} == {"second"}
    assert len(new.flights) == 1


async def test_a_follower_elsewhere_leads_at_once_after_an_invalidation(
    open_memo: OpenMemo, memo_redis: Redis
) -> None:
    """The refused leader releases its followers long before its lease could have run out."""
    memo, elsewhere = open_memo(lease=LONG_LEASE), open_memo(lease=LONG_LEASE)
    old, new = Loader(gated=True), Loader("second")
    leading = asyncio.create_task(memo.get(KEY, old))
    await old.started.wait()
    await forget_commands(memo_redis)
    following = asyncio.create_task(elsewhere.get(KEY, new))
    await scripts_have_run(memo_redis, 1)

    await memo.invalidate(KEY)
    old.gate.set()
    await leading

    async with asyncio.timeout(GATE_S):
        outcome = await following
    assert outcome.entry.payload == {"answer": "second"}


async def test_an_invalidation_ends_the_force_of_a_failure(memo: Memo) -> None:
    """After an invalidation, a lookup may try again at once."""
    with pytest.raises(SoldOut):
        await memo.get(KEY, Loader(error=SoldOut("x")))

    await memo.invalidate(KEY)

    assert (await memo.get(KEY, Loader())).source is Source.BOUGHT


async def test_a_pattern_removes_matching_entries_only(memo: Memo) -> None:
    """What matches is removed and counted; the rest stays."""
    for name in ("acme", "acme_iberia", "beta"):
        await memo.get(f"surfsense:{name}", Loader(name))

    removed = await memo.invalidate_pattern("surfsense:acme*")

    entries = await memo.peek_many(["surfsense:acme", "surfsense:acme_iberia", "surfsense:beta"])
    assert removed == 2
    assert [entry is None for entry in entries] == [True, True, False]


async def test_a_pattern_reaches_loads_under_way(memo: Memo) -> None:
    """No load that was under way when a pattern was invalidated is stored afterwards."""
    loaders = [Loader(number, gated=True) for number in range(5)]
    callers = [
        asyncio.create_task(memo.get(f"surfsense:{number}", loader))
        for number, loader in enumerate(loaders)
    ]
    for loader in loaders:
        await loader.started.wait()

    removed = await memo.invalidate_pattern("surfsense:*")
    for loader in loaders:
        loader.gate.set()
    await asyncio.gather(*callers)

    assert removed == 0
    assert await memo.peek_many([f"surfsense:{n}" for n in range(5)]) == [None] * 5


async def test_a_pattern_ends_the_force_of_failures(memo: Memo) -> None:
    """After `surfsense:*` no lookup is refused for a failure from before."""
    with pytest.raises(SoldOut):
        await memo.get(KEY, Loader(error=SoldOut("x")))

    await memo.invalidate_pattern("surfsense:*")

    assert (await memo.get(KEY, Loader())).source is Source.BOUGHT


async def test_the_widest_pattern_spares_the_memos_own_keys(memo: Memo, memo_redis: Redis) -> None:
    """`*` forgets no record of a purchase under way, and counts only entries."""
    loader = Loader(gated=True, record={"order": 1})
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()
    await memo.get("surfsense:beta", Loader())
    await memo_redis.set(b"surfsense:\xff", b"{}", ex=60)

    removed = await memo.invalidate_pattern("*")

    assert removed == 2
    assert await memo_redis.exists(f"memo1:note:{KEY}", f"memo1:lease:{KEY}") == 2
    loader.gate.set()
    await caller
    assert await memo.peek(KEY) is None
