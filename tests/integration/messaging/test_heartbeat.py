"""Heartbeats: who works, as each worker says of itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.infra.background import Supervisor, end_task
from orchestrator.infra.redis_client import open_redis
from orchestrator.messaging import Heartbeat, Workers, WorkerSelf, WorkerState
from tests.support.async_waiting import eventually
from tests.support.valkey import bring_back, kill, running_valkey

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = timedelta(milliseconds=20)


def beat(name: str = "a@host") -> Heartbeat:
    """Return a worker's first sign of life."""
    return Heartbeat.of_this_process(name, NOW, version="1", profile="p", policy="q")


@asynccontextmanager
async def living(workers: Workers, name: str = "a@host") -> AsyncIterator[WorkerSelf]:
    """Give signs of life, and leave at the end."""
    supervisor = Supervisor()
    lanes = frozenset({"refresh", "pipeline"})
    me = WorkerSelf(
        workers,
        beat(name),
        lanes=lambda: lanes,
        unheard_for=lambda: 7 * SOON,
        clock_ahead=timedelta,
        supervisor=supervisor,
        period=SOON,
    )
    task = supervisor.start(me.loop)
    yield me
    await end_task(task)
    await me.leave()


async def test_a_worker_that_lives_is_seen_until_it_leaves(jobs_redis: Redis) -> None:
    """With what it reports; afterwards there is no worker."""
    workers = Workers(jobs_redis)

    async with living(workers, "b@host"), living(workers, "a@host"):

        async def are_two() -> bool:
            return len(await workers.alive()) == 2

        await eventually(are_two, "both are seen")
        first, second = await workers.alive()

    assert [first.name, second.name] == ["a@host", "b@host"]
    assert first.started_at == NOW
    assert first.lanes == ("pipeline", "refresh")
    assert (first.version, first.profile, first.policy) == ("1", "p", "q")
    assert first.state is WorkerState.WORKING
    assert first.unheard_s == 0.14
    assert await workers.alive() == []


async def test_a_worker_that_died_is_forgotten_by_itself(jobs_redis: Redis) -> None:
    """Its last heartbeat lapses, and the next reader removes it from the list."""
    workers = Workers(jobs_redis, ttl=SOON)
    await workers.put(beat())

    async def is_gone() -> bool:
        return not await workers.alive()

    await eventually(is_gone, "its sign has lapsed")
    assert not await jobs_redis.exists("workers1:all")


async def test_what_a_worker_is_about_to_do_is_told_at_once(jobs_redis: Redis) -> None:
    """Not with the next sign, which may come when the process has ended."""
    workers, hour, supervisor = Workers(jobs_redis), timedelta(hours=1), Supervisor()
    me = WorkerSelf(
        workers,
        beat(),
        lanes=frozenset,
        unheard_for=timedelta,
        clock_ahead=timedelta,
        supervisor=supervisor,
        period=hour,
    )
    task = supervisor.start(me.loop)
    me.become(WorkerState.STALLED)

    async def is_told() -> bool:
        return [each.state for each in await workers.alive()] == [WorkerState.STALLED]

    await eventually(is_told, "it is told")
    await end_task(task)


async def test_a_redis_that_is_away_is_waited_out(tmp_path: Path) -> None:
    """The worker goes on, and is seen again when Redis is back."""
    with running_valkey(tmp_path / "valkey") as server:
        async with open_redis(f"{server.url}/3") as redis:
            workers = Workers(redis)
            async with living(workers):

                async def is_seen() -> object:
                    return await workers.alive()

                await eventually(is_seen, "it is seen")
                kill(server)
                bring_back(server)
                await redis.flushdb()
                await eventually(is_seen, "it is seen again")


@pytest.mark.parametrize("record", [b"\xff", b"{}", b"[]", b"5", b'{"id": 5}'], ids=repr)
async def test_a_heartbeat_that_cannot_be_read_hides_no_other(
    jobs_redis: Redis, record: bytes
) -> None:
    """Nor does a member of their set that is none, or another value in its place."""
    workers = Workers(jobs_redis)
    await workers.put(beat())
    await jobs_redis.set("workers1:bad", record, px=60_000)
    await jobs_redis.sadd("workers1:all", "bad", b"\xff")

    assert [each.name for each in await workers.alive()] == ["a@host"]

    await jobs_redis.set("workers1:all", b"\xff", px=60_000)
    assert await workers.alive() == []
    await workers.put(beat())
    assert [each.name for each in await workers.alive()] == ["a@host"]
