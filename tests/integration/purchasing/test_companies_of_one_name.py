"""Which evidence a lead gets, and how often it is paid for, where names are not enough."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Lead, Pipeline
from orchestrator.database import DatabaseUnavailable, open_engine
from orchestrator.database.schema import identity_claims
from orchestrator.embedded.stack import Valkey
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers import (
    CompanyHandler,
    CompanyResult,
    ItemStatus,
    LeadHandler,
    LeadResult,
    Rejudge,
)
from orchestrator.identity import Mention
from orchestrator.identity.index import IdentityDecisions
from orchestrator.identity.resolution import DecisionKind, NewDecision
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobContext
from orchestrator.leads import LeadStore
from orchestrator.memo import Source
from orchestrator.purchasing import EvidenceArchive, EvidenceReader
from tests.integration.purchasing.conftest import FREE, World, Worlds
from tests.integration.purchasing.test_lead_handler import FakeAgent
from tests.support.cases import advance, lead
from tests.support.surfsense import PRICE

JOB = JobContext(None, "default", capped=False)
SPAIN = lead(1, company="Acme", website="https://www.acme.es", country="ES")
GERMANY = lead(2, company="ACME GmbH", email="ana@globex.de", country="DE")
BARE = lead(3, company="Acme", email="ana@gmail.com")


class Scenario:
    """Leads of one name on their way through the pipeline."""

    def __init__(self, world: World, engine: AsyncEngine) -> None:
        self.store = LeadStore(engine, utc_now)
        self.agent = FakeAgent(advance())
        self.pipeline = Pipeline((self.agent,))
        self._handler = LeadHandler(self.store, world.enricher, self.pipeline, utc_now)

    async def judge(self, *leads: Lead) -> list[LeadResult]:
        """Import *leads*, and judge one after the other."""
        await self.store.import_leads(leads)
        return [
            LeadResult.model_validate((await self._handler(str(each.id), JOB)).result)
            for each in leads
        ]


@pytest.fixture
def scenario(world: World, engine: AsyncEngine) -> Scenario:
    """Return a scenario."""
    return Scenario(world, engine)


async def _decide(engine: AsyncEngine, kind: DecisionKind, subject: str, target: str | None) -> int:
    new = NewDecision(kind, subject, target, "ana", "the register says so")
    return (await IdentityDecisions(engine, utc_now).enter(new)).number


async def test_two_companies_of_one_name_are_bought_apart(world: World, scenario: Scenario) -> None:
    """Two keys, two charges; each lead is judged by its own company's evidence."""
    results = await scenario.judge(SPAIN, GERMANY, SPAIN)

    assert [each.company_key for each in results] == ["acme", "acme~globex.de", "acme"]
    assert [name for name, _ in world.seller.asked] == ["Acme", "ACME GmbH (globex.de)"]
    assert world.seller.charged_micros == 2 * PRICE
    judged_by = [case.evidence and case.evidence.company for case in scenario.agent.cases]
    assert judged_by == ["Acme", "ACME GmbH (globex.de)", "Acme"]
    for each, key in ((SPAIN, "acme"), (GERMANY, "acme~globex.de")):
        (decision, *_) = await scenario.store.decisions_of(each.id)
        (bought,) = await world.ledger.purchases_of(key)
        assert (decision.company_key, decision.basis) == (key, bought.purchase_id)


async def test_a_lead_with_a_website_and_one_without_are_one_company(
    world: World, scenario: Scenario
) -> None:
    """As long as no second company of the name is known: one charge."""
    results = await scenario.judge(BARE, SPAIN)

    assert [each.company_key for each in results] == ["acme", "acme"]
    assert [each.source for each in results] == [Source.BOUGHT, Source.HIT]
    assert world.seller.charged_micros == PRICE


async def test_a_name_of_two_companies_alone_buys_nothing(world: World, scenario: Scenario) -> None:
    """Although an entry is there: it could be either's. The candidates are reported."""
    *_, result = await scenario.judge(SPAIN, GERMANY, BARE)

    assert result.status is ItemStatus.AMBIGUOUS
    assert result.reason is not None
    assert "Acme (acme.es, ES), ACME GmbH (globex.de, DE, GmbH)" in result.reason.en
    assert "página web" in result.reason.es
    assert await scenario.store.decisions_of(BARE.id) == []
    assert len(world.seller.asked) == 2


async def test_a_country_chooses_among_the_companies_of_a_name(
    world: World, scenario: Scenario
) -> None:
    """Without a website the country may still identify the company."""
    *_, result = await scenario.judge(
        SPAIN, GERMANY, lead(4, company="Acme", email="ana@gmail.com", country="DE")
    )

    assert (result.company_key, result.source) == ("acme~globex.de", Source.HIT)
    assert len(world.seller.asked) == 2


async def test_a_legal_form_is_bought_for_by_its_website(world: World, scenario: Scenario) -> None:
    """`S.A.` names no company; with a website it means one company, and every website another."""
    results = await scenario.judge(
        lead(5, company="S.A.", website="acme.com"),
        lead(6, company="S.A.", email="ana@globex.de"),
        lead(7, company="S.A.", email="ana@gmail.com"),
    )

    assert [each.company_key for each in results] == ["sa~acme.com", "sa~globex.de", "sa"]
    assert results[2].status is ItemStatus.AMBIGUOUS
    assert [name for name, _ in world.seller.asked] == ["S.A. (acme.com)", "S.A. (globex.de)"]


async def test_merged_companies_share_what_was_bought(world: World, engine: AsyncEngine) -> None:
    """One charge: the entry of the key that gave way is found under both, until it is undone."""
    bought = await world.enricher.enrich("Facebook", FREE)
    merge = await _decide(engine, DecisionKind.MERGE, "facebook", "meta")

    merged = [await world.enricher.enrich(name, FREE) for name in ("Meta", "Facebook, Inc.")]
    previews = await world.enricher.preview(
        [(Mention(name), wants_profile) for name in ("Meta", "Facebook")]
    )
    await _decide(engine, DecisionKind.UNDO, str(merge), None)
    apart = await world.enricher.enrich("Meta", FREE)

    assert [each.company_key for each in merged] == ["meta", "meta"]
    assert [each.source for each in merged] == [Source.HIT, Source.HIT]
    assert {each.purchase_id for each in merged} == {bought.purchase_id}
    assert [(each.company_key, each.fresh) for each in previews] == [("meta", True)] * 2
    assert apart.source is Source.BOUGHT
    assert apart.evidence is not None
    assert apart.evidence.company == "Meta"


async def test_merged_companies_are_bought_under_the_key_that_stays(
    world: World, engine: AsyncEngine
) -> None:
    """Whichever of the names is asked for first."""
    await _decide(engine, DecisionKind.MERGE, "facebook", "meta")

    sources = [(await world.enricher.enrich(n, FREE)).source for n in ("Facebook", "Meta")]

    assert sources == [Source.BOUGHT, Source.HIT]
    assert [name for name, _ in world.seller.asked] == ["meta"]
    assert len(await world.ledger.purchases_of("meta")) == 1


async def test_merging_the_companies_of_a_name_makes_it_one_again(
    engine: AsyncEngine, scenario: Scenario
) -> None:
    """What was two companies by their facts is one by a person's decision."""
    await scenario.judge(SPAIN, GERMANY)
    await _decide(engine, DecisionKind.MERGE, "acme~globex.de", "acme")

    (result,) = await scenario.judge(BARE)

    assert (result.company_key, result.source) == ("acme", Source.HIT)


async def test_a_split_name_buys_nothing_by_itself(world: World, engine: AsyncEngine) -> None:
    """What is stored under it may belong to either; its companies are bought by their websites."""
    await world.enricher.enrich("Acme", FREE)
    await _decide(engine, DecisionKind.SPLIT, "acme", None)
    handle = CompanyHandler(world.enricher)

    items = ["Acme", Mention("Acme", "acme.es").text, Mention("Acme", "globex.mx").text]
    results = [CompanyResult.model_validate((await handle(each, JOB)).result) for each in items]

    assert [each.company for each in results] == ["Acme"] * 3
    assert results[0].status is ItemStatus.AMBIGUOUS
    assert [each.company_key for each in results[1:]] == ["acme~acme.es", "acme~globex.mx"]
    assert [each.source for each in results[1:]] == [Source.BOUGHT, Source.BOUGHT]


async def test_looking_claims_nothing(
    world: World, engine: AsyncEngine, scenario: Scenario
) -> None:
    """Neither a preview nor a judgement on kept evidence assigns the name."""
    await scenario.store.import_leads([GERMANY])
    evidence_reader = EvidenceReader(EvidenceArchive(engine), world.memo)
    rejudge = Rejudge(scenario.store, evidence_reader, world.index, scenario.pipeline, utc_now)

    await world.enricher.preview([(Mention("Acme", "globex.de", "DE"), wants_profile)])
    await rejudge.judge(str(GERMANY.id))
    (result,) = await scenario.judge(SPAIN)

    assert result.company_key == "acme"
    async with engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(identity_claims)) == 1


async def test_leads_are_judged_again_on_what_was_bought_for_their_company(
    world: World, engine: AsyncEngine, scenario: Scenario
) -> None:
    """By domains, and also under a key that was merged since; never on the other company's."""
    await scenario.judge(SPAIN, GERMANY)
    await _decide(engine, DecisionKind.MERGE, "acme~globex.de", "globex")
    evidence_reader = EvidenceReader(EvidenceArchive(engine), world.memo)
    rejudge = Rejudge(scenario.store, evidence_reader, world.index, scenario.pipeline, utc_now)
    scenario.agent.cases.clear()

    results = [await rejudge.judge(str(each.id)) for each in (SPAIN, GERMANY)]

    assert [each.company_key for each in results] == ["acme", "globex"]
    judged_by = {case.evidence and case.evidence.company for case in scenario.agent.cases}
    assert judged_by == {"Acme", "ACME GmbH (globex.de)"}
    assert len(world.seller.asked) == 2


async def test_nothing_is_bought_while_nobody_can_say_who_is_meant(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """The database is unavailable: a typed error, and no purchase."""
    away = open_engine("postgresql://emasai@127.0.0.1:1/emasai")
    lost = worlds.open(shared_valkey, engine=away)

    with pytest.raises(DatabaseUnavailable):
        await lost.enricher.enrich("Acme", FREE)
    assert lost.seller.asked == []
    await away.dispose()
