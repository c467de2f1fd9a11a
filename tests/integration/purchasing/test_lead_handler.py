"""One lead of a job: enriched, judged, stored, with exactly one effect."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Case, ClaimField, Decision, Pipeline, Verdict
from orchestrator.handlers import ItemStatus, LeadHandler, LeadResult
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobContext, Report
from orchestrator.leads import LeadFilter, LeadStatus, LeadStore, opportunity_id
from orchestrator.surfsense import Ambiguous, NotFound, RequestRejected
from tests.integration.purchasing.conftest import World
from tests.support.cases import advance, discard, lead
from tests.support.surfsense import PRICE

LEAD = lead(1, company="Acme, S.A.")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
JOB = JobContext("job-capped", "default", capped=False)


class FakeAgent:
    """Returns a given decision; wants evidence unless it is not curious."""

    def __init__(self, decision: Decision, *, curious: bool = True) -> None:
        self.name, self.version = decision.agent, decision.version
        self.cases: list[Case] = []
        self._decision = decision
        self._curious = curious

    def wants_evidence(self, case: Case) -> bool:
        """Return whether evidence is to be bought."""
        return self._curious and not case.evidence_sought

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:  # noqa: ARG002 - the port
        """Want everything, if it is curious."""
        return self._curious

    def decide(self, case: Case) -> Decision:
        """Return the decision."""
        self.cases.append(case)
        return self._decision


@pytest.fixture
def database(database_url: str) -> str:
    """Return the URL of a migrated database, of each kind in turn."""
    return database_url


@pytest.fixture
async def store(engine: AsyncEngine) -> LeadStore:
    """Return a store with one lead."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([LEAD])
    return store


def _handler(store: LeadStore, world: World, *agents: FakeAgent) -> LeadHandler:
    return LeadHandler(store, world.enricher, Pipeline(agents), lambda: NOW)


def _read(report: Report) -> LeadResult:
    return LeadResult.model_validate(report.result)


async def test_a_lead_that_advances_becomes_an_opportunity(store: LeadStore, world: World) -> None:
    """The result has the opportunity, the score and the price; the store has the opportunity."""
    agent = FakeAgent(advance(score=80))

    report = await _handler(store, world, agent)(str(LEAD.id), JOB)

    result = _read(report)
    assert (result.status, result.viable, result.score) == (ItemStatus.OPPORTUNITY, True, 80)
    assert result.opportunity_id == str(opportunity_id(LEAD.id))
    assert (result.company_key, result.cost_micros) == ("acme", PRICE)
    assert report.tally["status:opportunity"] == 1
    assert await store.opportunity_of(LEAD.id) is not None
    (case,) = agent.cases
    assert case.now == NOW
    assert case.evidence is not None


async def test_a_lead_worked_on_again_has_one_opportunity(store: LeadStore, world: World) -> None:
    """However often its task runs: the same opportunity, the same decision, one purchase."""
    handler = _handler(store, world, FakeAgent(advance()))

    results = [_read(await handler(str(LEAD.id), JOB)) for _ in range(3)]

    assert len({result.opportunity_id for result in results}) == 1
    assert len(await store.decisions_of(LEAD.id)) == 1
    assert await store.select_ids(LeadFilter(status=LeadStatus.OPPORTUNITY), {}) == [LEAD.id]
    assert len(world.seller.asked) == 1


async def test_a_discarded_lead_says_why(store: LeadStore, world: World) -> None:
    """No opportunity, a reason in both languages, and a count of it."""
    report = await _handler(store, world, FakeAgent(discard(code="too_small")))(str(LEAD.id), JOB)

    result = _read(report)
    assert (result.status, result.viable, result.code) == (ItemStatus.DISCARDED, False, "too_small")
    assert result.reason is not None
    assert result.reason.es == "Demasiado pequeña."
    assert report.tally["discard:too_small"] == 1
    assert await store.opportunity_of(LEAD.id) is None


async def test_nothing_is_bought_for_a_lead_that_needs_no_evidence(
    store: LeadStore, world: World
) -> None:
    """An agent that can decide without evidence costs nothing."""
    agent = FakeAgent(discard(), curious=False)

    report = await _handler(store, world, agent)(str(LEAD.id), JOB)

    (decision,) = await store.decisions_of(LEAD.id)
    assert world.seller.asked == []
    assert _read(report).source is None
    assert decision.basis == "lead"
    assert "spent_micros" not in report.tally


async def test_the_first_discard_ends_the_pipeline(store: LeadStore, world: World) -> None:
    """Later agents do not see the case."""
    first, second = FakeAgent(discard("cdao")), FakeAgent(advance("finance"))

    result = _read(await _handler(store, world, first, second)(str(LEAD.id), JOB))

    assert second.cases == []
    assert result.status is ItemStatus.DISCARDED


async def test_all_agents_judge_the_same_evidence(store: LeadStore, world: World) -> None:
    """Evidence is bought once for a lead, and each agent sees what was decided before."""
    first, second = FakeAgent(advance("cdao")), FakeAgent(advance("finance", score=60))

    result = _read(await _handler(store, world, first, second)(str(LEAD.id), JOB))

    (case,) = second.cases
    assert [decision.agent for decision in case.decisions] == ["cdao"]
    assert case.evidence == first.cases[0].evidence
    assert result.score == 60
    assert len(world.seller.asked) == 1


async def test_an_unknown_company_is_still_judged(store: LeadStore, world: World) -> None:
    """Nothing found is knowledge: the agent decides without evidence, and knows it was sought."""
    world.seller.script["Acme, S.A."] = [NotFound(0, cost_estimated=False)]
    agent = FakeAgent(discard(code="unknown_company"))

    result = _read(await _handler(store, world, agent)(str(LEAD.id), JOB))

    (case,) = agent.cases
    assert (case.evidence, case.evidence_sought) == (None, True)
    assert (result.found, result.code) == (False, "unknown_company")


async def test_an_ambiguous_company_is_not_judged(store: LeadStore, world: World) -> None:
    """Evidence about another company would be worse than none."""
    answer = Ambiguous(("Acme Iberia",), {}, PRICE, cost_estimated=False)
    for asked in ("Acme, S.A.", "Acme, S.A. (acme.example)"):
        world.seller.script[asked] = [answer]
    agent = FakeAgent(advance())

    result = _read(await _handler(store, world, agent)(str(LEAD.id), JOB))

    assert result.status is ItemStatus.AMBIGUOUS
    assert result.cost_micros == 2 * PRICE
    assert agent.cases == []
    assert await store.decisions_of(LEAD.id) == []


async def test_a_failed_purchase_fails_the_lead_visibly(store: LeadStore, world: World) -> None:
    """The result names the lead, its company and the reason; nothing is decided."""
    world.seller.script["Acme, S.A."] = [RequestRejected("Acme, S.A.", 400, "no")]

    result = _read(await _handler(store, world, FakeAgent(advance()))(str(LEAD.id), JOB))

    assert (result.status, result.code) == (ItemStatus.FAILED, "request_rejected")
    assert (result.lead_id, result.company) == (str(LEAD.id), "Acme, S.A.")
    assert await store.decisions_of(LEAD.id) == []


@pytest.mark.parametrize("item", ["3e0a6f0e-90c5-4c3e-9a53-0d1c9a4d9a11", "lead:7", ""])
async def test_a_lead_that_was_never_imported_is_named(
    store: LeadStore, world: World, item: str
) -> None:
    """Another service's mistake is a result with a reason, not a crash."""
    result = _read(await _handler(store, world, FakeAgent(advance()))(item, JOB))

    assert (result.status, result.code, result.lead_id) == (
        ItemStatus.FAILED,
        "unknown_lead",
        item,
    )


async def test_a_decision_rests_on_the_purchase(store: LeadStore, world: World) -> None:
    """The basis of a stored decision is found in the ledger."""
    await _handler(store, world, FakeAgent(advance()))(str(LEAD.id), JOB)

    (decision,) = await store.decisions_of(LEAD.id)
    (bought,) = await world.ledger.purchases_of("acme")
    assert decision.basis == bought.purchase_id
    assert decision.decision.verdict is Verdict.ADVANCE


async def test_a_lead_is_not_judged_twice_to_another_end(store: LeadStore, world: World) -> None:
    """A worker died after storing its decision: the next one reports that, whatever it thinks."""
    await _handler(store, world, FakeAgent(discard(code="too_small")))(str(LEAD.id), JOB)

    result = _read(await _handler(store, world, FakeAgent(advance()))(str(LEAD.id), JOB))

    assert (result.viable, result.code, result.opportunity_id) == (False, "too_small", None)
    assert await store.opportunity_of(LEAD.id) is None


async def test_agents_go_on_from_what_stands(store: LeadStore, world: World) -> None:
    """Where an earlier agent had advanced the case, the later ones see that, and decide."""
    first, second = advance("cdao"), advance("finance", score=60)
    await _handler(store, world, FakeAgent(first))(str(LEAD.id), JOB)
    later = FakeAgent(second)

    result = _read(
        await _handler(store, world, FakeAgent(discard("cdao")), later)(str(LEAD.id), JOB)
    )

    assert later.cases[-1].decisions == (first,)
    assert (result.viable, result.score) == (True, 60)
