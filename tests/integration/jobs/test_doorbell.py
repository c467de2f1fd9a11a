"""The doorbell through a real broker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.connections import open_redis
from orchestrator.embedded.valkey import Valkey
from orchestrator.messaging import CeleryDoorbell, create_app
from orchestrator.names import QUEUE_PIPELINE, TASK_WORK
from orchestrator.settings import Settings, load
from tests.support.valkey import kill, running_valkey

#: A job has hundreds of chunks, and whoever asks for it waits while they are rung for.
WORTH_A_RING_S = 4


def _settings(server: Valkey) -> Settings:
    return load(
        REDIS_URL=server.url, DATABASE_URL="sqlite:///x.db", SURFSENSE_URL="http://127.0.0.1:1"
    )


@pytest.fixture
async def broker(shared_valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 2, emptied of what Celery keeps there for ever."""
    async with open_redis(f"{shared_valkey.url}/2") as client:
        yield client
        await client.flushdb()


@pytest.fixture
async def doorbell(shared_valkey: Valkey) -> AsyncIterator[CeleryDoorbell]:
    """Return the doorbell of a running installation."""
    settings = _settings(shared_valkey)
    doorbell = CeleryDoorbell(create_app(settings), settings)
    yield doorbell
    await doorbell.aclose()


async def test_a_ring_is_a_message_with_a_job_and_a_chunk(
    doorbell: CeleryDoorbell, broker: Redis
) -> None:
    """Nothing else travels: the record is the truth."""
    await doorbell.ring("j1", 3)

    (message,) = await broker.lrange(QUEUE_PIPELINE, 0, -1)
    envelope = orjson.loads(message)
    assert envelope["headers"]["task"] == TASK_WORK
    assert envelope["content-type"] == "application/json"
    assert "j1" in envelope["headers"]["kwargsrepr"]


async def test_waiting_rings_are_counted(doorbell: CeleryDoorbell, broker: Redis) -> None:
    """The reconciler rings no more while there are some."""
    del broker
    assert await doorbell.waiting() == 0

    for chunk in range(3):
        await doorbell.ring("j1", chunk)

    assert await doorbell.waiting() == 3


async def test_a_broker_that_is_away_is_logged_and_not_raised(tmp_path: Path) -> None:
    """Accepting work does not depend on the broker: the reconciler rings again."""
    with running_valkey(tmp_path) as server:
        settings = _settings(server)
        doorbell = CeleryDoorbell(create_app(settings), settings)
        kill(server)

        with capture_logs() as logs:
            async with asyncio.timeout(WORTH_A_RING_S):
                await doorbell.ring("j1", 0)
            waiting = await doorbell.waiting()
        await doorbell.aclose()

    assert waiting == 0
    assert [line["event"] for line in logs] == ["doorbell.not_sent", "doorbell.queue_unknown"]
    assert server.url.split("@")[0] not in repr(logs)
