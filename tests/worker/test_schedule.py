"""The schedule in real processes: workers tick by themselves, and `celery beat` ticks, too."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import redis as blocking

from orchestrator.app import build
from orchestrator.infra.clock import utc_now
from orchestrator.messaging.app import QUEUE_REFRESH, TASK_TICK
from orchestrator.schedule import new_watch
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.forking import forked
from tests.support.notifier import FakeNotifier
from tests.support.sandbox import charges
from tests.support.stack import running_stack, working_stack
from tests.support.waiting import wait_until


async def test_workers_look_at_what_is_due(tmp_path: Path) -> None:
    """Nothing else need run; the seller's bill has one purchase, and the watch its outcome."""
    with working_stack(tmp_path) as stack:
        async with build(load(**stack.variables), notifier=FakeNotifier()) as parts:
            name, past = f"Compañía x{uuid4().hex[:10]}", utc_now() - timedelta(days=1)
            watch = new_watch(name, tenant="default", every=timedelta(days=7), now=past)
            await parts.schedule.watches.add([replace(watch, next_at=past)])
            await parts.schedule.due.put({watch.id: past})

            async def has_run() -> object:
                return (await parts.schedule.watches.of([watch.id]))[watch.id].outcome

            await eventually(has_run, "a worker has looked")
            after = (await parts.schedule.watches.of([watch.id]))[watch.id]

    assert after.next_at > utc_now()
    assert charges(tmp_path)[watch.company_key] == 1


def test_celery_beat_sends_ticks(tmp_path: Path) -> None:
    """A real beat, for those who have one: its message is the tick, on our queue."""
    with running_stack(tmp_path, workers=0) as stack:
        command = ("celery", "-A", "orchestrator.celery_app", "beat", "--pidfile", "")
        beat = forked(
            (*command, "--schedule", str(tmp_path / "beat")),
            env={**os.environ, **stack.variables},
            log=tmp_path / "beat.log",
        )
        broker = stack.variables["REDIS_URL"].removesuffix("/1") + "/2"
        try:
            with blocking.Redis.from_url(broker) as client:
                wait_until(lambda: bool(client.llen(QUEUE_REFRESH)), description="beat has ticked")
                (message,) = client.lrange(QUEUE_REFRESH, 0, 0)
        finally:
            beat.kill()
            beat.wait()

    assert orjson.loads(message)["headers"]["task"] == TASK_TICK
