"""The notifier on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.jobs import Lane
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.messaging.app import QUEUES, TASK_WORK
from orchestrator.settings import Settings, load
from tests.support.valkey import kill, running_valkey

#: How long a caller waits while its job is announced.
NOTIFY_PATIENCE_S = 4


def _settings(server: Valkey) -> Settings:
    return load(
        REDIS_URL=server.url, DATABASE_URL="sqlite:///x.db", SURFSENSE_URL="http://127.0.0.1:1"
    )


@pytest.fixture
async def broker(shared_valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 2, emptied of what Celery keeps there permanently."""
    async with open_redis(f"{shared_valkey.url}/2") as client:
        yield client
        await client.flushdb()


@pytest.fixture
async def notifier(shared_valkey: Valkey) -> AsyncIterator[CeleryNotifier]:
    """Return the notifier of a running installation."""
    settings = _settings(shared_valkey)
    notifier = CeleryNotifier(create_app(settings))
    yield notifier
    await notifier.aclose()


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_wake_up_is_a_message_that_names_a_lane(
    notifier: CeleryNotifier, broker: Redis, lane: Lane
) -> None:
    """Nothing else travels: the record is the truth. Each lane has a queue of its own."""
    await notifier.notify(lane, 2)

    messages = await broker.lrange(lane, 0, -1)
    assert len(messages) == 2
    envelope = orjson.loads(messages[0])
    assert envelope["headers"]["task"] == TASK_WORK
    assert envelope["content-type"] == "application/json"
    assert envelope["headers"]["kwargsrepr"] == f"{{'lane': '{lane.value}'}}"


async def test_a_worker_hears_the_lanes_it_was_started_for(shared_valkey: Valkey) -> None:
    """All of them, or those of its `-Q`."""
    app = create_app(_settings(shared_valkey))
    notifier = CeleryNotifier(app)
    everything = notifier.lanes()

    app.amqp.queues.select(["interactive"])
    chosen = notifier.lanes()
    await notifier.aclose()

    assert everything == set(QUEUES) == set(Lane)
    assert chosen == {"interactive"}


async def test_a_broker_that_is_away_is_logged_and_not_raised(tmp_path: Path) -> None:
    """Accepting work does not depend on the broker: workers look by themselves."""
    with running_valkey(tmp_path) as server:
        settings = _settings(server)
        notifier = CeleryNotifier(create_app(settings))
        kill(server)

        with capture_logs() as logs:
            async with asyncio.timeout(NOTIFY_PATIENCE_S):
                await notifier.notify(Lane.PIPELINE)
        await notifier.aclose()

    assert [line["event"] for line in logs] == ["wake_up.not_sent"]
    assert server.url.split("@")[0] not in repr(logs)
