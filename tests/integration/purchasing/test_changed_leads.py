"""Leads that an import, a PATCH or a deletion changes between their judgement and its storing."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Case, Decision, Lead, Pipeline
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites
from orchestrator.gateway import Records
from orchestrator.handlers import ItemStatus, LeadHandler, LeadResult, Rejudge
from orchestrator.handlers.lead import TRIES
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobContext, Report
from orchestrator.leads import LeadStore, Recorded
from orchestrator.purchasing import EvidenceArchive, EvidenceReader
from tests.integration.purchasing.conftest import World
from tests.integration.purchasing.test_lead_handler import FakeAgent
from tests.support.cases import advance, discard, lead
from tests.support.surfsense import PRICE

LEAD = lead(1, company="Acme, S.A.", notes="no budget")
ITEM = str(LEAD.id)
JOB = JobContext("job-1", "default", capped=False, item=0)
#: Changes what is stored of the lead; gets the notes that it is to have then.
Change = Callable[[str], Awaitable[object]]


class ReadingAgent(FakeAgent):
    """Advances the leads whose notes promise a budget."""

    def __init__(self, version: str = "1") -> None:
        super().__init__(advance(version=version))

    def decide(self, case: Case) -> Decision:
        """Decide by the notes."""
        advancing = super().decide(case)
        return discard(version=self.version) if case.lead.notes == "no budget" else advancing

    @property
    def judged(self) -> list[str | None]:
        """The notes of the leads that it judged, in order."""
        return [case.lead.notes for case in self.cases]


class OvertakenStore(LeadStore):
    """Changes a lead just before each of its first judgements is stored."""

    def __init__(self, engine: AsyncEngine, change: Change, *notes: str) -> None:
        super().__init__(engine, utc_now)
        self._change = change
        self._notes = list(notes)

    async def record(
        self,
        lead: Lead,
        decisions: Sequence[Decision],
        company_key: str,
        *,
        basis: str,
        simulated: bool = False,
    ) -> Recorded:
        """Let the change overtake the judgement."""
        if self._notes:
            await self._change(self._notes.pop(0))
        return await super().record(lead, decisions, company_key, basis=basis, simulated=simulated)


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


@pytest.fixture
def records(engine: AsyncEngine, world: World) -> Records:
    """Return the records of the gateway."""
    fence = Fence(world.memo_redis, ttl=timedelta(hours=1))
    return Records(engine, fence, FencedWrites(engine, fence, utc_now), utc_now)


@pytest.fixture(params=["import", "patch"])
def change(request: pytest.FixtureRequest, store: LeadStore, records: Records) -> Change:
    """Return each of the ways in which other services change a lead."""

    async def imported(notes: str) -> None:
        await store.import_leads([LEAD.model_copy(update={"notes": notes})])

    async def patched(notes: str) -> None:
        await records.change_lead(LEAD.id, {"notes": notes}, None)

    return imported if request.param == "import" else patched


def _handler(store: LeadStore, world: World, agent: FakeAgent) -> LeadHandler:
    return LeadHandler(store, world.enricher, Pipeline((agent,)), utc_now)


def _read(report: Report) -> LeadResult:
    return LeadResult.model_validate(report.result)


@pytest.mark.parametrize(("first", "then"), [("no budget", "budget"), ("budget", "no budget")])
async def test_the_judgement_of_what_is_stored_stands(
    store: LeadStore, engine: AsyncEngine, world: World, change: Change, first: str, then: str
) -> None:
    """The one that was overtaken leaves no trace: no decision, no opportunity; one purchase.

    A later job only confirms the judgement that stands.
    """
    await store.import_leads([LEAD.model_copy(update={"notes": first})])
    agent = ReadingAgent()
    overtaken = OvertakenStore(engine, change, then)

    result = _read(await _handler(overtaken, world, agent)(ITEM, JOB))
    later = _read(await _handler(store, world, agent)(ITEM, JOB))

    assert agent.judged == [first, then, then]
    (decision,) = await store.decisions_of(LEAD.id)
    (bought,) = await world.ledger.purchases_of("acme")
    assert decision.basis == bought.purchase_id
    is_viable = then == "budget"
    assert [each.viable for each in (result, later)] == [is_viable, is_viable]
    assert (await store.opportunity_of(LEAD.id) is not None) == is_viable
    assert (result.cost_micros, len(world.seller.asked)) == (PRICE, 1)


async def test_a_lead_that_always_changes_fails_and_may_be_queued_again(
    store: LeadStore, engine: AsyncEngine, world: World, change: Change
) -> None:
    """After three judgements its result says so; nothing is stored, and it was bought once."""
    agent = ReadingAgent()
    overtaken = OvertakenStore(engine, change, *(f"budget {n}" for n in range(TRIES)))

    report = await _handler(overtaken, world, agent)(ITEM, JOB)

    assert agent.judged == ["no budget", "budget 0", "budget 1"]
    assert (_read(report).status, report.failure) == (ItemStatus.FAILED, "lead_changed")
    assert await store.decisions_of(LEAD.id) == []
    assert len(world.seller.asked) == 1
    assert _read(await _handler(overtaken, world, agent)(ITEM, JOB)).viable is True


async def test_a_lead_that_is_deleted_while_it_is_judged_is_unknown(
    store: LeadStore, engine: AsyncEngine, world: World, records: Records
) -> None:
    """The result says that there is no such lead, as if it had been deleted before."""
    del store

    async def delete(_: str) -> None:
        await records.delete_lead(LEAD.id, None)

    overtaken = OvertakenStore(engine, delete, "")

    report = await _handler(overtaken, world, ReadingAgent())(ITEM, JOB)

    assert report.failure == "unknown_lead"


async def test_a_lead_that_changes_while_it_is_rejudged_is_judged_as_it_is_then(
    store: LeadStore, engine: AsyncEngine, world: World, change: Change
) -> None:
    """By today's rules, on the evidence that is kept, and once if nothing changes."""
    await _handler(store, world, ReadingAgent("1"))(ITEM, JOB)
    evidence = EvidenceReader(EvidenceArchive(engine), world.memo)
    agent = ReadingAgent("2")
    overtaken = OvertakenStore(engine, change, "budget")
    rejudge = Rejudge(overtaken, evidence, world.index, Pipeline((agent,)), utc_now)

    results = [_read(await rejudge(ITEM, JOB)) for _ in range(2)]

    assert agent.judged == ["no budget", "budget", "budget"]
    assert [each.viable for each in results] == [True, True]
    assert [each.decision.version for each in await store.decisions_of(LEAD.id)] == ["1", "2"]
