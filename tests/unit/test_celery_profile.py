"""The Celery profile."""

from celery.app.defaults import DEFAULTS

from orchestrator.messaging import create_app
from orchestrator.settings import Settings

#: Celery's own note on what it was given.
ADDED_BY_CELERY = {"deprecated_settings"}
APP = create_app(
    Settings.model_validate(
        {
            "REDIS_URL": "redis://localhost:6379",
            "DATABASE_URL": "sqlite:///unused.sqlite",
            "SURFSENSE_URL": "http://localhost:1",
        }
    )
)


def test_celery_knows_every_setting_of_the_profile() -> None:
    """A misspelt setting, which Celery would ignore without a word, is found here."""
    ours = set(APP.conf.changes or ()) - ADDED_BY_CELERY

    assert "worker_pool" in ours
    assert ours <= set(DEFAULTS)


def test_a_worker_never_gives_its_broker_up() -> None:
    """Neither at its start nor later, however long the broker is away."""
    assert APP.conf.broker_connection_retry_on_startup
    assert APP.conf.broker_connection_retry
    assert APP.conf.broker_connection_max_retries is None
