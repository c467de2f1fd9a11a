"""The Celery application by name: `celery -A orchestrator.celery_app worker --pool threads`.

A production entry: a missing setting is an error that lists every problem, never a fallback.
"""

from celery import signals

from orchestrator.infra.logs import configure_logging
from orchestrator.messaging import create_app
from orchestrator.settings import load

settings = load()
app = create_app(settings)


@signals.setup_logging.connect
def _log_our_way(**_: object) -> None:
    """Configure logging; a connected receiver keeps Celery from setting up its own."""
    configure_logging(settings.log_level)
