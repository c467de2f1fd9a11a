"""Valkey is killed and comes back: idle or busy, a worker takes messages again by itself."""

import json
from pathlib import Path

import psutil

from orchestrator.messaging.app import QUEUE_PIPELINE, QUEUE_REFRESH
from tests.support.site import Site, new_company, site_of
from tests.support.waiting import wait_until


def _valkey(site: Site) -> psutil.Process:
    state = json.loads((site.stack.home / "stack.json").read_text("utf-8"))
    running = [psutil.Process(child["pid"]) for child in state["children"]]
    (valkey,) = [process for process in running if "valkey" in process.name()]
    return valkey


def _kill_valkey(site: Site) -> None:
    """Kill it, and wait until the stack has started it again."""
    victim = _valkey(site)
    victim.kill()

    def is_back() -> bool:
        try:
            return _valkey(site).pid != victim.pid and site.waiting(QUEUE_PIPELINE) >= 0
        except (psutil.NoSuchProcess, ValueError):
            return False

    wait_until(is_back, description="Valkey is back")


def test_workers_take_messages_again_after_the_broker_was_killed(tmp_path: Path) -> None:
    """Three times over; neither ends for it, and remote control answers again, too."""
    with site_of(tmp_path) as site:
        site.order_latency(3000)
        busy = site.crew.start("busy", "-Q", QUEUE_PIPELINE)
        idle = site.crew.start("idle", "-Q", QUEUE_REFRESH)
        idle.wait_until_ready(site.celery)
        for _ in range(3):
            under_way = new_company()
            site.enrich(under_way)
            site.until_under_way(under_way)

            _kill_valkey(site)

            for queue in (QUEUE_PIPELINE, QUEUE_REFRESH):
                company = new_company()
                site.enrich(company, queue=queue)
                site.until_charged(company)
            site.until_charged(under_way)
        idle.wait_until_ready(site.celery)
        busy.wait_until_ready(site.celery)

        assert busy.is_alive
        assert idle.is_alive
