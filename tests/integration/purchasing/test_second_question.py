"""A name for which the seller knows several companies is asked for once more, with the domain."""

import asyncio
import signal
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.embedded.stack import Valkey
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers import CompanyHandler, CompanyResult, ItemStatus
from orchestrator.identity import Mention, domain_key, entry_key
from orchestrator.jobs import JobContext, Report
from orchestrator.memo import Source, StillLoading
from orchestrator.purchasing import (
    BillingContext,
    Enrichment,
    EnrichmentStatus,
    EvidenceArchive,
    EvidenceReader,
    EvidenceReference,
    PurchaseOutcome,
)
from orchestrator.surfsense import (
    Ambiguous,
    Answer,
    AnswerLost,
    NotFound,
    RequestRejected,
    ServiceUnavailable,
)
from tests.integration.purchasing.conftest import FREE, World, Worlds
from tests.support.books import total_spent
from tests.support.children import Children
from tests.support.second_question_process import (
    AMBIGUOUS,
    COMPANY,
    ITEM,
    LEASE,
    NAME,
    WITH_DOMAIN,
)
from tests.support.surfsense import PRICE, found

BY_NAME = Mention(NAME)


@pytest.fixture(autouse=True)
def _the_name_alone_is_ambiguous(world: World) -> None:
    world.seller.script[NAME] = [AMBIGUOUS]


async def _enrich(
    world: World, mention: Mention = COMPANY, billing: BillingContext = FREE
) -> Enrichment:
    return await world.enricher.enrich(await world.enricher.identify(mention), billing)


async def _work(world: World, *, capped: bool = False) -> Report:
    async def pause(_: timedelta) -> None:
        for key in (entry_key("acme"), domain_key("acme")):
            await world.memo.forgive(key, lambda _: True)

    context = JobContext("job-capped", "default", capped=capped, pause=pause)
    return await CompanyHandler(world.enricher)(COMPANY.text, context)


def _asked(world: World) -> list[str]:
    return [company for company, _ in world.seller.asked]


async def test_the_domain_settles_which_company_is_meant(world: World) -> None:
    """Two purchases, each with its line in the ledger; the lookup has paid for both."""
    enrichment = await _enrich(world)

    purchases = await world.ledger.purchases_of("acme")
    assert _asked(world) == [NAME, WITH_DOMAIN]
    assert (enrichment.status, enrichment.source) == (EnrichmentStatus.FOUND, Source.BOUGHT)
    assert (enrichment.cost_micros, enrichment.saved_micros) == (2 * PRICE, 0)
    assert {each.company: each.outcome for each in purchases} == {
        NAME: PurchaseOutcome.AMBIGUOUS,
        WITH_DOMAIN: PurchaseOutcome.FOUND,
    }
    assert len({id_ for _, id_ in world.seller.asked}) == 2
    assert await total_spent(world.ledger) == world.seller.charged_micros == 2 * PRICE


@pytest.mark.parametrize("mention", [COMPANY, BY_NAME, Mention("ACME", "www.acme.test", "ES")])
async def test_the_next_lookup_buys_nothing(
    world: World, elsewhere: World, mention: Mention
) -> None:
    """With or without the domain: a company that was found is found, and both prices are saved."""
    first = await _enrich(world)

    second = await _enrich(elsewhere, mention)
    (known,) = await elsewhere.enricher.find_known([await elsewhere.enricher.identify(mention)])

    assert (second.status, second.source) == (EnrichmentStatus.FOUND, Source.HIT)
    assert (second.cost_micros, second.saved_micros) == (0, 2 * PRICE)
    assert second.evidence == first.evidence
    assert known is not None
    assert len(world.seller.asked) == 2


@pytest.mark.parametrize(
    "second",
    [Ambiguous((), {}, PRICE, cost_estimated=False), NotFound(PRICE, cost_estimated=False)],
    ids=type,
)
async def test_what_the_domain_does_not_settle_stays_ambiguous(
    world: World, elsewhere: World, second: Answer
) -> None:
    """The first answer stands with its candidates and its age; neither question is asked again."""
    world.seller.script[WITH_DOMAIN] = [second]

    bought, again = await _enrich(world), await _enrich(elsewhere)

    assert (bought.status, again.status) == (EnrichmentStatus.AMBIGUOUS,) * 2
    assert bought.candidates == again.candidates == AMBIGUOUS.candidates
    assert (bought.cost_micros, again.saved_micros) == (2 * PRICE, 2 * PRICE)
    assert again.source is Source.HIT
    assert bought.as_of == again.as_of
    assert len(world.seller.asked) == 2
    ttl_s = await world.memo_redis.ttl(entry_key("acme"))
    assert ttl_s > timedelta(minutes=90).total_seconds()


async def test_a_lead_without_the_domain_asks_nothing_further(world: World) -> None:
    """Its company stays ambiguous until one comes that knows more, and pays only for that."""
    bare = await _enrich(world, BY_NAME)
    again = await _enrich(world, BY_NAME)

    full = await _enrich(world)

    assert (bare.status, again.source) == (EnrichmentStatus.AMBIGUOUS, Source.HIT)
    assert full.status is EnrichmentStatus.FOUND
    assert (full.cost_micros, full.saved_micros) == (PRICE, PRICE)
    assert _asked(world) == [NAME, WITH_DOMAIN]


async def test_a_name_that_carries_the_domain_is_asked_for_once(world: World) -> None:
    """A name that says nothing alone goes to the seller with the domain from the beginning."""
    world.seller.script["S.A. (acme.test)"] = [AMBIGUOUS]

    enrichment = await _enrich(world, Mention("S.A.", "acme.test"))

    assert enrichment.status is EnrichmentStatus.AMBIGUOUS
    assert _asked(world) == ["S.A. (acme.test)"]


async def test_callers_at_the_same_time_pay_for_each_question_once(
    world: World, elsewhere: World
) -> None:
    """In one process and in several, with and without the domain."""
    enrichments = await asyncio.gather(
        *(_enrich(one, billing=FREE) for one in (world, elsewhere) for _ in range(10)),
        *(_enrich(world, BY_NAME) for _ in range(5)),
    )

    assert sorted(_asked(world)) == [NAME, WITH_DOMAIN]
    assert sum(each.cost_micros for each in enrichments) == 2 * PRICE
    assert {each.status for each in enrichments[:20]} == {EnrichmentStatus.FOUND}


async def test_a_cap_refuses_the_second_question(world: World) -> None:
    """The item counts as skipped, with what it has paid; with money it pays for the rest."""
    await world.cap(2 * PRICE - 1)

    report = await _work(world, capped=True)
    later = await _enrich(world)

    result = CompanyResult.model_validate(report.result)
    assert (result.status, result.cost_micros) == (ItemStatus.SKIPPED_BUDGET, PRICE)
    assert result.reason is not None
    for reason, why in (
        (result.reason.en, "no answer. Not bought: the budget of this run is used up."),
        (result.reason.es, "no tiene respuesta. No se compró: el presupuesto de esta ejecución"),
    ):
        assert "(Acme Iberia, Acme Perú)" in reason
        assert why in reason
    assert report.tally["spent_micros"] == PRICE
    account = await world.budget.account("run:job-capped")
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)
    assert later.status is EnrichmentStatus.FOUND
    assert (later.cost_micros, later.saved_micros) == (PRICE, PRICE)


async def test_a_passing_fault_of_the_second_question_is_tried_again(world: World) -> None:
    """Only the second question is repeated; the item has paid for both."""
    world.seller.script[WITH_DOMAIN] = [ServiceUnavailable(NAME, "503")] * 2

    report = await _work(world)

    assert CompanyResult.model_validate(report.result).status is ItemStatus.ENRICHED
    assert _asked(world) == [NAME, *[WITH_DOMAIN] * 3]
    assert await total_spent(world.ledger) == 2 * PRICE


async def test_a_fault_that_does_not_pass_is_the_result(world: World) -> None:
    """With its reason, to be queued again."""
    world.seller.script[WITH_DOMAIN] = [ServiceUnavailable(NAME, "503")] * 5

    report = await _work(world)

    assert (report.result["status"], report.failure) == ("failed", "service_unavailable")
    assert _asked(world) == [NAME, *[WITH_DOMAIN] * 3]


async def test_a_seller_that_takes_no_such_name_leaves_the_first_answer(
    world: World, elsewhere: World
) -> None:
    """The refusal costs nothing, and is remembered."""
    world.seller.script[WITH_DOMAIN] = [RequestRejected(NAME, 422, "no brackets")]

    enrichments = [await _enrich(world), await _enrich(elsewhere)]

    assert [each.status for each in enrichments] == [EnrichmentStatus.AMBIGUOUS] * 2
    assert [each.cost_micros for each in enrichments] == [PRICE, 0]
    assert len(world.seller.asked) == 2


async def test_a_lost_answer_is_bought_again_only_on_request(world: World) -> None:
    """Then it is asked for once more, and the first question is not."""
    world.seller.script[WITH_DOMAIN] = [AnswerLost(NAME, "reset")]

    lost, again = await _enrich(world), await _enrich(world)
    asked = len(world.seller.asked)
    bought = await _enrich(world, billing=BillingContext("job-2", "default", buy_again="request-1"))

    assert isinstance(lost.unasked, AnswerLost)
    assert isinstance(again.unasked, AnswerLost)
    assert asked == 2
    assert bought.status is EnrichmentStatus.FOUND
    assert _asked(world) == [NAME, WITH_DOMAIN, WITH_DOMAIN]


async def test_patience_is_for_both_questions(world: World) -> None:
    """A caller that gives up during the second has paid for the first; the second goes on."""
    await _enrich(world, BY_NAME)
    company = await world.enricher.identify(COMPANY)
    world.seller.gate.clear()

    found = await world.enricher.enrich(company, FREE, patience=timedelta(milliseconds=50))
    world.seller.gate.set()

    assert isinstance(found.unasked, StillLoading)
    assert (await world.enricher.enrich(company, FREE)).status is EnrichmentStatus.FOUND
    assert len(world.seller.asked) == 2


async def test_a_preview_knows_what_it_costs_at_most(world: World) -> None:
    """Twice the price for a name and a domain, once where the first answer is known, then none."""

    async def most() -> int:
        (preview,) = await world.enricher.preview([(COMPANY, wants_profile)])
        return preview.most_prices if preview.buys else 0

    unknown = await most()
    await _enrich(world, BY_NAME)
    half_asked = await most()
    await _enrich(world)

    assert (unknown, half_asked, await most()) == (2, 1, 0)


async def test_forgetting_a_company_forgets_both_answers(world: World) -> None:
    """An invalidation in between counts, too: no answer from before it is stored."""
    await _enrich(world)
    world.seller.script[NAME] = [AMBIGUOUS]

    await world.memo.invalidate(domain_key("acme"), entry_key("acme"))
    again = await _enrich(world)

    assert again.cost_micros == 2 * PRICE
    assert _asked(world) == [NAME, WITH_DOMAIN] * 2


async def test_the_evidence_outlives_the_memo(world: World, engine: AsyncEngine) -> None:
    """The archive has the answer that counts, by the ids of both purchases and as the latest."""
    bought = await _enrich(world)
    assert bought.as_of is not None
    company = await world.enricher.identify(COMPANY)
    reader = EvidenceReader(EvidenceArchive(engine), world.memo)
    await world.memo.invalidate(entry_key("acme"))

    reference = EvidenceReference("acme", bought.purchase_id, bought.as_of)
    (by_id,), latest = await reader.find([reference]), await reader.latest(company)

    assert by_id == bought.evidence
    assert latest is not None
    assert latest.evidence == bought.evidence


@pytest.mark.parametrize("step", ["before", "asked", "answered"])
async def test_a_process_killed_at_the_second_question_repeats_nothing(
    worlds: Worlds, engine: AsyncEngine, shared_valkey: Valkey, children: Children, step: str
) -> None:
    """What it had bought is kept; of what it had only sent, the answer is lost and not bought."""
    database = engine.url.render_as_string(hide_password=False)
    program = "tests.support.second_question_process"
    process = await children.fork(program, shared_valkey.url, database, step)
    assert await process.wait() == -signal.SIGKILL
    heir = worlds.open(shared_valkey, lease=LEASE)

    enrichment = await _enrich(heir, billing=ITEM)
    await heir.sweeper.sweep()

    purchases = await heir.ledger.purchases_of("acme")
    outcomes = sorted(each.outcome for each in purchases)
    assert _asked(heir) == ([WITH_DOMAIN] if step == "before" else [])
    if step == "asked":
        assert isinstance(enrichment.unasked, AnswerLost)
        assert outcomes == [PurchaseOutcome.AMBIGUOUS, PurchaseOutcome.UNCERTAIN]
        assert enrichment.cost_micros == PRICE
    else:
        assert outcomes == [PurchaseOutcome.AMBIGUOUS, PurchaseOutcome.FOUND]
        assert enrichment.cost_micros == 2 * PRICE == await total_spent(heir.ledger)
        assert found(NAME).payload["sector"]["value"] in str(enrichment.evidence)
