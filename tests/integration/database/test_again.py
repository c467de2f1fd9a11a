"""Leads that come again in later files, on SQLite and PostgreSQL alike."""

from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Lead
from orchestrator.database import writing
from orchestrator.database.schema import leads
from orchestrator.fence.writes import FencedWrites, Work, Written
from orchestrator.infra.clock import utc_now
from orchestrator.leads import ImportReport, LeadStore, OnConflict
from tests.integration.database.test_processes import write_together
from tests.support.cases import advance, lead
from tests.support.cases import lead_of_row as row
from tests.support.children import Children

ana = partial(row, "Acme S.A.", "Ana Ruiz")


@pytest.fixture
def store(engine: AsyncEngine) -> LeadStore:
    """Return a store on an empty database."""
    return LeadStore(engine, utc_now)


async def _stored(store: LeadStore) -> list[Lead]:
    return list((await store.leads(await store.select_ids(None, {}))).values())


async def test_an_address_that_comes_later_fills_in_the_lead(store: LeadStore) -> None:
    """It is one lead by either file from then on, with one opportunity; so says the preview."""
    first, second = ana(), ana("ana@acme.test", notes="corrected")
    [lead_id] = (await store.import_leads([first])).ids
    recorded = await store.record(first, [advance()], "acme", basis="p1")

    _, foretold = await store.preview_import([second])
    imported = await store.import_leads([second])
    stored = await store.lead(lead_id)
    assert stored is not None
    anew = await store.record(stored, [advance()], "acme", basis="p1")
    again = [(await store.import_leads([each])).report for each in (second, first, second)]

    assert imported == foretold
    assert (imported.ids, imported.report) == ([lead_id], ImportReport(updated=1))
    assert (stored.email, stored.notes) == ("ana@acme.test", "corrected")
    assert (anew.opportunity_id, anew.created) == (recorded.opportunity_id, False)
    assert again == [ImportReport(unchanged=1)] * 3
    assert await _stored(store) == [stored]


@pytest.mark.parametrize("rule", [OnConflict.FILL, OnConflict.KEEP])
async def test_a_lead_is_found_whoever_wins(store: LeadStore, rule: OnConflict) -> None:
    """A rule decides about its fields, not about who it is."""
    [lead_id] = (await store.import_leads([ana()])).ids

    imported = await store.import_leads([ana("ana@acme.test")], on_conflict=rule)

    assert imported.ids == [lead_id]
    assert [each.email for each in await _stored(store)] == (
        ["ana@acme.test"] if rule is OnConflict.FILL else [None]
    )


@pytest.mark.parametrize("email", ["info@acme.test", "ana@acme.test"])
async def test_a_lead_with_the_id_of_an_earlier_version_is_found(
    store: LeadStore, email: str
) -> None:
    """By its address: ids were made otherwise, and of keys by which companies went then."""
    old, luis = lead(1, company="Acme", contact="Ana Ruiz", email=email), row("Acme", "Luis", email)
    await store.import_leads([old])

    imported = await store.import_leads([ana(email.upper())])

    assert (imported.ids, imported.report.new) == ([old.id], 0)
    assert (await store.recognize([ana(email), ana()]))[0] == old.id
    if email.startswith("info"):
        assert (await store.import_leads([luis])).report == ImportReport(new=1)


async def test_namesakes_stay_two_and_are_said(store: LeadStore) -> None:
    """In any order, and however often the file comes."""
    rows = [ana(), ana("ana@acme.test"), ana("ana.ruiz@acme.test")]

    first = await store.import_leads(rows)
    second = await store.import_leads(rows[::-1])
    third = await store.import_leads([ana("a.ruiz@acme.test")])

    assert first.report == ImportReport(new=3)
    assert (second.report, second.doubtful) == (ImportReport(unchanged=3), set())
    assert (third.report, third.doubtful) == (ImportReport(new=1), set(third.ids))


async def test_a_lead_that_was_stored_without_its_name_is_found(
    store: LeadStore, engine: AsyncEngine
) -> None:
    """As an earlier version, or the gateway, leaves it."""
    [lead_id] = (await store.import_leads([ana("ana@acme.test")])).ids
    async with writing(engine, "forget names") as connection:
        await connection.execute(update(leads).values(name_at_company=None, name_at_domain=None))

    assert await store.recognize([ana()]) == [lead_id]


class _Overtaken:
    """Writes as the gateway's, before each update of which another import stores *lead*."""

    def __init__(self, engine: AsyncEngine, lead: Lead) -> None:
        self._engine = engine
        self._lead = lead

    async def run(self, operation: str, _: object, work: Work[Any]) -> Written[Any]:
        """Run *work* in a transaction."""
        if operation == "update leads":
            await LeadStore(self._engine, utc_now).import_leads([self._lead])
        async with writing(self._engine, operation) as connection:
            return Written((await work(connection))[0], deferred=False)


async def test_a_lead_that_changed_before_it_was_updated_is_recognized_anew(
    store: LeadStore, engine: AsyncEngine
) -> None:
    """Another import gave it an address meanwhile: the row is no longer its, and is not lost."""
    [lead_id] = (await store.import_leads([ana()])).ids
    writes = cast("FencedWrites", _Overtaken(engine, ana("ana.ruiz@acme.test")))

    imported = await LeadStore(engine, utc_now, writes=writes).import_leads([ana("ana@acme.test")])

    assert imported.report == ImportReport(new=1)
    assert imported.ids != [lead_id]
    assert {each.email for each in await _stored(store)} == {"ana.ruiz@acme.test", "ana@acme.test"}


async def test_processes_that_import_two_versions_of_a_file_make_each_lead_once(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """None is lost, none is stored twice, each has its address, and no import is stuck."""
    await write_together(children, 4, "import", url, 300)

    stored = await _stored(LeadStore(engine, utc_now))

    assert len(stored) == 300
    assert len({each.contact for each in stored}) == 300
    assert all(each.email for each in stored)
