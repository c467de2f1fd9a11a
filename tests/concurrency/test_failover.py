"""The primary is lost in the middle of a purchase, and its replica takes over.

The run-id protocol, real processes, a real primary with a real replica, SQLite and the sandbox,
whose own bill says what it cost.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import Valkey, start_sandbox
from orchestrator.identity import company_key
from orchestrator.memo import NotDurable, Source
from orchestrator.settings import Settings, load
from tests.support.buyer import BILLING, RUNS, Step, cue, open_buyer, start_buyer
from tests.support.children import Children
from tests.support.database import migrated_file
from tests.support.loopback import loopback
from tests.support.sandbox import charges
from tests.support.valkey import (
    client_of,
    cut_off,
    follow,
    kill,
    promote,
    running_valkey,
)

#: Steps at which the intent is written, and the whole fleet loses its primary.
STEPS = (
    *(Step.BEFORE_POST, Step.POST_ACCEPTED, Step.BEFORE_RUN_NOTED),
    *(Step.COLLECTING, Step.BEFORE_COMMIT),
)
#: Far above what a server has for its answer, far below what a hanging one would take.
BOUND_S = 15


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary with its replica, and the settings of a buyer that uses either."""

    primary: Valkey
    replica: Valkey
    home: Path
    variables: dict[str, str]

    def environment(self, server: Valkey, durability: str) -> dict[str, str]:
        """Return the variables of a process that is connected to *server*."""
        redis = {"REDIS_URL": f"{server.url}/1", "EMASAI_INTENT_DURABILITY": durability}
        return {**self.variables, **redis}

    def settings(self, server: Valkey, durability: str) -> Settings:
        """Return the same as settings."""
        return load(**self.environment(server, durability))

    async def fail_over(self) -> None:
        """Lose the primary, and let the replica take over."""
        kill(self.primary)
        await promote(self.replica)


@pytest.fixture(scope="module")
def surfsense(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Run a sandbox that takes 300 ms; return the home of its bill, and its address."""
    home = tmp_path_factory.mktemp("home")
    sandbox = start_sandbox(home / "sandbox", home / "sandbox.log")
    try:
        faults = {"latency_min_ms": 300, "latency_max_ms": 300, "not_found_rate": 0}
        loopback.post(f"{sandbox.url}/__faults", json=faults).raise_for_status()
        yield home, sandbox.url
    finally:
        sandbox.child.end()


@pytest.fixture
async def pair(surfsense: tuple[Path, str], tmp_path: Path) -> AsyncIterator[Pair]:
    """Run two servers, the second as the replica of the first; both write to disk at once."""
    home, url = surfsense
    variables = {
        "DATABASE_URL": migrated_file(tmp_path),
        "SURFSENSE_URL": url,
        **RUNS,
    }
    with running_valkey(tmp_path / "one") as primary, running_valkey(tmp_path / "two") as replica:
        for server in (primary, replica):
            async with client_of(server, 0) as client:
                await client.config_set("appendfsync", "always")
        await follow(primary, replica)
        yield Pair(primary, replica, home, variables)


def _company() -> str:
    return f"Compañía x{uuid4().hex[:10]}"


@pytest.mark.parametrize("step", STEPS)
async def test_a_purchase_under_way_is_found_on_the_replica(
    pair: Pair, children: Children, step: Step
) -> None:
    """Buyer and primary die together; a caller on the replica gets the answer for one charge."""
    company = _company()
    environment = pair.environment(pair.primary, "replica")
    process = await start_buyer(children, company, step, environment)
    cue(process)
    assert await process.wait() == -signal.SIGKILL

    await pair.fail_over()
    assert await _holds(pair.replica), "reserved before the intent, so it is there as well"
    async with open_buyer(pair.settings(pair.replica, "none")) as survivor:
        served = await survivor.enricher.enrich(company, BILLING)
        await survivor.sweeper.sweep()
        (purchase,) = await survivor.ledger.purchases_of(served.company_key)

    was_sent = step is not Step.BEFORE_POST
    assert served.source is (Source.ADOPTED if was_sent else Source.BOUGHT)
    assert charges(pair.home)[served.company_key] == 1
    assert purchase.purchase_id == served.purchase_id


async def _holds(server: Valkey) -> list[bytes]:
    async with client_of(server, 3) as redis:
        return [key async for key in redis.scan_iter("budget1:holds:*")]


async def test_an_intent_that_the_replica_cannot_have_is_not_acted_on(pair: Pair) -> None:
    """The replica is cut off: no POST leaves, so the failover finds nothing, and costs nothing."""
    company = _company()
    await cut_off(pair.replica)
    async with open_buyer(pair.settings(pair.primary, "replica")) as buyer:
        async with asyncio.timeout(BOUND_S):
            with pytest.raises(NotDurable, match="nothing was bought"):
                await buyer.enricher.enrich(company, BILLING)
    assert charges(pair.home)[company_key(company)] == 0

    await pair.fail_over()
    async with open_buyer(pair.settings(pair.replica, "none")) as survivor:
        served = await survivor.enricher.enrich(company, BILLING)

    assert served.source is Source.BOUGHT
    assert charges(pair.home)[served.company_key] == 1


async def test_without_it_a_failover_can_buy_twice(pair: Pair) -> None:
    """The documented window: the replica had not seen the intent, so no process can know."""
    company = _company()
    await cut_off(pair.replica)
    async with open_buyer(pair.settings(pair.primary, "none")) as buyer:
        first = await buyer.enricher.enrich(company, BILLING)

    await pair.fail_over()
    async with open_buyer(pair.settings(pair.replica, "none")) as survivor:
        second = await survivor.enricher.enrich(company, BILLING)

    assert (first.source, second.source) == (Source.BOUGHT, Source.BOUGHT)
    assert charges(pair.home)[first.company_key] == 2
