"""A worker dies by kill -9 while it has a lead in hand; the next one ends at the same effect."""

import signal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Pipeline
from orchestrator.embedded.stack import Valkey
from orchestrator.handlers import LeadHandler, LeadResult
from orchestrator.infra.clock import utc_now
from orchestrator.leads import HandOverState, LeadStore, Outbox
from tests.integration.purchasing.conftest import World
from tests.integration.purchasing.test_lead_handler import FakeAgent
from tests.support.cases import advance, discard
from tests.support.children import Children
from tests.support.lead_process import JOB, LEAD


@pytest.mark.parametrize("step", ["judging", "reporting"])
async def test_a_lead_whose_judge_was_killed_has_one_effect(
    world: World, engine: AsyncEngine, shared_valkey: Valkey, children: Children, step: str
) -> None:
    """Killed before or after its decision was stored: one purchase, decision, event for sales."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([LEAD])
    database = engine.url.render_as_string(hide_password=False)
    program = "tests.support.lead_process"
    process = await children.fork(program, shared_valkey.url, database, step)
    assert await process.wait() == -signal.SIGKILL

    # Where the dead one had decided already, this one's later mind does not count.
    agent = FakeAgent(advance() if step == "judging" else discard())
    handler = LeadHandler(store, world.enricher, Pipeline((agent,)), utc_now)
    report = await handler(str(LEAD.id), JOB)

    assert LeadResult.model_validate(report.result).viable is True
    assert world.seller.asked == []
    assert len(await world.ledger.purchases_of("acme")) == 1
    assert [each.decision for each in await store.decisions_of(LEAD.id)] == [advance()]
    assert await Outbox(engine, utc_now).counts() == {HandOverState.PENDING: 1}
