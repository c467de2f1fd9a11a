"""Leads, decisions and opportunities on SQLite and PostgreSQL alike."""

import asyncio
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import delete, event, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Lead
from orchestrator.database import DatabaseForbids, open_engine, reading, schema, writing
from orchestrator.infra.clock import utc_now
from orchestrator.leads import (
    ImportReport,
    LeadChanged,
    LeadFilter,
    LeadStatus,
    LeadStore,
    OnConflict,
    Recorded,
    opportunity_id,
)
from orchestrator.leads.recording import supersede_decisions
from tests.support.async_waiting import eventually
from tests.support.cases import NOW, advance, discard, lead
from tests.support.database import waiting_for_locks


class TickingClock:
    """Says that one second passed since it was asked last."""

    def __init__(self) -> None:
        self._seconds = count()

    def __call__(self) -> datetime:
        """Return the next instant."""
        return NOW + timedelta(seconds=next(self._seconds))


@pytest.fixture
def store(engine: AsyncEngine) -> LeadStore:
    """Return a store on an empty database."""
    return LeadStore(engine, TickingClock())


async def test_the_same_file_twice_makes_no_second_lead(store: LeadStore) -> None:
    """Importing again reports every lead as unchanged and stores none."""
    leads = [lead(number) for number in range(5)]

    first = await store.import_leads(leads)
    second = await store.import_leads([*leads, lead(5)])

    assert first.report == ImportReport(new=5)
    assert second.report == ImportReport(new=1, unchanged=5)
    assert len(await store.select_ids(None, {})) == 6


@pytest.mark.parametrize(
    ("rule", "contact", "phone"),
    [
        (OnConflict.REPLACE, "Eva Sanz", "+34 600 000 000"),
        (OnConflict.FILL, "Ana Riz", "+34 600 000 000"),
        (OnConflict.KEEP, "Ana Riz", None),
    ],
)
async def test_who_wins_is_a_rule(
    store: LeadStore, rule: OnConflict, contact: str, phone: str | None
) -> None:
    """A later import replaces what is stored, fills it in, or changes nothing; so says the report.

    A blank erases nothing, whatever the rule.
    """
    stored = lead(1, contact="Ana Riz", phone=None, website="www.one.example")
    later = lead(1, contact="Eva Sanz", phone="+34 600 000 000", website=None)
    await store.import_leads([stored])

    after, foretold = await store.preview_import([later], on_conflict=rule)
    imported = await store.import_leads([later], on_conflict=rule)

    assert after == [await store.lead(stored.id)]
    assert after == [stored.model_copy(update={"contact": contact, "phone": phone})]
    assert imported == foretold
    assert imported.report.updated == (rule is not OnConflict.KEEP)


async def test_a_lead_that_changes_is_judged_anew(store: LeadStore) -> None:
    """A judgement that differs counts, though it rests on the same evidence; the old one is kept.

    A lead that does not change keeps its judgement.
    """
    await store.import_leads([lead(1), lead(2)])
    for number in (1, 2):
        await store.record(lead(number), [discard()], "acme", basis="p1")

    later = [lead(1, country="MX"), lead(2)]
    await store.import_leads(later)
    changed, same = [await store.record(each, [advance()], "acme", basis="p1") for each in later]

    assert (changed.created, not changed.standing) == (True, True)
    assert same.standing
    assert [each.basis for each in await store.decisions_of(lead(1).id)] == ["p1@v2", "p1"]


async def test_a_lead_needs_no_address(store: LeadStore) -> None:
    """It is stored without one, and comes back without one."""
    await store.import_leads([lead(1, email=None)])

    assert await store.lead(lead(1).id) == lead(1, email=None)


async def test_one_import_may_name_a_lead_twice(store: LeadStore) -> None:
    """The later of two leads with one id counts, and both count as one."""
    imported = await store.import_leads([lead(1), lead(2), lead(1, company="Other")])

    assert imported.report == ImportReport(new=2)
    assert (await store.leads([lead(1).id]))[lead(1).id].company == "Other"


async def test_importing_nothing_is_no_error(store: LeadStore) -> None:
    """A file without a usable row imports zero leads."""
    imported = await store.import_leads([])

    assert imported.report == ImportReport()


async def test_many_leads_cross_the_chunks(store: LeadStore) -> None:
    """More leads than fit in one statement are all imported and all found."""
    leads = [lead(number) for number in range(4_500)]

    imported = await store.import_leads(leads)
    found = await store.leads([each.id for each in leads])

    assert imported.report.new == 4_500
    assert found == {each.id: each for each in leads}


async def test_text_that_postgresql_cannot_store_is_imported(store: LeadStore) -> None:
    """A NUL in a cell becomes the replacement character; the lead is not lost."""
    await store.import_leads([lead(1, notes="a\0b")])

    assert (await store.leads([lead(1).id]))[lead(1).id].notes == "a\ufffdb"


async def test_an_unknown_lead_is_left_out(store: LeadStore) -> None:
    """Asking for leads that are not stored returns the others."""
    await store.import_leads([lead(1)])

    assert set(await store.leads([lead(1).id, lead(2).id])) == {lead(1).id}


async def test_an_advancing_lead_gets_its_opportunity(store: LeadStore) -> None:
    """The opportunity holds the draft, the company and whether the evidence was invented."""
    await store.import_leads([lead(1)])

    recorded = await store.record(lead(1), [advance()], "acme", basis="p1", simulated=True)

    assert recorded == Recorded(opportunity_id(lead(1).id), created=True)
    opportunity = await store.opportunity_of(lead(1).id)
    assert opportunity is not None
    assert opportunity.draft == advance().draft
    assert (opportunity.company_key, opportunity.simulated) == ("acme", True)


async def test_a_discarded_lead_gets_none(store: LeadStore) -> None:
    """One discarding agent is enough, whatever the earlier ones drafted."""
    await store.import_leads([lead(1)])

    recorded = await store.record(lead(1), [advance(), discard("sales")], "acme", basis="p1")

    assert recorded == Recorded(None, created=False)
    assert await store.opportunity_of(lead(1).id) is None


async def test_a_repeated_run_has_no_second_effect(store: LeadStore) -> None:
    """The same decisions on the same evidence add neither an opportunity nor a decision."""
    await store.import_leads([lead(1)])
    first = await store.record(lead(1), [advance()], "acme", basis="p1")

    again = await store.record(lead(1), [advance()], "acme", basis="p1")

    assert again == Recorded(first.opportunity_id, created=False)
    (decision,) = await store.decisions_of(lead(1).id)
    assert decision.confirmed_at > decision.decided_at


async def test_the_first_decision_on_the_same_evidence_stands(store: LeadStore) -> None:
    """A second look, on evidence grown older, that comes to another end has no effect."""
    await store.import_leads([lead(1)])
    await store.record(lead(1), [discard()], "acme", basis="p1")

    again = await store.record(lead(1), [advance()], "acme", basis="p1")

    assert again == Recorded(None, created=False, standing={"cdao": discard()})
    assert await store.opportunity_of(lead(1).id) is None
    assert [each.decision for each in await store.decisions_of(lead(1).id)] == [discard()]


async def test_looks_at_the_same_time_come_to_one_end(store: LeadStore) -> None:
    """Of two that contradict each other in one transaction, one stands and the other learns it."""
    await store.import_leads([lead(1)])

    answers = await asyncio.gather(
        store.record(lead(1), [discard()], "acme", basis="p1"),
        store.record(lead(1), [advance()], "acme", basis="p1"),
    )

    (stored,) = await store.decisions_of(lead(1).id)
    standing = [each.standing["cdao"] for each in answers if each.standing]
    assert standing == [stored.decision]
    has_opportunity = await store.opportunity_of(lead(1).id) is not None
    assert has_opportunity == (stored.decision == advance())


async def test_a_lead_that_is_no_longer_viable_keeps_its_opportunity(store: LeadStore) -> None:
    """Sales keeps what it works on, unchanged; the latest decision is stored."""
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance(score=80)], "acme", basis="p1")
    before = await store.opportunity_of(lead(1).id)

    recorded = await store.record(lead(1), [discard()], "acme", basis="p2")

    assert recorded == Recorded(opportunity_id(lead(1).id), created=False)
    assert await store.opportunity_of(lead(1).id) == before
    assert [each.decision for each in await store.decisions_of(lead(1).id)] == [
        advance(score=80),
        discard(),
    ]


async def test_returning_to_an_earlier_policy_has_the_last_word(store: LeadStore) -> None:
    """A decision that is reached again after another one becomes the latest."""
    await store.import_leads([lead(1)])
    versions = [discard(version="1", code="old"), discard(version="2", code="new")]

    for decision in (*versions, versions[0]):
        await store.record(lead(1), [decision], "acme", basis="p1")

    assert [each.decision.code for each in await store.decisions_of(lead(1).id)] == ["new", "old"]


async def test_decisions_of_all_leads_of_a_company_are_found(store: LeadStore) -> None:
    """`explain` sees every lead of the company, and no other company's."""
    await store.import_leads([lead(1), lead(2), lead(3)])
    for number, key in ((1, "acme"), (2, "acme"), (3, "globex")):
        await store.record(lead(number), [advance()], key, basis=f"p{number}")

    found = await store.decisions_for_company("acme")

    assert [(each.lead_id, each.basis) for each in found] == [
        (lead(1).id, "p1"),
        (lead(2).id, "p2"),
    ]


@pytest.mark.parametrize("other", [lead(999), lead(3, notes="as it was before")])
async def test_one_lead_that_changed_does_not_fail_its_neighbours(
    store: LeadStore, other: Lead
) -> None:
    """Of concurrent calls that share a transaction, only that of a lead not stored so fails."""
    judged = [lead(number) for number in range(20)]
    await store.import_leads(judged)
    judged.insert(10, other)

    results = await asyncio.gather(
        *(store.record(each, [advance()], "acme", basis="p") for each in judged),
        return_exceptions=True,
    )

    failed = results.pop(10)
    assert isinstance(failed, LeadChanged)
    assert failed.lead_id == other.id
    assert all(isinstance(each, Recorded) and each.created for each in results)


async def test_a_judgement_waits_for_a_change_that_is_under_way(
    store: LeadStore, engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    """What was judged is compared with the lead as it is committed, not as it was before."""
    await store.import_leads([lead(1)])

    async with writing(other_engine, "change a lead") as connection:
        await connection.execute(update(schema.leads).values(notes="changed"))
        recording = asyncio.create_task(store.record(lead(1), [advance()], "acme", basis="p1"))
        if engine.dialect.name == "postgresql":

            async def has_come_to_the_lock() -> bool:
                return recording.done() or await waiting_for_locks(engine) > 0

            await eventually(has_come_to_the_lock, "the judgement waits")

    with pytest.raises(LeadChanged):
        await recording
    assert await store.decisions_of(lead(1).id) == []


async def test_leads_are_compared_with_their_judgements_by_one_statement(
    store: LeadStore, engine: AsyncEngine
) -> None:
    """However many judgements share a transaction; no other statement reads the leads."""
    judged = [lead(number) for number in range(20)]
    await store.import_leads(judged)
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    await asyncio.gather(
        *(store.record(each, [advance()], "acme", basis="p") for each in judged),
    )

    assert len([each for each in statements if "FROM leads" in each]) == 1


async def test_of_concurrent_runs_of_one_lead_one_creates(store: LeadStore) -> None:
    """Many callers at once with the same lead make one opportunity and one decision."""
    await store.import_leads([lead(1)])

    results = await asyncio.gather(
        *(store.record(lead(1), [advance()], "acme", basis="p") for _ in range(50))
    )

    assert sum(each.created for each in results) == 1
    assert {each.opportunity_id for each in results} == {opportunity_id(lead(1).id)}
    assert len(await store.decisions_of(lead(1).id)) == 1


async def test_opposite_orders_do_not_deadlock(url: str) -> None:
    """Two stores that record the same leads from both ends never wait in a circle."""
    engines = [open_engine(url), open_engine(url)]
    forward, backward = (LeadStore(engine, TickingClock()) for engine in engines)
    leads = [lead(number) for number in range(400)]
    await forward.import_leads(leads)

    for basis in ("p1", "p2", "p3"):
        await asyncio.gather(
            *(forward.record(each, [advance()], "acme", basis=basis) for each in leads),
            *(backward.record(each, [advance()], "acme", basis=basis) for each in leads[::-1]),
        )

    assert len(await forward.select_ids(LeadFilter(status=LeadStatus.OPPORTUNITY), {})) == 400
    assert len(await forward.decisions_for_company("acme")) == 1_200
    for engine in engines:
        await engine.dispose()


async def test_erasing_a_lead_erases_what_was_concluded_about_it(
    store: LeadStore, engine: AsyncEngine
) -> None:
    """Erasing a person erases their decisions and opportunities, too."""
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], "acme", basis="p1")

    async with writing(engine, "erase a lead") as connection:
        await connection.execute(delete(schema.leads))

    async with reading(engine, "count") as connection:
        for table in (schema.decisions, schema.opportunities):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE decisions SET verdict = 'discard'",
        "UPDATE decisions SET reason_es = 'x', confirmed_at = decided_at",
        "UPDATE decisions SET basis = 'other'",
        "UPDATE decisions SET basis = basis || 'x@v1'",
        "DELETE FROM decisions",
    ],
)
async def test_what_was_decided_stays_as_it_was(engine: AsyncEngine, change: str) -> None:
    """The database refuses to rewrite it; it may be superseded, and goes with its lead."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], "acme", basis="b_%")
    before = await store.decisions_of(lead(1).id)

    with pytest.raises((DBAPIError, DatabaseForbids), match=r"append-only|may not tamper"):
        async with writing(engine, "tamper") as connection:
            await connection.execute(text(change))

    assert await store.decisions_of(lead(1).id) == before
    async with writing(engine, "supersede, and delete") as connection:
        await supersede_decisions(connection, {lead(1).id: 1})
        superseded = await connection.scalar(select(schema.decisions.c.basis))
        await connection.execute(text("DELETE FROM leads"))
    assert superseded == "b_%@v1"
    assert await store.decisions_of(lead(1).id) == []
