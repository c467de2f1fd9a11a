"""Makes the Celery application, and names its tasks and queues.

Renaming one of them needs a deployment plan: messages under the old name may be on their way.
"""

from typing import Final

from celery import Celery
from kombu import Exchange, Queue

from orchestrator.messaging.profile import PROFILE, broker_settings
from orchestrator.settings import Settings

#: Documented tasks: other services enqueue by these.
TASK_ENRICH: Final = "emasai.enrich"
TASK_RUN_PIPELINE: Final = "emasai.run_pipeline"
#: Has whatever worker gets it look at the due set: what `celery beat` sends.
TASK_TICK: Final = "emasai.tick"
#: The wake-up: the name of a lane that has work.
TASK_WORK: Final = "emasai.work"

QUEUE_INTERACTIVE: Final = "interactive"
QUEUE_PIPELINE: Final = "pipeline"
QUEUE_REFRESH: Final = "refresh"
#: One queue for each lane of jobs, under the lane's own name.
QUEUES: Final = (QUEUE_INTERACTIVE, QUEUE_PIPELINE, QUEUE_REFRESH)

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
