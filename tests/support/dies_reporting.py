"""`celery -A tests.support.dies_reporting worker`: dies by `kill -9` with a result in its hands.

What it has bought is stored by then, and not reported.
"""

import os
import signal

from orchestrator.celery_app import app
from orchestrator.jobs import JobRecords, Report

__all__ = ["app"]


async def _die(_: JobRecords, job_id: str, number: int, report: Report) -> bool:
    del job_id, number, report
    os.kill(os.getpid(), signal.SIGKILL)
    return False


JobRecords.report = _die  # type: ignore[method-assign,assignment]  # of this process alone
