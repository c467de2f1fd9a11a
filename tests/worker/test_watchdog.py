"""A worker that stops working although it could ends itself, and no other one does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import redis
from celery import Celery

from orchestrator.embedded import EmbeddedStack
from orchestrator.identity import company_key
from orchestrator.messaging import BrokerAway, Queues
from orchestrator.names import QUEUE_PIPELINE, QUEUE_REFRESH, TASK_ENRICH
from tasks.watching import EXIT_STALLED
from tests.support.crew import Crew, crew_of
from tests.support.sandbox import charges
from tests.support.stack import running_stack
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

CLUMSY = "tests.support.clumsy_tasks"
PATIENCE_S = 2
IMPATIENT = {"EMASAI_STALL_S": str(PATIENCE_S)}


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
        return {"CELERY_BROKER_URL": f"redis://{where}/2", **IMPATIENT}

    def order_latency(self, milliseconds: int) -> None:
        """Have SurfSense take its time."""
        url = self.stack.variables["SURFSENSE_URL"]
        faults = {"latency_min_ms": milliseconds, "latency_max_ms": milliseconds}
        httpx.post(f"{url}/__faults", json=faults).raise_for_status()

    def enrich(self, company: str) -> None:
        """Ask for a company, as other services do."""
        self.celery.send_task(TASK_ENRICH, kwargs={"companies": [company]}, queue=QUEUE_PIPELINE)

    def until_charged(self, company: str) -> None:
        """Wait until SurfSense has charged for it."""
        wait_until(
            lambda: charges(self.stack.home)[company_key(company)] > 0,
            description=f"{company} is bought",
            timeout_s=60,
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
        """Return how many messages nobody has taken."""
        queues = Queues(self.celery)
        try:
            return queues.depths([queue])[queue]
        except BrokerAway:
            return -1
        finally:
            queues.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Run a site of a test's own."""
    with running_stack(tmp_path / "home", workers=0) as stack:
        url = urlsplit(stack.variables["REDIS_URL"])
        assert url.port is not None
        broker = stack.variables["REDIS_URL"].removesuffix("/1") + "/2"
        celery = Celery(broker=broker)
        with proxy_of(url.port) as proxy, crew_of(stack.variables, tmp_path) as crew:
            yield Site(stack, proxy, crew, celery)
        celery.close()


def _company() -> str:
    return f"Compañía {uuid4().hex[:10]}"


def test_a_worker_that_hears_nothing_any_more_ends_and_another_goes_on(site: Site) -> None:
    """What it had under way is seen through and paid once; what waited is done by the next."""
    deaf = site.crew.start("deaf", **site.behind_proxy)
    site.order_latency(6000)
    under_way, unheard = _company(), _company()
    site.enrich(under_way)
    site.until_under_way(under_way)
    site.proxy.swallow_brpop()
    wait_until(lambda: site.proxy.swallowed > 0, description="nothing is heard any more")
    site.enrich(unheard)

    assert deaf.exit_code() == EXIT_STALLED
    (line,) = deaf.events("worker.stalled")
    assert line["level"] == "critical"
    assert (line["stalled"], line["queues"]) == ("consumer", [QUEUE_PIPELINE])
    assert site.is_known(under_way)

    site.crew.start("next")
    site.until_charged(unheard)
    assert charges(site.stack.home) == {company_key(under_way): 1, company_key(unheard): 1}


def test_a_worker_whose_loop_stands_still_ends_and_another_goes_on(site: Site) -> None:
    """The log says in which function it stood."""
    hung = site.crew.start("hung", app=CLUMSY, **IMPATIENT)
    site.celery.send_task("tests.hang", queue=QUEUE_PIPELINE)

    assert hung.exit_code() == EXIT_STALLED
    (line,) = hung.events("worker.stalled")
    assert line["stalled"] == "loop"
    assert any(place.endswith(" wait_for_ever") for place in line["at"])


def test_a_busy_worker_and_an_idle_one_go_on(site: Site) -> None:
    """Messages wait for three times the patience while the only thread is busy."""
    busy = site.crew.start("busy", "-c", "1", "-Q", QUEUE_PIPELINE, app=CLUMSY, **IMPATIENT)
    idle = site.crew.start("idle", "-Q", QUEUE_REFRESH, **IMPATIENT)
    for _ in range(2):
        site.celery.send_task("tests.hold", args=[3 * PATIENCE_S], queue=QUEUE_PIPELINE)
    wait_until(lambda: site.waiting(QUEUE_PIPELINE) == 1, description="one is taken, one waits")
    company = _company()
    site.enrich(company)

    site.until_charged(company)

    assert busy.is_alive
    assert idle.is_alive


def test_a_worker_without_its_broker_waits_for_it(site: Site) -> None:
    """However long it is away; then the worker takes what has waited meanwhile."""
    worker = site.crew.start("patient", **site.behind_proxy)
    first, second = _company(), _company()
    site.enrich(first)
    site.until_charged(first)

    site.proxy.go_away()
    site.enrich(second)
    looks = 3 * PATIENCE_S * 5
    wait_until(lambda: site.proxy.refused > looks, description="it tries again and again")
    assert worker.is_alive
