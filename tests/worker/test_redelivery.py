"""What a killed worker had taken and not answered comes back, whatever other worker runs."""

import signal
from pathlib import Path

from orchestrator.messaging import VISIBILITY_TIMEOUT_S
from orchestrator.messaging.app import QUEUE_PIPELINE, QUEUE_REFRESH
from tests.support.crew import PATIENCE_S
from tests.support.site import site_of
from tests.support.waiting import wait_until


def test_a_message_that_a_killed_worker_had_taken_comes_back(tmp_path: Path) -> None:
    """Soon after its visibility timeout, which is shortened here.

    The profile has workers look for such messages ten times as often as Celery would.
    """
    with site_of(tmp_path) as site:
        first = site.crew.start(
            "first", "-c", "1", "-Q", QUEUE_PIPELINE, app="tests.support.clumsy_tasks"
        )
        other = site.crew.start("other", "-Q", QUEUE_REFRESH, app="tests.support.short_visibility")
        first.wait_until_ready(site.celery)
        other.wait_until_ready(site.celery)
        site.celery.send_task("tests.hold", args=[VISIBILITY_TIMEOUT_S], queue=QUEUE_PIPELINE)
        wait_until(
            lambda: "Task tests.hold" in first.log.read_text("utf-8"), description="it is taken"
        )

        first.send(signal.SIGKILL)
        first.exit_code()

        wait_until(
            lambda: site.waiting(QUEUE_PIPELINE) == 1,
            description="it has come back",
            timeout_s=PATIENCE_S,
        )
