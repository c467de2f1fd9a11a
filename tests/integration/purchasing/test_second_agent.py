"""How to add an agent: a class beside `agents/cdao` and a place in the pipeline, nothing else."""

import json
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Case, ClaimField, Decision, Localized, Pipeline, Verdict
from agents.cdao import CdaoAgent, default_policy
from orchestrator.database import reading
from orchestrator.database.schema import handovers
from orchestrator.handlers import ItemStatus, LeadHandler, LeadResult
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobContext
from orchestrator.leads import LeadFilter, LeadStatus, LeadStore
from tests.integration.purchasing.conftest import World
from tests.support.cases import lead
from tests.support.surfsense import PRICE

JOB = JobContext(None, "default", capped=False)
LEAD = lead(1, company="Acme, S.A.", website="acme.example")
OTHER_POLICY = LeadFilter(other_policy=True)


@dataclass(frozen=True, slots=True)
class FinanceAgent:
    """Advances a case whose expected value is high enough, and refines the draft."""

    least: int
    name: str = "finance"
    version: str = "1"

    def wants_evidence(self, case: Case) -> bool:
        """Want what the first agent has sought."""
        return not case.evidence_sought

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:  # noqa: ARG002 - the port
        """Want nothing beyond what the first agent wants."""
        return False

    def decide(self, case: Case) -> Decision:
        """Judge the draft of the agent before."""
        draft = case.decisions[-1].draft
        assert draft is not None
        is_worth_it = draft.value.amount * draft.probability >= self.least
        reason = "The expected value is {} enough.".format("high" if is_worth_it else "not high")
        return Decision(
            agent=self.name,
            version=self.version,
            verdict=Verdict.ADVANCE if is_worth_it else Verdict.DISCARD,
            code="worth_it" if is_worth_it else "too_little",
            reason=Localized(en=reason, es=reason),
            draft=draft.model_copy(update={"score": 99}) if is_worth_it else None,
        )


@pytest.fixture
async def store(engine: AsyncEngine) -> LeadStore:
    """Return a store with one lead."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([LEAD])
    return store


def _pipeline(least: int) -> Pipeline:
    policy = default_policy()
    scoring = policy.scoring.model_copy(update={"baseline": 1, "threshold": 2})
    cdao = CdaoAgent(policy.model_copy(update={"scoring": scoring}))
    return Pipeline((cdao, FinanceAgent(least)))


async def _judge(store: LeadStore, world: World, pipeline: Pipeline) -> LeadResult:
    handler = LeadHandler(store, world.enricher, pipeline, utc_now)
    return LeadResult.model_validate((await handler(str(LEAD.id), JOB)).result)


async def test_a_lead_goes_past_both_agents(
    store: LeadStore, world: World, engine: AsyncEngine
) -> None:
    """Decisions are stored by agent and version; the last draft is what sales receives."""
    pipeline = _pipeline(least=0)

    result = await _judge(store, world, pipeline)

    stored = [each.decision for each in await store.decisions_of(LEAD.id)]
    assert [(each.agent, each.version) for each in stored] == list(pipeline.versions.items())
    assert (result.status, result.code) == (ItemStatus.OPPORTUNITY, "worth_it")
    assert (result.draft and result.draft.score, result.version) == (99, pipeline.version)
    opportunity = await store.opportunity_of(LEAD.id)
    assert opportunity is not None
    assert opportunity.draft == result.draft
    async with reading(engine, "read the outbox") as connection:
        event = json.loads(await connection.scalar(select(handovers.c.body)) or "")
    assert event["decision"]["agent"] == "finance"
    assert event["evidence"]["findings"]
    assert world.seller.charged_micros == PRICE


async def test_the_second_agent_may_discard_what_the_first_advanced(
    store: LeadStore, world: World
) -> None:
    """The lead counts as discarded, with the second agent's reason."""
    result = await _judge(store, world, _pipeline(least=10**9))

    assert (result.status, result.code) == (ItemStatus.DISCARDED, "too_little")
    assert await store.select_ids(LeadFilter(status=LeadStatus.DISCARDED), {}) == [LEAD.id]
    assert await store.opportunity_of(LEAD.id) is None


async def test_an_added_agent_makes_another_policy(store: LeadStore, world: World) -> None:
    """Leads that were judged without it are found, until they are judged again."""
    both = _pipeline(least=0)
    alone = Pipeline(both.agents[:1])

    await _judge(store, world, alone)
    before = [await store.select_ids(OTHER_POLICY, p.versions) for p in (alone, both)]
    await _judge(store, world, both)
    after = [await store.select_ids(OTHER_POLICY, p.versions) for p in (alone, both)]

    assert before == [[], [LEAD.id]]
    assert after == [[LEAD.id], []]
    assert world.seller.charged_micros == PRICE
