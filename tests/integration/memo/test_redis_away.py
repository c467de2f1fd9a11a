"""A server that is killed under the memo: nothing hangs, nothing that was paid for is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import StoreFull, StoreRefused, StoreUnavailable, open_redis
from orchestrator.memo import Memo, MemoOptions, Source
from tests.support.loading import KEY, Loader, SoldOutCodec
from tests.support.valkey import bring_back, client_of, kill, running_valkey

#: Far above what a refused connection takes, far below what a hanging one would.
BOUND_S = 15


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """Run a server that may be killed."""
    with running_valkey(tmp_path) as server:
        yield server


@pytest.fixture
async def memos(server: Valkey) -> AsyncIterator[tuple[Memo, Memo]]:
    """Return the memos of two processes; a paid answer waits for seconds, not for half a minute."""
    options = MemoOptions(lease=timedelta(seconds=1), commit_patience=timedelta(seconds=10))
    clients = [open_redis(f"{server.url}/1") for _ in range(2)]
    one, two = (Memo(client, failures=SoldOutCodec(), options=options) for client in clients)
    yield one, two
    for memo, client in zip((one, two), clients, strict=True):
        await memo.aclose()
        await client.aclose()


async def test_without_redis_nothing_is_loaded(server: Valkey, memos: tuple[Memo, Memo]) -> None:
    """A lookup says in bounded time that Redis is unavailable, and does not call the loader."""
    kill(server)
    loader = Loader()

    async with asyncio.timeout(BOUND_S):
        with pytest.raises(StoreUnavailable, match="try again later"):
            await memos[0].get(KEY, loader)

    assert loader.flights == []


@pytest.mark.parametrize(
    ("trouble", "recovery", "told"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), StoreFull),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), StoreRefused),
        (
            ("CONFIG", "SET", "min-replicas-to-write", "1"),
            ("CONFIG", "SET", "min-replicas-to-write", "0"),
            StoreRefused,
        ),
        (
            ("ACL", "SETUSER", "default", "-set"),
            ("ACL", "SETUSER", "default", "+@all"),
            StoreRefused,
        ),
    ],
    ids=["out of memory", "read-only replica", "too few replicas", "not allowed"],
)
async def test_a_server_that_refuses_to_write_sells_nothing(
    server: Valkey,
    memos: tuple[Memo, Memo],
    trouble: tuple[str, ...],
    recovery: tuple[str, ...],
    told: type[StoreUnavailable],
) -> None:
    """There is no lease, which differs from an unavailable server; afterwards all goes on."""
    loader = Loader()
    async with client_of(server, 1) as admin:
        await admin.execute_command(*trouble)  # type: ignore[no-untyped-call]  # as redis-py has it
        with pytest.raises(StoreUnavailable) as met:
            await memos[0].get(KEY, loader)
        assert type(met.value) is told
        assert loader.flights == []

        await admin.execute_command(*recovery)  # type: ignore[no-untyped-call]  # as redis-py has it
        outcome = await memos[0].get(KEY, loader)

    assert outcome.source is Source.BOUGHT


async def test_without_redis_no_door_of_the_memo_hangs(
    server: Valkey, memos: tuple[Memo, Memo]
) -> None:
    """Looking and invalidating say in bounded time that Redis is unavailable."""
    kill(server)
    memo = memos[0]

    async with asyncio.timeout(BOUND_S):
        errors = await asyncio.gather(
            memo.peek(KEY),
            memo.peek_many([KEY]),
            memo.invalidate(KEY),
            memo.invalidate_pattern("surfsense:*"),
            return_exceptions=True,
        )

    assert [type(error) for error in errors] == [StoreUnavailable] * 4


async def test_a_connection_that_was_cut_is_no_error(
    server: Valkey, memos: tuple[Memo, Memo]
) -> None:
    """The server drops its clients, as a proxy does with idle ones: the next read is a hit."""
    memo = memos[0]
    await memo.get(KEY, Loader())
    await memo.peek(KEY)

    async with client_of(server, 1) as admin:
        await admin.client_kill_filter(_type="normal", skipme=True)

    assert await memo.peek(KEY) is not None
    assert await memo.peek_many([KEY]) != [None]


async def test_a_follower_hears_that_redis_is_gone(
    server: Valkey, memos: tuple[Memo, Memo]
) -> None:
    """A wait for another process's load ends in bounded time, and loads nothing."""
    leader, follower = memos
    slow, unused = Loader(gated=True), Loader("second")
    leading = asyncio.create_task(leader.get(KEY, slow))
    await slow.started.wait()
    following = asyncio.create_task(follower.get(KEY, unused))
    await asyncio.sleep(0.1)

    kill(server)
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(StoreUnavailable):
            await following

    assert unused.flights == []
    bring_back(server)
    slow.gate.set()
    await leading


async def test_a_paid_answer_waits_for_redis_to_come_back(
    server: Valkey, memos: tuple[Memo, Memo]
) -> None:
    """Killed during the load, back within patience: the answer is stored, and a hit elsewhere."""
    leader, other = memos
    loader = Loader(gated=True, record={"order": 1})
    caller = asyncio.create_task(leader.get(KEY, loader))
    await loader.started.wait()

    kill(server)
    loader.gate.set()
    await asyncio.sleep(0.1)
    assert not caller.done()
    bring_back(server)

    assert (await caller).source is Source.BOUGHT
    assert (await other.get(KEY, Loader("second"))).source is Source.HIT


async def test_a_redis_that_stays_away_does_not_keep_the_answer_from_its_caller(
    server: Valkey,
) -> None:
    """After the patience the leader's caller gets what was paid for, and the log says so."""
    client = open_redis(f"{server.url}/1")
    options = MemoOptions(commit_patience=timedelta(milliseconds=100))
    memo = Memo(client, failures=SoldOutCodec(), options=options)
    loader = Loader(gated=True)
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    kill(server)
    loader.gate.set()
    with capture_logs() as logs:
        async with asyncio.timeout(BOUND_S):
            outcome = await caller

    assert outcome.entry.payload == {"answer": "first"}
    assert [line["key"] for line in logs if line["event"] == "memo.commit_failed"] == [KEY]
    await memo.aclose()
    await client.aclose()


async def test_a_failure_without_redis_is_still_the_callers(
    server: Valkey, memos: tuple[Memo, Memo]
) -> None:
    """A loader that fails while Redis is unavailable fails its own caller with its own error."""
    loader = Loader(gated=True, error=ZeroDivisionError())
    caller = asyncio.create_task(memos[0].get(KEY, loader))
    await loader.started.wait()

    kill(server)
    loader.gate.set()

    with pytest.raises(ZeroDivisionError):
        await caller


async def test_lookups_work_again_when_redis_is_back(
    server: Valkey, memos: tuple[Memo, Memo]
) -> None:
    """After a restart the memo goes on by itself; entries from before are there."""
    memo, elsewhere = memos
    await memo.get(KEY, Loader())
    kill(server)
    with pytest.raises(StoreUnavailable):
        await memo.get(KEY, Loader())

    bring_back(server)

    assert (await memo.get(KEY, Loader("second"))).source is Source.HIT
    slow = Loader(gated=True)
    leading = asyncio.create_task(memo.get("surfsense:beta", slow))
    await slow.started.wait()
    following = asyncio.create_task(elsewhere.get("surfsense:beta", Loader("second")))
    await asyncio.sleep(0.05)
    slow.gate.set()
    outcomes = await asyncio.gather(leading, following)
    assert {outcome.entry.payload["answer"] for outcome in outcomes} == {"first"}
