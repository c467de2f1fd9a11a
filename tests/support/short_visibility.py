"""`celery -A tests.support.short_visibility worker`: redelivers at once."""

from orchestrator.celery_app import app
from tests.support import clumsy_tasks

__all__ = ["app", "clumsy_tasks"]

VISIBILITY_S = 2

app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_S,
}
