"""Work that does nothing, as Celery has it and as we do."""

from datetime import timedelta

from celery import Celery

from orchestrator.jobs import GivenUp, Item, JobContext, Report
from orchestrator.settings import Settings

#: How Celery's command line names the applications of `bench/noop_worker.py`.
APP, PLAIN_APP = "bench.noop_worker", "bench.noop_worker:plain"
#: The task that does nothing.
NOTHING = "bench.nothing"
#: How long jobs are remembered.
TTL = timedelta(hours=1)


class Nothing:
    """Does nothing with an item."""

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Return the report of an item that is done."""
        del item, context
        return Report({})

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the same."""
        del item, context, why
        return Report({})


def open_plain_app(settings: Settings) -> Celery:
    """Return an application as Celery's guide has it."""
    return Celery("plain", broker=settings.broker_url, set_as_current=False)
