"""A schedule of companies that people have made one."""

from orchestrator.identity import company_key
from orchestrator.identity.index import IdentityDecisions
from orchestrator.identity.resolution import DecisionKind, NewDecision
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobKind
from orchestrator.leads import LeadStore
from orchestrator.schedule import new_rule
from tests.integration.schedule.test_scheduler import DAY, World, world
from tests.support.cases import advance, lead

__all__ = ["world"]


async def test_a_merged_company_is_watched_under_the_key_that_stays(world: World) -> None:
    """What it has an opportunity for keeps it worth a look; its leads are judged again."""
    store = LeadStore(world.engine, utc_now)
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], company_key("Company 1"), basis="b")
    merge = NewDecision(DecisionKind.MERGE, company_key("Company 1"), "meta", "ana", "renamed")
    await IdentityDecisions(world.engine, utc_now).enter(merge)
    await world.watches.add([new_rule(tenant="default", every=DAY, now=utc_now() - DAY)])

    await world.tick()
    derived = next(w for w in await world.watches.of_tenant("default") if w.company)
    for digest in ("a", "b"):
        await world.make_due(derived)
        assert await world.tick() == 1
        await world.end(derived, digest=digest)
        await world.tick()

    assert derived.company_key == "meta"
    assert world.jobs[0][1].items == ("meta",)
    judged = [job.items for _, job in world.jobs if job.kind is JobKind.REJUDGE]
    assert judged == [(str(lead(1).id),)]
