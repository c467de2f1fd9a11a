"""The background loops of a worker: none ends with an error, whatever the error is.

The loops come from `dispatch.worker_loops`, which workers run, so a new one is tested, too; that
nothing else starts a loop by itself is held by tests/project/test_loops.py.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from orchestrator.app import build
from orchestrator.dispatch import worker_loops
from orchestrator.infra.background import Loop, Supervisor, end_task
from orchestrator.memo import Flight, Loaded
from orchestrator.settings import Settings
from tests.support.async_waiting import eventually
from tests.support.notifier import FakeNotifier
from tests.support.planted_surfsense import (
    CAPABILITIES,
    HEALTHY,
    KEY,
    WORKSPACE,
    PlantedSurfSense,
)

SOON = timedelta(milliseconds=5)
NAMES = (
    "reconciler",
    "sweeper",
    "cache repair",
    "pruner of evidence",
    "pruner of handovers",
    "outbox relay",
    "scheduler",
    "clock",
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with which every loop is run."""
    return settings.model_copy(
        update={
            "webhook_url": SecretStr("http://127.0.0.1:1/"),
            "webhook_secret": SecretStr("whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"),
        }
    )


async def test_every_loop_of_a_worker_is_tested_here(
    settings: Settings, notifier: FakeNotifier
) -> None:
    """Who adds a loop adds its name to this file, and to the page on operations."""
    async with build(settings, notifier=notifier) as runtime:
        assert tuple(loop.name for loop in worker_loops(runtime)) == NAMES


async def test_a_worker_that_buys_by_workspace_reads_its_verbs(
    settings: Settings, notifier: FakeNotifier
) -> None:
    """Before the first purchase, and then from time to time; nothing is bought for it."""
    async with PlantedSurfSense(HEALTHY) as surfsense:
        workspace = {
            "surfsense_url": SecretStr(surfsense.url),
            "surfsense_protocol": "workspace",
            "surfsense_api_key": SecretStr(KEY),
            "surfsense_workspace_id": WORKSPACE["name"],
        }
        async with build(settings.model_copy(update=workspace), notifier=notifier) as runtime:
            *others, loop = worker_loops(runtime)
            await loop.work()

    assert (*(each.name for each in others), loop.name) == (*NAMES, "surfsense")
    assert surfsense.asked == [("GET", "/api/v1/workspaces"), ("GET", CAPABILITIES)]


@pytest.mark.parametrize("name", NAMES)
async def test_a_loop_goes_on_after_an_unknown_error(
    name: str, settings: Settings, notifier: FakeNotifier
) -> None:
    """Its first round raises an unexpected error; the second does the loop's real work."""
    supervisor = Supervisor(first_pause=SOON, longest_pause=SOON)
    async with build(settings, notifier=notifier) as runtime:
        (loop,) = (each for each in worker_loops(runtime) if each.name == name)
        task = supervisor.start(_failing_once(loop))

        async def goes_on() -> bool:
            return supervisor.failures == {name: 1} and not supervisor.failing

        try:
            await eventually(goes_on, f"{name} has done a round after the error")
            assert not task.done()
        finally:
            await end_task(task)


async def test_the_memo_s_own_loops_are_watched_too(
    settings: Settings, notifier: FakeNotifier
) -> None:
    """They begin with the first flight, under the supervisor whose failures the doctor names."""
    supervisor = Supervisor()

    async def load(flight: Flight) -> Loaded:
        return Loaded("found", {}, timedelta(minutes=1), flight.past_ms())

    async with build(settings, notifier=notifier, supervisor=supervisor) as runtime:
        await runtime.purchasing.memo.get("surfsense:acme", load)

    assert {"memo-heartbeat", "memo-notices"} <= supervisor.failures.keys()


def _failing_once(loop: Loop) -> Loop:
    rounds = iter([True])

    async def work() -> object:
        if next(rounds, False):
            raise KeyError("a field of a stored note")
        return await loop.work()

    return replace(loop, work=work, every=SOON)
