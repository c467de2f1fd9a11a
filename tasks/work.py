"""The doorbell's other end: works through one chunk of a job."""

from orchestrator.celery_app import app
from orchestrator.names import TASK_WORK
from tasks.runtime import worker


@app.task(name=TASK_WORK, shared=False)
def work(job_id: str, chunk: int) -> None:
    """Work through a chunk.

    Idempotent: a chunk that is finished or held by another worker does nothing.
    Retries: none by Celery; the reconciler rings again for what is not finished.
    """
    runtime = worker()
    if runtime.parts is not None:
        runtime.call(runtime.parts.runner.run(job_id, chunk))
