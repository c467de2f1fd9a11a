"""Two companies of one name, in two towns, in the sandbox's real world."""

from collections.abc import Iterator
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from agents.case import Case, Lead
from agents.cdao import AssessmentCode, CdaoAgent, default_policy
from orchestrator.embedded.sandbox.companies import World as InventedWorld
from orchestrator.embedded.sandbox.company import Company
from orchestrator.embedded.stack import Valkey
from orchestrator.evidence.waterfall import Offer, offers_for
from orchestrator.identity import Mention
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing.research import Questions, Research
from tests.integration.purchasing.conftest import FREE, World, Worlds
from tests.integration.surfsense.buying import run_seller_of
from tests.integration.surfsense.sandbox_process import FAULTLESS, SandboxProcess
from tests.support.surfsense import FakeSeller

CATALOGUE = 80


async def offers(has_place: bool) -> tuple[Offer, ...]:  # noqa: FBT001 - the port's
    """Offer everything at list prices."""
    return offers_for(has_place=has_place)


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """Run a sandbox of the real world, without faults."""
    options = ("--world", "real", "--catalogue-size", str(CATALOGUE))
    process = SandboxProcess(tmp_path_factory.mktemp("world"), *options)
    process.behave(**FAULTLESS.model_copy(update={"world": "real"}).model_dump())
    yield process
    process.stop()


def a_pair() -> tuple[Company, Company]:
    """Return two companies of one name, each with a place and a site of its own."""
    invented = InventedWorld(0, CATALOGUE)
    return next(
        (company, namesake)
        for company, _ in invented.listed()
        for namesake in invented.namesakes(company.id)
        if company.country == namesake.country and company.city != namesake.city
        if all(each.has_place and each.has_readable_site for each in (company, namesake))
    )


async def verdict_on(world: World, name: str, company: Company) -> tuple[str | None, bool]:
    """Return the site that is found for a lead with *name* and town, and whether it is decided."""
    mention = Mention(name, country=company.country, city=company.city)
    found = await world.enricher.enrich(await world.enricher.identify(mention), FREE)
    assert found.evidence is not None
    lead = Lead(
        id=UUID(int=1),
        company=name,
        contact="",
        email="",
        country=company.country,
        city=company.city,
    )
    case = Case(lead=lead, now=utc_now()).with_evidence(found.evidence)
    code = CdaoAgent(default_policy()).decide(case).code
    website = found.answer.get("website", {}).get("value")
    return website, code != AssessmentCode.INSUFFICIENT_EVIDENCE


async def test_both_leads_are_decided_on_their_own_evidence(
    worlds: Worlds, shared_valkey: Valkey, sandbox: SandboxProcess
) -> None:
    """Each question is bought once: a third lead of either town pays nothing."""
    pair = a_pair()
    async with run_seller_of(sandbox.url) as seller:
        world = worlds.open(shared_valkey, cast("FakeSeller", seller))  # its bill is the sandbox's
        questions = Questions(world.memo_redis, entries_live=timedelta(hours=2))
        world.enricher._research = Research(  # noqa: SLF001 - as the composition root passes it
            world.memo, world.purchaser, offers, questions, ceiling_micros=17_000
        )
        verdicts = [await verdict_on(world, pair[0].name, each) for each in pair]
        bought = sandbox.bill()["purchases"]
        again = [await verdict_on(world, pair[0].name, each) for each in pair]

    for found in (verdicts, again):
        assert [is_decided for _, is_decided in found] == [True, True]
        assert all(
            str(each.domain) in str(site) for each, (site, _) in zip(pair, found, strict=True)
        )
    assert sandbox.bill()["purchases"] == bought
