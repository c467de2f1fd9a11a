"""The wake-up's other end: has the next chunk of a lane worked through."""

from orchestrator.celery_app import app
from orchestrator.jobs import Lane
from orchestrator.messaging import refuse
from orchestrator.messaging.app import TASK_WORK
from tasks.runtime import worker


@app.task(name=TASK_WORK, shared=False, typing=False)
def work(*args: object, **kwargs: object) -> None:
    """Have work of the lane `lane` taken up; returns at once, so that no thread waits.

    Idempotent: without work, or without a free place in the lane's quota, nothing happens.
    Retries: none by Celery; every worker looks for work by itself each second.
    """
    lane = kwargs.get("lane", args[0] if args else None)
    if not (isinstance(lane, str) and lane in set(Lane)):
        refuse("unknown lane")
        return
    runtime = worker()
    if runtime.parts is not None:
        runtime.soon(runtime.parts.worker.runner.wake, Lane(lane))
