"""Tasks that wake this process: for the work of a lane, and for the schedule."""

from functools import partial

from orchestrator.celery_app import app
from orchestrator.dispatch import submit
from orchestrator.jobs import Lane
from orchestrator.messaging import refuse
from orchestrator.messaging.app import TASK_TICK, TASK_WORK
from tasks.runtime import worker


@app.task(name=TASK_WORK, shared=False, typing=False)
def work(*args: object, **kwargs: object) -> None:
    """Have work of the lane `lane` taken up; returns at once, so that no thread waits.

    Idempotent: without work, or without free capacity, nothing happens.
    Retries: none by Celery; every worker looks for work each second.
    """
    lane = kwargs.get("lane", args[0] if args else None)
    if not (isinstance(lane, str) and lane in set(Lane)):
        refuse("unknown lane")
        return
    runtime = worker()
    if runtime.parts is not None:
        runtime.soon(runtime.parts.worker.runner.wake, Lane(lane))


@app.task(name=TASK_TICK, shared=False, typing=False)
def tick(*_: object, **__: object) -> None:
    """Enqueue every company that is due; takes no arguments, and ignores any.

    Idempotent: whatever ticks, and how often, each company is enqueued once a period.
    """
    runtime = worker()
    if runtime.parts is not None:
        runtime.call(runtime.parts.worker.scheduler.tick(partial(submit, runtime.parts)))
