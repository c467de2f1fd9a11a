"""What is kept about a person, found, read and erased on SQLite and PostgreSQL alike."""

from collections.abc import Collection, Mapping
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseForbids, reading, schema, writing
from orchestrator.database.schema import leads
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites
from orchestrator.gateway import (
    Author,
    LeadListFilter,
    Persons,
    Records,
    RowCounts,
)
from orchestrator.gateway.records import conditions
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore, lead_key, opportunity_id, opportunity_key
from orchestrator.purchasing import Ledger
from tests.support.cases import advance, discard, lead, lead_of_row, purchase

ANA = "ana.ruiz@acme.example"
#: The same person at two companies, and a colleague.
HERS = [lead(1, email=ANA, phone="+34600111222"), lead(2, email="Ana.Ruiz@ACME.example")]
OTHER = lead(3, email="juana.ruiz@acme.example", notes=f"Asistente de {ANA.upper()}")


class Noting(Fence):
    """Notes which keys are closed, and the versions they are opened with."""

    def __init__(self) -> None:
        super().__init__(Redis(), ttl=timedelta(hours=1))
        self.closed: set[str] = set()
        self.opened: dict[str, int] = {}

    async def close(self, keys: Collection[str], token: str) -> bool:
        """Note *keys*."""
        del token
        self.closed |= set(keys)
        return True

    async def open(self, versions: Mapping[str, int], token: str) -> bool:
        """Note *versions*."""
        del token
        self.opened |= versions
        return True


@pytest.fixture
def fence() -> Noting:
    """Return a fence without Redis."""
    return Noting()


@pytest.fixture
def persons(engine: AsyncEngine, fence: Noting) -> Persons:
    """Return the persons of the database."""
    return Persons(engine, FencedWrites(engine, fence, utc_now), utc_now)


@pytest.fixture
async def store(engine: AsyncEngine, fence: Noting) -> LeadStore:
    """Return a store with three leads; the first has a hand-over, all have a decision."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([*HERS, OTHER])
    await store.record(HERS[0], [advance()], "acme", basis="purchase-1")
    await store.record(HERS[1], [discard()], "beta", basis="purchase-2")
    await store.record(OTHER, [advance()], "acme", basis="purchase-1")
    records = Records(engine, fence, FencedWrites(engine, fence, utc_now), utc_now)
    its = opportunity_id(OTHER.id)
    moved = Author("luis", f"Lo dijo {ANA}")
    await records.change_opportunity(its, {"estado": "en_curso"}, None, moved)
    return store


async def _rows(engine: AsyncEngine, *tables: Table) -> list[int]:
    async with reading(engine, "count") as connection:
        counts = [await connection.scalar(select(func.count()).select_from(t)) for t in tables]
    return [count or 0 for count in counts]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("spelled", [ANA, "ANA.RUIZ@acme.Example"])
async def test_leads_are_found_in_any_case(persons: Persons, spelled: str) -> None:
    """All leads with the address are the person's; an address that only ends alike is not."""
    assert await persons.leads_of(spelled) == sorted(each.id for each in HERS)


async def test_letters_beyond_ascii_have_cases_too(engine: AsyncEngine, persons: Persons) -> None:
    """Databases fold them differently, or not at all."""
    await LeadStore(engine, utc_now).import_leads([lead(4, email="JOSÉ@acme.example"), lead(5)])

    assert await persons.leads_of("josé@acme.example") == [lead(4).id]
    assert await persons.leads_of("jose@acme.example") == []


async def test_a_lead_that_got_its_address_later_is_the_persons(
    engine: AsyncEngine, persons: Persons
) -> None:
    """It is erased with what was decided before; the first file, run again, makes a new lead."""
    store, first = LeadStore(engine, utc_now), lead_of_row("Acme", "Ana Ruiz")
    await store.import_leads([first])
    await store.record(first, [advance()], "acme", basis="purchase-1")
    await store.import_leads([lead_of_row("Acme", "Ana Ruiz", ANA)])

    await persons.erase(await persons.leads_of(ANA), [])
    left = await _rows(engine, leads, schema.decisions, schema.opportunities)
    again = await store.import_leads([first])

    assert left == [0, 0, 0]
    assert again.report.new == 1


@pytest.mark.usefixtures("store")
async def test_everything_that_goes_with_a_lead_is_read(persons: Persons) -> None:
    """The record, decisions, the opportunity with its moves, and the event for sales."""
    first, second = sorted(
        await persons.read([each.id for each in HERS]), key=lambda kept: kept.lead.empresa
    )

    assert first.lead.telefono == "+34600111222"
    assert first.hand_over is not None
    assert first.hand_over.event["lead"]["id"] == str(HERS[0].id)
    assert [each.a for each in first.moves] == ["nueva"]
    assert [each.decision.code for each in second.decisions] == ["too_small"]
    assert (second.opportunity, second.moves, second.hand_over) == (None, [], None)


@pytest.mark.usefixtures("store")
async def test_other_leads_that_name_the_person_are_told(persons: Persons) -> None:
    """Notes and reasons of moves are texts of people, which people must judge."""
    hers = await persons.leads_of(ANA)

    named_in = [lead_key(OTHER.id), opportunity_key(opportunity_id(OTHER.id))]
    assert await persons.named_in(ANA, hers) == named_in


async def test_an_erased_person_leaves_versions_money_and_a_record(
    engine: AsyncEngine, persons: Persons, store: LeadStore, fence: Noting
) -> None:
    """Leads go with all that was concluded, answers go; the ledger stays as it was."""
    ledger = Ledger(engine, utc_now)
    await ledger.settle(purchase(1), {"page": f"Escriba a {ANA}"})
    await ledger.settle(purchase(2), {"page": "Transporte"})
    hers = await persons.leads_of(ANA)

    (written,) = await persons.erase(hers, ["purchase-1"])

    counts = written.result.counts
    assert counts == RowCounts(
        leads=2, decisions=2, opportunities=1, hand_overs=1, archived_answers=1
    )
    assert await persons.leads_of(ANA) == []
    assert await store.lead(OTHER.id) == OTHER
    tables = (schema.leads, schema.decisions, schema.opportunities, schema.handovers)
    assert await _rows(engine, *tables) == [1, 1, 1, 1]
    assert await _rows(engine, schema.evidence, schema.purchases) == [1, 2]
    keys = {lead_key(each) for each in hers} | {opportunity_key(opportunity_id(HERS[0].id))}
    assert keys <= fence.closed
    assert all(fence.opened[key] > 1 for key in keys)
    async with reading(engine, "read the record") as connection:
        record = (await connection.execute(select(schema.erasures))).mappings().one()
    assert record["id"] == written.result.record_id
    assert (record["leads"], record["hand_overs"], record["archived_answers"]) == (2, 1, 1)


@pytest.mark.usefixtures("store")
async def test_erasing_again_changes_nothing(engine: AsyncEngine, persons: Persons) -> None:
    """Nothing is left to erase or to record; what another process has erased is not counted."""
    hers = await persons.leads_of(ANA)
    await persons.erase(hers[:1], [])

    (written,) = await persons.erase(hers, [])
    assert written.result.counts.leads == 1
    assert await persons.erase(await persons.leads_of(ANA), []) == []
    assert await _rows(engine, schema.erasures) == [2]


async def test_a_lead_that_comes_back_is_a_new_one(persons: Persons, store: LeadStore) -> None:
    """It has nothing of the erased one but a higher version."""
    (written,) = await persons.erase(await persons.leads_of(ANA), [])
    assert written.result.counts.leads == 2

    await store.import_leads([HERS[0]])

    (kept,) = await persons.read([HERS[0].id])
    assert kept.lead.version > 2
    assert (kept.decisions, kept.opportunity, kept.hand_over) == ([], None, None)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("statement", ["UPDATE erasures SET leads = 0", "DELETE FROM erasures"])
async def test_records_of_erasures_do_not_change(
    engine: AsyncEngine, persons: Persons, statement: str
) -> None:
    """The database refuses to rewrite the proof."""
    await persons.erase([HERS[0].id], [])

    with pytest.raises((DBAPIError, DatabaseForbids), match=r"append-only|may not tamper"):
        async with writing(engine, "tamper") as connection:
            await connection.execute(text(statement))


async def test_a_person_is_found_without_reading_all_leads(engine: AsyncEngine) -> None:
    """By the search of `emasai person`, and by that of `GET /leads?correo=`."""
    each_of = (
        func.lower(func.trim(leads.c.email)) == ANA,
        *conditions(LeadListFilter(correo=ANA)),
    )
    for condition in each_of:
        query = select(leads.c.id).where(condition)
        async with reading(engine, "explain a search") as connection:
            text_of = str(query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True}))
            if engine.dialect.name == "sqlite":
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text_of}")
            else:  # it reads a table of few rows whole
                await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                plan = await connection.exec_driver_sql(f"EXPLAIN {text_of}")
            found = " ".join(str(row) for row in plan)

        assert "ix_leads_email" in found
