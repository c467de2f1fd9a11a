"""`celery -A tests.support.planted_worker worker`: altered as the environment says (`planted`)."""

import os

from orchestrator.celery_app import app
from tests.support.planted import plant

__all__ = ["app"]

plant(os.environ)
