"""A buyer is killed at every step of a purchase; SurfSense's own bill says what it cost.

The run-id protocol, real processes, a real Valkey, SQLite and the sandbox. Every caller gets the
answer, the company is charged once, and the ledger is the bill.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import Mention, company_key
from orchestrator.memo import Source
from orchestrator.purchasing import archived_outcome
from orchestrator.settings import Settings, load
from tests.support.async_waiting import eventually
from tests.support.buyer import BILLING, RUNS, Buyer, Step, cue, open_buyer, start_buyer
from tests.support.children import Children, ForkedChild
from tests.support.loopback import loopback
from tests.support.sandbox import charges
from tests.support.stack import running_stack

#: Followers that wait in this process while the leader dies in another one.
FOLLOWERS = 10
#: Steps after which the run exists: the next leader collects it.
ADOPTED = (Step.POST_ACCEPTED, Step.BEFORE_RUN_NOTED, Step.COLLECTING, Step.BEFORE_COMMIT)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Run servers and the sandbox, without any worker."""
    with running_stack(tmp_path_factory.mktemp("home"), workers=0) as stack:
        faults = {"latency_min_ms": 300, "latency_max_ms": 300, "not_found_rate": 0}
        loopback.post(
            f"{stack.variables['SURFSENSE_URL']}/__faults", json=faults
        ).raise_for_status()
        yield stack


@pytest.fixture
def settings(stack: EmbeddedStack) -> Settings:
    """Return how every buyer is configured."""
    return load(**stack.variables, **RUNS)


@pytest.fixture
async def survivor(settings: Settings) -> AsyncIterator[Buyer]:
    """Return the buyer of this process."""
    async with open_buyer(settings) as buyer:
        yield buyer


async def _lead(children: Children, stack: EmbeddedStack, company: str, step: Step) -> ForkedChild:
    return await start_buyer(children, company, step, {**stack.variables, **RUNS})


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.NEVER])
async def test_a_buyer_killed_at_any_step_costs_one_charge(
    stack: EmbeddedStack, children: Children, survivor: Buyer, step: Step
) -> None:
    """All are served, the company is charged once, and ledger and archive say so, too."""
    company = f"Compañía x{uuid4().hex[:10]}"
    process = await _lead(children, stack, company, step)
    waiting = [
        asyncio.create_task(survivor.enricher.enrich(company, BILLING)) for _ in range(FOLLOWERS)
    ]
    await asyncio.sleep(0.05)

    cue(process)
    assert await process.wait() == -signal.SIGKILL
    served = await asyncio.gather(*waiting)
    await survivor.sweeper.sweep()

    key = served[0].company_key
    sources = Counter(enrichment.source for enrichment in served)
    assert {enrichment.purchase_id for enrichment in served} == {served[0].purchase_id}
    assert charges(stack.home)[key] == 1
    assert sources[Source.ADOPTED] == (step in ADOPTED)
    assert await _ledger_of(survivor, key) == _bill_of(stack.home, key)
    (kept,) = (await survivor.archive.latest([key])).values()
    assert archived_outcome(kept).evidence == served[0].evidence


async def test_a_buyer_killed_between_claim_and_purchase_costs_one_charge(
    stack: EmbeddedStack, children: Children, survivor: Buyer
) -> None:
    """Its claim stands: who comes with the same website buys the same company, once."""
    name = f"Compañía x{uuid4().hex[:10]}"
    spain, germany = Mention(f"{name} SL", "acme.test"), Mention(f"{name} GmbH", "globex.test")
    await survivor.enricher.identify(spain)
    variables = {**stack.variables, **RUNS}
    process = await start_buyer(
        children, germany.name, Step.BEFORE_RESERVE, variables, website="globex.test"
    )

    cue(process)
    assert await process.wait() == -signal.SIGKILL
    meant = await survivor.enricher.identify(germany)
    served = await survivor.enricher.enrich(meant, BILLING)

    key = company_key(name)
    assert served.company_key == f"{key}~globex.test"
    assert charges(stack.home)[company_key(f"{name} GmbH (globex.test)")] == 1
    assert charges(stack.home)[key] == 0
    assert await _ledger_of(survivor, served.company_key) == served.cost_micros > 0


async def test_a_buyer_that_stood_still_may_not_write_late(
    stack: EmbeddedStack, children: Children, survivor: Buyer
) -> None:
    """SIGSTOP beyond its lease: another one collects the run, and the late write is refused."""
    company = f"Compañía x{uuid4().hex[:10]}"
    process = await _lead(children, stack, company, Step.AFTER_SETTLE)
    cue(process)
    key = (await survivor.enricher.preview([(Mention(company), None)]))[0].company_key
    await _until_noted(survivor, key)

    process.send_signal(signal.SIGSTOP)
    served = await survivor.enricher.enrich(company, BILLING)
    entry = await survivor.memo.peek(f"surfsense:{key}")
    process.send_signal(signal.SIGCONT)
    await process.wait()

    assert served.source in {Source.ADOPTED, Source.COALESCED}
    assert charges(stack.home)[key] == 1
    assert await survivor.memo.peek(f"surfsense:{key}") == entry
    assert await _ledger_of(survivor, key) == _bill_of(stack.home, key)


async def _until_noted(buyer: Buyer, key: str) -> None:
    """Wait until it is written down that SurfSense has accepted the run for *key*."""

    async def has_run() -> bool:
        left = await buyer.memo.records.older_than(age=timedelta(seconds=-1), limit=100)
        return any(each.key.endswith(key) and each.record["run_id"] for each in left)

    await eventually(has_run, "the run is noted")


async def _ledger_of(buyer: Buyer, key: str) -> int:
    return sum(purchase.cost_micros for purchase in await buyer.ledger.purchases_of(key))


def _bill_of(home: Path, key: str) -> int:
    lines = (home / "sandbox" / "bill.jsonl").read_bytes().splitlines()
    return sum(line["cost_micros"] for line in map(orjson.loads, lines) if line["key"] == key)
