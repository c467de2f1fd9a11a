"""Makes the Celery application."""

from celery import Celery
from kombu import Exchange, Queue

from orchestrator.infra.names import QUEUE_PIPELINE, QUEUE_REFRESH, QUEUES, TASK_TICK
from orchestrator.messaging.profile import PROFILE, broker_settings
from orchestrator.settings import Settings

#: Seconds between two ticks of `celery beat`.
BEAT_S = 10.0


def create_app(settings: Settings) -> Celery:
    """Return a Celery application for *settings*. Opens no connection."""
    app = Celery(
        "emasai",
        set_as_current=False,
        autofinalize=True,
        amqp="orchestrator.messaging.consumer:CheckingAmqp",
    )
    app.conf.update({rule.name: rule.value for rule in PROFILE})
    app.conf.update(
        **broker_settings(settings.broker_url),
        worker_consumer="orchestrator.messaging.consumer:CheckingConsumer",
        include=["tasks.work", "tasks.enqueue", "tasks.tick"],
        task_default_queue=QUEUE_PIPELINE,
        # Each with an exchange of its own: by default all of them share one and its key, so that
        # whoever publishes to it by name reaches them all.
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        # For whoever runs `celery beat`, which nothing needs: every worker ticks by itself. Two
        # beats, or none, change nothing (celery#1495). A tick that comes late is dropped.
        beat_schedule={
            TASK_TICK: {
                "task": TASK_TICK,
                "schedule": BEAT_S,
                "options": {"queue": QUEUE_REFRESH, "expires": BEAT_S},
            }
        },
    )
    return app
