"""`celery -A tests.support.clumsy_tasks worker`: has tasks that keep it busy, or hang it."""

import threading

from orchestrator.celery_app import app
from tasks.runtime import worker


@app.task(name="tests.hold", shared=False)
def hold(seconds: float) -> None:
    """Keep a thread busy."""
    threading.Event().wait(seconds)


@app.task(name="tests.hang", shared=False)
def hang() -> None:
    """Have the event loop stand still."""
    worker().soon(wait_for_ever)


def wait_for_ever() -> None:
    """Do so."""
    threading.Event().wait()
