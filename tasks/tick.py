"""A tick of the schedule on demand: `celery beat` works as a ticker, beside the workers' own."""

from functools import partial

from orchestrator.celery_app import app
from orchestrator.dispatch import submit
from orchestrator.messaging.app import TASK_TICK
from tasks.runtime import worker


@app.task(name=TASK_TICK, shared=False, typing=False)
def tick(*_: object, **__: object) -> None:
    """Enqueue every company that is due; takes no arguments, and ignores any.

    Idempotent: whatever ticks, and how often, each company is enqueued once a period.
    """
    runtime = worker()
    if runtime.parts is not None:
        runtime.call(runtime.parts.worker.scheduler.tick(partial(submit, runtime.parts)))
