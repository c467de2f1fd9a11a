"""A watched company looked at again, by the handler that workers run."""

from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.handlers import RefreshHandler
from orchestrator.identity import Mention
from orchestrator.identity.index import IdentityDecisions
from orchestrator.identity.resolution import DecisionKind, NewDecision
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import DeadLetter, GivenUp, JobContext
from orchestrator.purchasing import BillingContext, EvidenceArchive, EvidenceReader
from orchestrator.schedule import DueSet, RunEnd, Watch, Watches, evidence_digest, new_watch
from tests.integration.purchasing.conftest import World, Worlds, engine, world, worlds

__all__ = ["Worlds", "engine", "world", "worlds"]

RUN = JobContext("j1", "default", capped=False)


@pytest.fixture
def database(database_url: str) -> str:
    """Return the URL of a migrated database, of each kind in turn."""
    return database_url


@pytest.fixture
def watches(engine: AsyncEngine) -> Watches:
    """Return the watches of the same database."""
    return Watches(engine, utc_now)


@pytest.fixture
def handle(
    world: World, engine: AsyncEngine, watches: Watches, jobs_redis: Redis
) -> RefreshHandler:
    """Return what workers run."""
    evidence_reader = EvidenceReader(EvidenceArchive(engine), world.memo)
    return RefreshHandler(watches, DueSet(jobs_redis), evidence_reader, world.index, world.enricher)


@pytest.fixture
async def watch(watches: Watches) -> Watch:
    """Return a watch whose run is that of the job j1."""
    return await _run_of(watches, "Acme Andina")


async def _stored(watches: Watches, watch: Watch) -> Watch:
    return (await watches.of([watch.id]))[watch.id]


async def test_a_run_buys_and_says_when_it_is_due_again(
    world: World, watches: Watches, watch: Watch, handle: RefreshHandler
) -> None:
    """What it cost and how it ended stands in the watch; the ledger says it was a refresh."""
    report = await handle("Acme Andina", RUN)

    after = await _stored(watches, watch)
    (purchase,) = await world.ledger.purchases_of(watch.company_key)
    assert report.result["source"] == "bought"
    assert (after.outcome, after.job_id) == (report.result["status"], None)
    assert after.spent_micros == purchase.cost_micros > 0
    assert purchase.refresh
    assert after.digest not in {None, evidence_digest(None)}
    assert after.next_at > utc_now() + timedelta(days=6)


async def test_within_freshness_nothing_is_bought(
    world: World, watches: Watches, watch: Watch, handle: RefreshHandler
) -> None:
    """A watch is answered by a fresh entry, like any lookup."""
    await world.enricher.enrich("Acme Andina", BillingContext("j0", "default"))

    report = await handle("Acme Andina", RUN)

    assert report.result["source"] == "hit"
    assert (await _stored(watches, watch)).spent_micros == 0
    assert not (await _stored(watches, watch)).rejudge


@pytest.mark.parametrize("job_id", ["j2", None])
async def test_a_run_of_another_job_buys_nothing(
    world: World, watch: Watch, handle: RefreshHandler, job_id: str | None
) -> None:
    """Enqueued twice, it is bought once: the run belongs to one job."""
    report = await handle("Acme Andina", replace(RUN, job_id=job_id))

    assert report.result["status"] == "not_due"
    assert await world.ledger.purchases_of(watch.company_key) == []


async def test_a_run_that_is_repeated_buys_nothing(
    world: World, watches: Watches, watch: Watch, handle: RefreshHandler
) -> None:
    """A worker that died before its report is followed by one that finds the run ended."""
    await handle("Acme Andina", RUN)
    await world.memo.invalidate_pattern("*")

    report = await handle("Acme Andina", RUN)

    assert report.result["status"] == "not_due"
    assert len(await world.ledger.purchases_of(watch.company_key)) == 1
    assert (await _stored(watches, watch)).outcome != "not_due"


async def test_changed_evidence_is_noticed(
    watches: Watches, watch: Watch, handle: RefreshHandler, jobs_redis: Redis
) -> None:
    """What the look shows is held against the last one: another finding asks for a judgement."""
    await watches.end(RunEnd(watch, "j1", "enriched", digest=evidence_digest(None)))
    past = utc_now() - timedelta(days=1)
    await watches.add([replace(watch, next_at=past)])
    assert await watches.begin([watch.id], "j1", []) == {watch.id}

    await handle("Acme Andina", RUN)

    assert (await _stored(watches, watch)).rejudge
    assert await DueSet(jobs_redis).take(10) == [watch.id]


@pytest.mark.parametrize("job_id", ["j1", "j2"])
async def test_a_run_that_is_given_up_ends(
    watches: Watches, watch: Watch, handle: RefreshHandler, job_id: str
) -> None:
    """Poison is not met again at once; who does not own the run ends nothing."""
    why = GivenUp(DeadLetter.POISON, 3, "lookup")

    report = await handle.give_up("Acme Andina", replace(RUN, job_id=job_id), why)

    after = await _stored(watches, watch)
    assert report.failure == "poison"
    assert (after.job_id, after.outcome) == ((None, "failed") if job_id == "j1" else ("j1", None))
    assert (after.next_at > utc_now() + timedelta(hours=1)) == (job_id == "j1")


async def _run_of(watches: Watches, name: str, key: str | None = None) -> Watch:
    """Return a watch whose run is that of the job j1."""
    past = utc_now() - timedelta(days=1)
    new = new_watch(name, tenant="default", every=timedelta(days=7), now=past, company_key=key)
    await watches.add([replace(new, next_at=past)])
    await watches.begin([new.id], "j1", [])
    return (await watches.of([new.id]))[new.id]


async def test_a_company_of_a_shared_name_is_looked_at_by_its_key(
    world: World, watches: Watches, handle: RefreshHandler
) -> None:
    """Its name alone would not say which one is meant."""
    for mention in (Mention("Acme", "acme.es", "ES"), Mention("Acme GmbH", "globex.de", "DE")):
        await world.enricher.identify(mention)
    first = await _run_of(watches, "Acme", "acme")
    second = await _run_of(watches, "Acme GmbH", "acme~globex.de")
    third = await _run_of(watches, "Facebook", "meta")

    reports = [await handle(each.item, RUN) for each in (first, second, third)]

    keys = [each.result["company_key"] for each in reports]
    assert keys == ["acme", "acme~globex.de", "meta"]
    assert [each.result["company"] for each in reports] == ["Acme", "Acme GmbH", "Facebook"]
    asked = [name for name, _ in world.seller.asked]
    assert asked == ["Acme", "Acme GmbH (globex.de)", "meta"]


@pytest.mark.parametrize("both", [True, False])
async def test_merged_companies_are_looked_at_once(
    world: World, engine: AsyncEngine, watches: Watches, handle: RefreshHandler, *, both: bool
) -> None:
    """By the watch of the key that stays, if there is one; else by that of the other."""
    old = await _run_of(watches, "Facebook")
    new = [await _run_of(watches, "Meta")] if both else []
    merge = NewDecision(DecisionKind.MERGE, "facebook", "meta", "ana", "renamed")
    await IdentityDecisions(engine, utc_now).enter(merge)

    codes = [(await handle(each.item, RUN)).result.get("code") for each in (old, *new)]

    assert codes == (["merged", None] if both else [None])
    assert (await _stored(watches, old)).outcome == ("merged" if both else "enriched")
    assert len(await world.ledger.purchases_of("meta")) == 1
    assert len(world.seller.asked) == 1
