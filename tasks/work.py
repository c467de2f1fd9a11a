"""The doorbell's other end: has one chunk of a job worked through."""

from orchestrator.celery_app import app
from orchestrator.names import TASK_WORK
from tasks.runtime import worker


@app.task(name=TASK_WORK, shared=False)
def work(job_id: str, chunk: int) -> None:
    """Have a chunk worked through; return when it is taken up, so that no thread waits.

    Idempotent: a chunk that is finished or held by another worker does nothing.
    Retries: none by Celery; the reconciler rings again for what is not finished.
    """
    runtime = worker()
    if runtime.parts is not None:
        runtime.call(runtime.parts.runner.start(job_id, chunk))
