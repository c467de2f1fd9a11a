"""What people watch Celery with works as it always does: `celery inspect`, events, Flower."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from celery import Celery

from orchestrator.messaging import WORKER_THREADS
from orchestrator.messaging.app import QUEUES, TASK_ENRICH, TASK_RUN_PIPELINE, TASK_TICK, TASK_WORK
from tests.support.crew import PATIENCE_S, CrewMember
from tests.support.site import Site, new_company, site_of
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a site with one worker."""
    with site_of(tmp_path_factory.mktemp("site")) as site:
        site.crew.start("watched").wait_until_ready(site.celery)
        yield site


@pytest.fixture
def watched(site: Site) -> CrewMember:
    """Return the worker."""
    return site.crew.members[0]


def test_a_worker_says_what_it_is(site: Site, watched: CrewMember) -> None:
    """Queues, tasks and pool, as `celery inspect` and Flower ask for them."""
    inspect = site.celery.control.inspect([watched.name], timeout=PATIENCE_S)

    queues, tasks, stats = inspect.active_queues(), inspect.registered(), inspect.stats()

    assert queues is not None
    assert tasks is not None
    assert stats is not None
    assert {each["name"] for each in queues[watched.name]} == set(QUEUES)
    ours = {TASK_ENRICH, TASK_RUN_PIPELINE, TASK_TICK, TASK_WORK}
    assert ours <= set(tasks[watched.name])
    assert stats[watched.name]["pool"]["max-concurrency"] == WORKER_THREADS


@contextmanager
def _listening(celery: Celery) -> Iterator[list[dict[str, Any]]]:
    """Collect the events of all workers for the duration of the block, as Flower does."""
    seen: list[dict[str, Any]] = []
    with celery.connection_for_read() as connection:
        receiver = celery.events.Receiver(connection, handlers={"*": seen.append})
        thread = Thread(target=receiver.capture, kwargs={"timeout": PATIENCE_S}, daemon=True)
        thread.start()
        yield seen
        receiver.should_stop = True
        thread.join()


def test_events_are_sent_while_somebody_wants_them(site: Site, watched: CrewMember) -> None:
    """Off by default; Flower turns them on by remote control, and sees each task."""
    with _listening(site.celery) as seen:

        def tasks(kind: str) -> list[str]:
            return [str(event.get("name")) for event in seen if event["type"] == kind]

        def do_work() -> None:
            company = new_company()
            site.enrich(company)
            site.until_charged(company)

        heard = "worker-heartbeat"
        wait_until(lambda: bool(tasks(heard)), description="it is heard", timeout_s=PATIENCE_S)
        do_work()
        before = tasks("task-received")
        site.celery.control.enable_events([watched.name], reply=True, timeout=PATIENCE_S)
        do_work()
        wait_until(lambda: TASK_ENRICH in tasks("task-received"), description="it is seen")
        site.celery.control.disable_events([watched.name], reply=True, timeout=PATIENCE_S)

    assert before == []
