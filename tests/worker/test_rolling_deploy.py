"""Workers are replaced one by one at work: nothing is lost, nothing is paid for twice."""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Self

from orchestrator.identity import company_key
from orchestrator.messaging import VISIBILITY_TIMEOUT_S
from tests.support.crew import PATIENCE_S, CrewMember
from tests.support.sandbox import charges, twice
from tests.support.site import Site, new_company, site_of
from tests.support.waiting import wait_until

WORKERS = 2
#: Purchases that wait for each other, so that there is always something under way.
SLOW = {"EMASAI_MAX_IN_FLIGHT": "4"}
LATENCY_MS = 400
#: Companies of one message, and how many of them may wait to be bought.
COMPANIES = 10
BACKLOG = 60
#: Purchases of which a run is found again when their buyer has died.
WORKSPACE = {
    "SURFSENSE_PROTOCOL": "workspace",
    "SURFSENSE_API_KEY": "ss_pat_rolling",
    "SURFSENSE_WORKSPACE_ID": "1",
}


def _in_ledger(site: Site, outcome: str = "%") -> set[str]:
    """Return the companies of which a purchase has ended, with *outcome* or with any."""
    statement = "SELECT company_key FROM purchases WHERE outcome LIKE ?"
    with closing(sqlite3.connect(site.stack.home / "emasai.sqlite")) as connection:
        return {key for (key,) in connection.execute(statement, (outcome,))}


class Feeder:
    """Other callers that ask for new companies without end, while not too many wait."""

    def __init__(self, site: Site, ask: Callable[..., object]) -> None:
        self._site = site
        self._ask = ask
        self._over = Event()
        self._thread = Thread(target=self._feed, daemon=True)
        self.asked: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def has_all(self) -> bool:
        """Say whether SurfSense has answered about each company, be it that it knows none."""
        return self.asked <= _in_ledger(self._site)

    def _feed(self) -> None:
        while not self._over.wait(0.05):
            if len(self.asked - _in_ledger(self._site)) < BACKLOG:
                companies = [new_company() for _ in range(COMPANIES)]
                self._ask(*companies)
                self.asked |= {company_key(each) for each in companies}


def _start(site: Site, name: str) -> CrewMember:
    member = site.crew.start(name)
    member.wait_until_ready(site.celery)
    return member


def _end_at_work(member: CrewMember, by: signal.Signals) -> int:
    """Send a signal to *member* in the middle of its work; return its exit code."""
    chunks = len(member.events("chunk.worked"))
    wait_until(
        lambda: len(member.events("chunk.worked")) > chunks,
        description=f"{member.name} is at work",
        timeout_s=PATIENCE_S,
    )
    member.send(by)
    return member.exit_code()


def _roll(
    site: Site, ask: Callable[..., object], *signals: signal.Signals
) -> tuple[list[int], set[str]]:
    """Replace one worker for each signal; return their exit codes, and the companies asked for.

    All of them are looked up at the end, long before a message that was lost would come again.
    """
    old = [_start(site, f"old{number}") for number in range(WORKERS)]
    with Feeder(site, ask) as feeder:
        codes = []
        for number, (member, by) in enumerate(zip(old, signals, strict=False)):
            codes.append(_end_at_work(member, by))
            _start(site, f"new{number}")
    soon = VISIBILITY_TIMEOUT_S / 4
    wait_until(feeder.has_all, description="all companies are looked up", timeout_s=soon)
    return codes, feeder.asked


def test_a_rolling_deploy_loses_nothing_and_pays_once(tmp_path: Path) -> None:
    """Each of two workers is stopped and replaced at work, and ends with 0."""
    with site_of(tmp_path, **SLOW) as site:
        site.order_latency(LATENCY_MS)

        codes, asked = _roll(site, site.enrich, *[signal.SIGTERM] * WORKERS)

        assert codes == [0] * WORKERS
        assert charges(site.stack.home) == dict.fromkeys(asked, 1)
        assert _in_ledger(site, "lost") == set()


def test_a_rough_deploy_loses_nothing_and_pays_once(tmp_path: Path) -> None:
    """One ends by a cold shutdown, one by kill -9: their runs are collected by the others."""
    with site_of(tmp_path, **SLOW, **WORKSPACE) as site:
        site.order_latency(LATENCY_MS)

        # Jobs that are accepted: a message that a killed worker had taken comes back later.
        codes, asked = _roll(site, site.submit, signal.SIGQUIT, signal.SIGKILL)

        assert codes == [0, -signal.SIGKILL]
        assert set(charges(site.stack.home)) <= asked
        assert twice(charges(site.stack.home)) == set()
