"""`celery -A tests.support.impatient worker`: clumsy tasks, and a watchdog of little patience."""

from datetime import timedelta

from orchestrator.celery_app import app
from tasks import runtime
from tests.support import clumsy_tasks

runtime.STALL_PATIENCE = timedelta(seconds=2)  # type: ignore[attr-defined]  # read at the start

__all__ = ["app", "clumsy_tasks"]
