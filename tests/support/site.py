"""An installation for tests that start their own workers: real servers, and a proxy."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import redis
from celery import Celery

from orchestrator.app import build
from orchestrator.dispatch import submit
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from orchestrator.jobs import JobKind, NewJob
from orchestrator.messaging import BrokerAway, CeleryNotifier, Queues, create_app
from orchestrator.messaging.app import QUEUE_PIPELINE, TASK_ENRICH
from orchestrator.settings import load
from tests.support.crew import Crew, crew_of
from tests.support.loopback import loopback
from tests.support.sandbox import charges
from tests.support.stack import running_stack
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Site:
    """An installation without workers, and a proxy between Celery and its broker."""

    stack: EmbeddedStack
    proxy: TcpProxy
    crew: Crew
    celery: Celery

    @property
    def behind_proxy(self) -> dict[str, str]:
        """Settings of a worker whose broker is behind the proxy."""
        url = urlsplit(self.stack.variables["REDIS_URL"])
        where = f":{url.password}@127.0.0.1:{self.proxy.port}"
        return {"CELERY_BROKER_URL": f"redis://{where}/2"}

    def order_latency(self, milliseconds: int) -> None:
        """Have SurfSense take its time."""
        url = self.stack.variables["SURFSENSE_URL"]
        faults = {"latency_min_ms": milliseconds, "latency_max_ms": milliseconds}
        loopback.post(f"{url}/__faults", json=faults).raise_for_status()

    def enrich(self, *companies: str, queue: str = QUEUE_PIPELINE) -> None:
        """Ask for companies, as other services do."""
        self.celery.send_task(TASK_ENRICH, kwargs={"companies": companies}, queue=queue)

    def submit(self, *companies: str) -> str:
        """Ask for companies as the API does; return the id of the job, which is accepted then."""
        return asyncio.run(self._submit(companies))

    async def _submit(self, companies: tuple[str, ...]) -> str:
        settings = load(**self.stack.variables)
        notifier = CeleryNotifier(create_app(settings))
        async with build(settings, notifier=notifier) as parts:
            job = await submit(parts, NewJob(JobKind.ENRICH, companies, settings.tenant))
        await notifier.aclose()
        return job.job_id

    def until_charged(self, company: str) -> None:
        """Wait until SurfSense has charged for it."""
        wait_until(
            lambda: charges(self.stack.home)[company_key(company)] > 0,
            description=f"{company} is bought",
        )

    def until_under_way(self, company: str) -> None:
        """Wait until a worker has written down that it buys it."""
        with redis.Redis.from_url(self.stack.variables["REDIS_URL"]) as memo:
            wait_until(
                lambda: bool(memo.exists(f"memo1:note:surfsense:{company_key(company)}")),
                description=f"{company} is under way",
            )

    def is_known(self, company: str) -> bool:
        """Say whether what was bought of it is stored."""
        with redis.Redis.from_url(self.stack.variables["REDIS_URL"]) as memo:
            return bool(memo.exists(f"surfsense:{company_key(company)}"))

    def waiting(self, queue: str) -> int:
        """Return how many messages no worker has taken."""
        queues = Queues(self.celery)
        try:
            return queues.depths([queue])[queue]
        except BrokerAway:
            return -1
        finally:
            queues.close()


@contextmanager
def site_of(folder: Path, **variables: str) -> Iterator[Site]:
    """Run a site in *folder*, whose workers also get *variables*."""
    with running_stack(folder / "home", workers=0) as stack:
        url = urlsplit(stack.variables["REDIS_URL"])
        assert url.port is not None
        celery = Celery(broker=stack.variables["REDIS_URL"].removesuffix("/1") + "/2")
        with (
            proxy_of(url.port) as proxy,
            crew_of({**stack.variables, **variables}, folder) as crew,
        ):
            yield Site(stack, proxy, crew, celery)
        celery.close()


def new_company() -> str:
    """Return a name that no other test has asked for."""
    return f"Compañía x{uuid4().hex[:10]}"
