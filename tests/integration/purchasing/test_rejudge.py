"""Leads judged again after the rules have changed, on evidence that was paid for before."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Decision, Pipeline
from orchestrator.handlers import Change, ItemStatus, LeadHandler, Rejudge, RejudgedLead
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobContext, Report
from orchestrator.leads import LeadStore, opportunity_id
from orchestrator.purchasing import EvidenceArchive, EvidenceReader, entry_key
from orchestrator.surfsense import Ambiguous, Answer, NotFound
from tests.integration.purchasing.conftest import World
from tests.integration.purchasing.test_lead_handler import FakeAgent
from tests.support.cases import advance, discard, lead
from tests.support.surfsense import PRICE

LEAD = lead(1, company="Acme, S.A.")
ITEM = str(LEAD.id)
JOB = JobContext("job-1", "default", capped=False)
AMBIGUOUS = Ambiguous(("Acme Iberia",), {}, PRICE, cost_estimated=False)


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


class Scenario:
    """Judges leads, first with purchases and then without."""

    def __init__(self, engine: AsyncEngine, store: LeadStore, world: World) -> None:
        self._last_known = EvidenceReader(EvidenceArchive(engine), world.memo)
        self._store = store
        self._world = world

    async def run(self, decision: Decision) -> None:
        """Judge the lead as a pipeline job does."""
        agent = FakeAgent(decision)
        pipeline = Pipeline((agent,))
        await LeadHandler(self._store, self._world.enricher, pipeline, utc_now)(ITEM, JOB)

    def rejudge(self, *agents: FakeAgent) -> Rejudge:
        """Return what judges again, by the rules of *agents*."""
        return Rejudge(
            *(self._store, self._last_known, self._world.index),
            *(Pipeline(agents), utc_now),
        )


@pytest.fixture
def scenario(engine: AsyncEngine, store: LeadStore, world: World) -> Scenario:
    """Return a scenario."""
    return Scenario(engine, store, world)


def _read(report: Report) -> RejudgedLead:
    return RejudgedLead.model_validate(report.result)


def _now() -> JobContext:
    return JobContext("job-2", "default", capped=False, accepted_at=datetime.now(UTC))


async def test_a_lead_is_judged_again_without_buying(
    scenario: Scenario, world: World, store: LeadStore
) -> None:
    """The memo has forgotten the company; the archive has it, with its age."""
    await scenario.run(discard(version="1"))
    await world.memo.invalidate(entry_key("acme"))
    agent = FakeAgent(advance(version="2"))

    result = _read(await scenario.rejudge(agent)(ITEM, _now()))

    assert (result.change, result.version) == (Change.ADVANCED, "2")
    assert (result.previous_code, result.previous_version) == ("too_small", "1")
    assert result.opportunity_id == str(opportunity_id(LEAD.id))
    assert (result.cost_micros, len(world.seller.asked)) == (0, 1)
    assert result.as_of is not None
    assert agent.cases[0].evidence is not None
    versions = [each.decision.version for each in await store.decisions_of(LEAD.id)]
    assert versions == ["1", "2"]


async def test_an_opportunity_is_kept_where_the_new_rules_discard(
    scenario: Scenario, store: LeadStore
) -> None:
    """Sales may be at work on it: it stays as it was, and the result shows that."""
    await scenario.run(advance(version="1"))
    before = await store.opportunity_of(LEAD.id)

    result = _read(await scenario.rejudge(FakeAgent(discard(version="2")))(ITEM, _now()))

    assert (result.change, result.keeps_opportunity) == (Change.DISCARDED, True)
    assert await store.opportunity_of(LEAD.id) == before
    assert len(await store.decisions_of(LEAD.id)) == 2


async def test_a_look_stores_nothing(scenario: Scenario, store: LeadStore) -> None:
    """The dry run shows what would change, and what has opportunities already."""
    await scenario.run(advance(version="1"))

    result = await scenario.rejudge(FakeAgent(discard(version="2"))).judge(ITEM)

    assert (result.change, result.keeps_opportunity) == (Change.DISCARDED, True)
    assert len(await store.decisions_of(LEAD.id)) == 1


async def test_the_same_rules_on_the_same_evidence_change_nothing(
    scenario: Scenario, store: LeadStore
) -> None:
    """What an agent would say today of evidence grown old does not count, preview or stored."""
    await scenario.run(advance(version="1"))
    today = FakeAgent(discard(version="1"))

    preview = await scenario.rejudge(today).judge(ITEM)
    stored = _read(await scenario.rejudge(today)(ITEM, _now()))

    assert (preview.change, stored.change) == (Change.UNCHANGED, Change.UNCHANGED)
    assert (preview.viable, stored.viable) == (True, True)
    assert [each.decision for each in await store.decisions_of(LEAD.id)] == [advance(version="1")]


async def test_a_change_is_told_although_a_worker_died_after_storing_it(scenario: Scenario) -> None:
    """What an earlier try of the same job has stored is not how it was before."""
    await scenario.run(discard(version="1"))
    job = _now()
    again = scenario.rejudge(FakeAgent(advance(version="2")))
    await again(ITEM, job)  # its report is lost

    results = [_read(await again(ITEM, context)) for context in (job, _now())]

    assert [result.change for result in results] == [Change.ADVANCED, Change.UNCHANGED]


async def test_what_was_never_bought_cannot_be_judged(
    scenario: Scenario, world: World, store: LeadStore
) -> None:
    """The result reports that nothing is kept; nothing is decided, nothing bought."""
    result = _read(await scenario.rejudge(FakeAgent(advance()))(ITEM, _now()))

    assert (result.status, result.code) == (ItemStatus.FAILED, "no_evidence_kept")
    assert result.change is Change.NOT_JUDGED
    assert await store.decisions_of(LEAD.id) == []
    assert world.seller.asked == []


async def test_what_was_pruned_may_still_be_in_the_memo(
    scenario: Scenario, world: World, engine: AsyncEngine
) -> None:
    """The memo is asked where the archive has nothing."""
    await scenario.run(discard(version="1"))
    await EvidenceArchive(engine).prune(datetime.now(UTC) + timedelta(days=1))

    result = _read(await scenario.rejudge(FakeAgent(advance(version="2")))(ITEM, _now()))

    assert result.change is Change.ADVANCED
    assert len(world.seller.asked) == 1


async def test_what_was_found_out_counts_also_if_it_was_nothing(
    scenario: Scenario, world: World
) -> None:
    """A company that SurfSense does not know is judged as such; one of many names is not."""
    world.seller.script["Acme, S.A."] = [NotFound(0, cost_estimated=False)]
    await scenario.run(discard(version="1"))
    agent = FakeAgent(discard(version="2", code="unknown_company"))

    result = _read(await scenario.rejudge(agent)(ITEM, _now()))

    (case,) = agent.cases
    assert (case.evidence, case.evidence_sought) == (None, True)
    assert (result.change, result.found) == (Change.UNCHANGED, False)


@pytest.mark.parametrize("second", [AMBIGUOUS, NotFound(0, cost_estimated=False)], ids=type)
async def test_an_ambiguous_company_is_not_judged_again(
    scenario: Scenario, world: World, second: Answer
) -> None:
    """As in the run that bought it, whatever its domain has brought, unless it was found."""
    world.seller.script["Acme, S.A."] = [AMBIGUOUS]
    world.seller.script["Acme, S.A. (acme.example)"] = [second]
    await scenario.run(advance())

    result = _read(await scenario.rejudge(FakeAgent(advance(version="2")))(ITEM, _now()))

    assert (result.status, result.change) == (ItemStatus.AMBIGUOUS, Change.NOT_JUDGED)


async def test_a_lead_that_was_erased_is_named(scenario: Scenario) -> None:
    """It is a result with a reason."""
    result = await scenario.rejudge(FakeAgent(advance())).judge(str(lead(2).id))

    assert (result.code, result.lead_id) == ("unknown_lead", str(lead(2).id))
