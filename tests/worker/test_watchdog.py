"""A worker that stops working although it could ends itself, and no other one does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.identity import company_key
from orchestrator.messaging.app import QUEUE_PIPELINE, QUEUE_REFRESH
from orchestrator.messaging.liveness import EXIT_STALLED
from tests.support.sandbox import charges
from tests.support.site import Site, new_company, site_of
from tests.support.waiting import wait_until

#: A worker with tasks that keep it busy or hang it, and how long its watchdog waits.
IMPATIENT = "tests.support.impatient"
PATIENCE_S = 2


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Run a site of a test's own."""
    with site_of(tmp_path) as site:
        yield site


def test_a_worker_that_hears_nothing_any_more_ends_and_another_goes_on(site: Site) -> None:
    """What it had under way is seen through and paid once; what waited is done by the next."""
    deaf = site.crew.start("deaf", app=IMPATIENT, **site.behind_proxy)
    deaf.wait_until_ready(site.celery)
    site.order_latency(6000)
    under_way, unheard = new_company(), new_company()
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
    hung = site.crew.start("hung", app=IMPATIENT)
    hung.wait_until_ready(site.celery)
    site.celery.send_task("tests.hang", queue=QUEUE_PIPELINE)

    assert hung.exit_code() == EXIT_STALLED
    (line,) = hung.events("worker.stalled")
    assert line["stalled"] == "loop"
    assert any(place.endswith(" wait_for_ever") for place in line["at"])


def test_a_busy_worker_and_an_idle_one_go_on(site: Site) -> None:
    """Messages wait for three times the patience while the only thread is busy."""
    busy = site.crew.start("busy", "-c", "1", "-Q", QUEUE_PIPELINE, app=IMPATIENT)
    idle = site.crew.start("idle", "-Q", QUEUE_REFRESH, app=IMPATIENT)
    busy.wait_until_ready(site.celery)
    idle.wait_until_ready(site.celery)
    for _ in range(2):
        site.celery.send_task("tests.hold", args=[3 * PATIENCE_S], queue=QUEUE_PIPELINE)
    company = new_company()
    site.enrich(company)

    site.until_charged(company)

    assert busy.is_alive
    assert idle.is_alive


def test_a_worker_without_its_broker_waits_for_it(site: Site) -> None:
    """However long it is unavailable; then the worker takes what has waited meanwhile."""
    worker = site.crew.start("patient", app=IMPATIENT, **site.behind_proxy)
    worker.wait_until_ready(site.celery)
    first, second = new_company(), new_company()
    site.enrich(first)
    site.until_charged(first)

    site.proxy.go_away()
    site.enrich(second)
    looks = 3 * PATIENCE_S * 5
    wait_until(lambda: site.proxy.refused > looks, description="it tries again and again")
    assert worker.is_alive
