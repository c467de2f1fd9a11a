"""`celery -A tests.support.short_visibility worker`: hands on at once what nobody has answered."""

from orchestrator.celery_app import app
from tests.support import clumsy_tasks

__all__ = ["app", "clumsy_tasks"]

VISIBILITY_S = 2

app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_S,
}
