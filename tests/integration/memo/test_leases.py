"""Who leads, for how long, and who may write."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.lease import RENEWALS
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Flight, LeaseLost, Loaded, Memo, MemoOptions, Source
from orchestrator.memo.memo import TAKE_OVERS
from tests.integration.memo.conftest import SHORT_LEASE, OpenMemo
from tests.support.async_waiting import eventually
from tests.support.commands import commands, forget_commands, scripts_have_run
from tests.support.loading import GATE_S, KEY, Loader, SoldOutCodec
from tests.support.tcp_proxy import TcpProxy, proxy_of

LEASE_KEY = f"memo1:lease:{KEY}"
RECORD_KEY = f"memo1:note:{KEY}"
#: Replies are held back for most of it.
SLOW_LEASE = timedelta(seconds=2)


@pytest.fixture
def slow_server(shared_valkey: Valkey) -> Iterator[TcpProxy]:
    """Stand in front of the server."""
    with proxy_of(urlsplit(shared_valkey.url).port or 0) as proxy:
        yield proxy


@pytest.fixture
async def slow_memo(slow_server: TcpProxy, shared_valkey: Valkey) -> AsyncIterator[Memo]:
    """Return a memo whose server answers late."""
    address, _, _ = shared_valkey.url.rpartition(":")
    async with open_redis(f"{address}:{slow_server.port}/1") as redis:
        memo = Memo(redis, failures=SoldOutCodec(), options=MemoOptions(lease=SLOW_LEASE))
        yield memo
        await memo.aclose()


async def test_a_load_longer_than_its_lease_keeps_it(
    open_memo: OpenMemo, memo_redis: Redis
) -> None:
    """A slow answer is renewed for as long as it takes; followers keep waiting for it."""
    memo, elsewhere = open_memo(lease=SHORT_LEASE), open_memo(lease=SHORT_LEASE)
    slow, unused = Loader(gated=True), Loader("second")
    leading = asyncio.create_task(memo.get(KEY, slow))
    await slow.started.wait()
    await forget_commands(memo_redis)
    following = asyncio.create_task(elsewhere.get(KEY, unused))

    async def three_leases_have_passed() -> bool:
        # A third of a lease passes between two renewals.
        return await commands(memo_redis, "pexpire") >= 10

    await eventually(three_leases_have_passed, "three leases have passed")
    slow.gate.set()
    outcomes = await asyncio.gather(leading, following)

    assert [outcome.source for outcome in outcomes] == [Source.BOUGHT, Source.COALESCED]
    assert unused.flights == []


async def test_after_a_flight_neither_lease_nor_record_is_left(
    memo: Memo, memo_redis: Redis
) -> None:
    """A stored answer ends the flight: nothing says that a process still works on it."""
    await memo.get(KEY, Loader(record={"order": 1}))

    assert not await memo_redis.exists(LEASE_KEY, RECORD_KEY)


async def test_a_leader_that_nobody_followed_may_still_store(memo: Memo, memo_redis: Redis) -> None:
    """A lease that ran out unnoticed does not cost the answer: its record proves the leader."""
    loader = Loader(gated=True, record={"order": 1})
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    await memo_redis.delete(LEASE_KEY)
    loader.gate.set()
    await caller

    assert (await memo.get(KEY, Loader("second"))).source is Source.HIT
    assert not await memo_redis.exists(RECORD_KEY)


async def test_a_successor_receives_the_record_and_the_late_write_is_refused(
    memo: Memo, elsewhere: Memo, memo_redis: Redis
) -> None:
    """A successor reads what the first leader had written, and only the successor may write."""
    first, second = Loader("late", gated=True, record={"order": 1}), Loader("second")
    late = asyncio.create_task(memo.get(KEY, first))
    await first.started.wait()
    await memo_redis.delete(LEASE_KEY)  # as if the leader had stood still for too long

    await elsewhere.get(KEY, second)
    first.gate.set()
    outcome = await late

    assert second.flights[0].record == {"written_by": first.flights[0].token, "order": 1}
    assert outcome.entry.payload == {"answer": "late"}
    entry = await memo.peek(KEY)
    assert entry is not None
    assert entry.payload == {"answer": "second"}


async def test_a_leader_that_was_overtaken_may_not_begin_to_pay(
    memo: Memo, memo_redis: Redis
) -> None:
    """Writing a record after another has taken over raises LeaseLost and changes nothing.

    The lookup asks again who leads, and gives up when it was overtaken a few times.
    """
    taken_over: list[object] = []

    async def overtaken(flight: Flight) -> Loaded:
        await memo_redis.set(LEASE_KEY, "another", px=60_000)
        await memo_redis.set(RECORD_KEY, b'{"written_by":"another"}', px=60_000)
        try:
            await flight.write_record({"order": 2})
        finally:
            taken_over.append(await memo_redis.get(RECORD_KEY))
            await memo_redis.delete(LEASE_KEY, RECORD_KEY)
        raise AssertionError("it may pay")

    with pytest.raises(LeaseLost):
        await memo.get(KEY, overtaken)

    assert taken_over == TAKE_OVERS * [b'{"written_by":"another"}']


async def test_a_leader_is_certain_of_its_lease_from_its_request_on_and_not_from_the_reply(
    slow_server: TcpProxy, memo_redis: Redis, slow_memo: Memo
) -> None:
    """A reply that was under way for most of the lease says nothing about the rest of it."""
    loader = Loader(gated=True)
    await slow_memo.get("surfsense:another", Loader())  # the scripts are known, and it listens

    slow_server.hold_back_script_replies()
    leading = asyncio.create_task(slow_memo.get(KEY, loader))
    await _is_nearly_over(memo_redis)
    slow_server.let_through()
    await loader.started.wait()
    await _is_over(memo_redis)

    (flight,) = loader.flights
    assert not flight.lease.is_certain
    loader.gate.set()
    await leading


async def test_a_renewal_counts_from_its_request_on_and_not_from_the_reply(
    slow_server: TcpProxy, memo_redis: Redis, slow_memo: Memo
) -> None:
    """As the lease itself."""
    loader = Loader(gated=True)
    await forget_commands(memo_redis)
    leading = asyncio.create_task(slow_memo.get(KEY, loader))
    await scripts_have_run(memo_redis, 2)  # it leads, and has renewed its lease once
    (flight,) = loader.flights

    slow_server.hold_back_script_replies()
    await _is_nearly_over(memo_redis)
    slow_server.let_through()
    await _is_over(memo_redis)

    assert not flight.lease.is_certain
    loader.gate.set()
    await leading


async def _is_nearly_over(redis: Redis) -> None:
    """Wait until less of the lease is left than passes between a reply and the next renewal."""
    await eventually(lambda: redis.exists(LEASE_KEY), "it leads")
    share_ms = SLOW_LEASE / (RENEWALS + 1) // timedelta(milliseconds=1)

    async def is_nearly_over() -> bool:
        return int(await redis.pttl(LEASE_KEY)) < share_ms

    await eventually(is_nearly_over, "the lease is nearly over")


async def _is_over(redis: Redis) -> None:
    async def is_over() -> bool:
        return not await redis.exists(LEASE_KEY)

    await eventually(is_over, "the lease is over")


async def test_joiners_of_an_overtaken_leader_try_for_themselves(memo: Memo) -> None:
    """LeaseLost concerns the leader alone."""
    leads, gate = asyncio.Event(), asyncio.Event()

    async def overtaken(flight: Flight) -> Loaded:
        leads.set()
        async with asyncio.timeout(GATE_S):
            await gate.wait()
        raise LeaseLost(flight.key)

    leading = asyncio.create_task(memo.get(KEY, overtaken))
    await leads.wait()
    joining = asyncio.create_task(memo.get(KEY, Loader("second")))
    await asyncio.sleep(0)

    gate.set()
    outcome = await joining

    with pytest.raises(LeaseLost):
        await leading
    assert outcome.entry.payload == {"answer": "second"}
