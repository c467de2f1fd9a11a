"""The doorbell through a real broker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.embedded.valkey import Valkey
from orchestrator.infra.connections import open_redis
from orchestrator.infra.names import QUEUES, TASK_WORK
from orchestrator.jobs import Lane
from orchestrator.messaging import CeleryDoorbell, create_app
from orchestrator.settings import Settings, load
from tests.support.valkey import kill, running_valkey

#: Whoever asks for a job waits while it is rung for.
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
    doorbell = CeleryDoorbell(create_app(settings))
    yield doorbell
    await doorbell.aclose()


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_ring_is_a_message_that_names_a_lane(
    doorbell: CeleryDoorbell, broker: Redis, lane: Lane
) -> None:
    """Nothing else travels: the record is the truth. Each lane has a queue of its own."""
    await doorbell.ring(lane, 2)

    messages = await broker.lrange(lane, 0, -1)
    assert len(messages) == 2
    envelope = orjson.loads(messages[0])
    assert envelope["headers"]["task"] == TASK_WORK
    assert envelope["content-type"] == "application/json"
    assert envelope["headers"]["kwargsrepr"] == f"{{'lane': '{lane.value}'}}"


async def test_a_worker_hears_the_lanes_it_was_started_for(shared_valkey: Valkey) -> None:
    """All of them, or those of its `-Q`."""
    app = create_app(_settings(shared_valkey))
    doorbell = CeleryDoorbell(app)
    everything = doorbell.heard()

    app.amqp.queues.select(["interactive"])
    chosen = doorbell.heard()
    await doorbell.aclose()

    assert everything == set(QUEUES) == set(Lane)
    assert chosen == {"interactive"}


async def test_a_broker_that_is_away_is_logged_and_not_raised(tmp_path: Path) -> None:
    """Accepting work does not depend on the broker: the reconciler rings again."""
    with running_valkey(tmp_path) as server:
        settings = _settings(server)
        doorbell = CeleryDoorbell(create_app(settings))
        kill(server)

        with capture_logs() as logs:
            async with asyncio.timeout(WORTH_A_RING_S):
                await doorbell.ring(Lane.PIPELINE)
        await doorbell.aclose()

    assert [line["event"] for line in logs] == ["doorbell.not_sent"]
    assert server.url.split("@")[0] not in repr(logs)
