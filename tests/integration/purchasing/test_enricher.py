"""One company looked up: what comes of it, and what it cost."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.evidence.waterfall import wants_profile
from orchestrator.identity import InvalidCompanyName, Mention
from orchestrator.memo import Source, StillLoading
from orchestrator.purchasing import (
    BudgetExhausted,
    EnrichmentStatus,
    EvidenceArchive,
    PurchaseOutcome,
    archived_outcome,
    entry_key,
)
from orchestrator.surfsense import Ambiguous, Answer, NotFound, RequestRejected, ServiceUnavailable
from tests.integration.purchasing.conftest import CAPPED, FREE, World
from tests.support.books import total_spent
from tests.support.surfsense import PRICE, found

ANSWERS = [
    found("Acme"),
    NotFound(1_000, cost_estimated=True),
    Ambiguous(("Acme Iberia", "Acme Perú"), {}, PRICE, cost_estimated=False),
]


async def test_a_cold_company_is_bought(world: World) -> None:
    """The first lookup pays, has evidence, and stands in the ledger with the job it was for."""
    enrichment = await world.enricher.enrich("Acme, S.A.", FREE)

    (purchase,) = await world.ledger.purchases_of("acme")
    assert (enrichment.status, enrichment.source) == (EnrichmentStatus.FOUND, Source.BOUGHT)
    assert (enrichment.cost_micros, enrichment.saved_micros) == (PRICE, 0)
    assert enrichment.evidence is not None
    assert enrichment.evidence.claims
    assert enrichment.as_of is not None
    assert abs(datetime.now(UTC) - enrichment.as_of) < timedelta(minutes=1)
    assert purchase.purchase_id == enrichment.purchase_id
    assert (purchase.job_id, purchase.tenant) == ("job-free", "default")
    assert (purchase.outcome, purchase.cost_micros) == (PurchaseOutcome.FOUND, PRICE)
    assert not purchase.estimated


async def test_another_writing_of_the_name_is_a_hit(world: World, elsewhere: World) -> None:
    """The second lookup, elsewhere and written otherwise, costs nothing and says what it saved."""
    first = await world.enricher.enrich("Acme, S.A.", FREE)

    second = await elsewhere.enricher.enrich("ACME SA", FREE)

    assert second.source is Source.HIT
    assert (second.cost_micros, second.saved_micros) == (0, PRICE)
    assert second.evidence == first.evidence
    assert second.purchase_id == first.purchase_id
    assert len(world.seller.asked) == 1


async def test_callers_at_the_same_time_pay_once(world: World) -> None:
    """Of thirty callers one pays."""
    enrichments = await asyncio.gather(*(world.enricher.enrich("Acme", FREE) for _ in range(30)))

    sources = [enrichment.source for enrichment in enrichments]
    assert sources.count(Source.BOUGHT) == 1
    assert sources.count(Source.COALESCED) == 29
    assert sum(enrichment.cost_micros for enrichment in enrichments) == PRICE


async def test_who_gives_up_leaves_the_purchase_to_the_next(world: World) -> None:
    """After the caller's patience the purchase goes on: the next lookup pays nothing."""
    with pytest.raises(StillLoading):
        await world.enricher.enrich("Acme", FREE, patience=timedelta(0))

    found = await world.enricher.enrich("Acme", FREE)

    assert found.source in {Source.COALESCED, Source.HIT}
    assert len(world.seller.asked) == 1
    assert len(await world.ledger.purchases_of("acme")) == 1


async def test_an_unknown_company_is_remembered_as_such(world: World) -> None:
    """Not found is an answer: it is not asked again, and lasts less long than a find."""
    world.seller.script["Acme"] = [NotFound(1_000, cost_estimated=True)]

    first = await world.enricher.enrich("Acme", FREE)
    second = await world.enricher.enrich("Acme", FREE)

    (purchase,) = await world.ledger.purchases_of("acme")
    ttl_s = await world.memo_redis.ttl("surfsense:acme")
    assert (first.status, first.evidence) == (EnrichmentStatus.NOT_FOUND, None)
    assert second.source is Source.HIT
    assert (purchase.outcome, purchase.cost_micros, purchase.estimated) == (
        PurchaseOutcome.NOT_FOUND,
        1_000,
        True,
    )
    assert ttl_s <= timedelta(minutes=30).total_seconds()


async def test_an_ambiguous_answer_names_its_candidates(world: World) -> None:
    """Several companies of that name: the answer is paid for, and no evidence is guessed."""
    candidates = ("Acme Iberia", "Acme France")
    world.seller.script["Acme"] = [
        Ambiguous(candidates, {"estado": "ambigua"}, PRICE, cost_estimated=False)
    ]

    await world.enricher.enrich("Acme", FREE)
    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.status is EnrichmentStatus.AMBIGUOUS
    assert enrichment.candidates == candidates
    assert enrichment.evidence is None


async def test_nothing_is_bought_for_a_name_that_says_nothing(world: World) -> None:
    """A legal form could be any company: ambiguous, without a lookup."""
    enrichment = await world.enricher.enrich("S.A. de C.V.", FREE)

    assert (enrichment.status, enrichment.source) == (EnrichmentStatus.AMBIGUOUS, None)
    assert world.seller.asked == []


async def test_a_blank_name_is_refused(world: World) -> None:
    """What has no key cannot be looked up."""
    with pytest.raises(InvalidCompanyName):
        await world.enricher.enrich("  ", FREE)


async def test_a_cap_refuses_the_purchase_before_it_is_sent(world: World) -> None:
    """Without money nothing is sent, and others with money still buy at once."""
    await world.cap(PRICE - 1)

    with pytest.raises(BudgetExhausted):
        await world.enricher.enrich("Acme", CAPPED)

    assert world.seller.asked == []
    assert (await world.enricher.enrich("Acme", FREE)).source is Source.BOUGHT


async def test_a_hit_needs_no_budget(world: World) -> None:
    """A job whose cap is used up still gets what is known."""
    await world.cap(0)
    await world.enricher.enrich("Acme", FREE)

    assert (await world.enricher.enrich("Acme", CAPPED)).source is Source.HIT


async def test_what_was_not_spent_is_given_back(world: World) -> None:
    """An answer below the estimate leaves the rest to the next purchase."""
    await world.cap(PRICE)
    world.seller.script["Acme"] = [NotFound(0, cost_estimated=False)]

    await world.enricher.enrich("Acme", CAPPED)

    assert (await world.enricher.enrich("Beta", CAPPED)).cost_micros == PRICE
    account = await world.budget.account("run:job-capped")
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("Acme", "503"), RequestRejected("Acme", 400, "no")], ids=type
)
async def test_a_failure_that_cannot_have_cost_anything_costs_nothing(
    world: World, elsewhere: World, error: Exception
) -> None:
    """The reservation is released, the ledger knows nothing, and followers get the same error."""
    await world.cap(PRICE)
    world.seller.script["Acme"] = [error]

    with pytest.raises(type(error)):
        await world.enricher.enrich("Acme", CAPPED)
    with pytest.raises(type(error)) as shared:
        await elsewhere.enricher.enrich("Acme", FREE)

    account = await world.budget.account("run:job-capped")
    assert (account.spent_micros, account.held_micros) == (0, 0)
    assert await total_spent(world.ledger) == 0
    assert shared.value.args == error.args
    assert len(world.seller.asked) == 1


async def test_glancing_costs_nothing(world: World) -> None:
    """A preview says what is known of each name, in order, and never buys."""
    await world.enricher.enrich("Acme", FREE)

    previews = await world.enricher.preview(
        [(Mention(name), wants_profile) for name in ("Beta", "ACME S.A.", "S.L.")]
    )

    assert [preview.company_key for preview in previews][:2] == ["beta", "acme"]
    assert [preview.fresh for preview in previews] == [False, True, False]
    assert [preview.is_ambiguous for preview in previews] == [False, False, True]
    assert [preview.buys for preview in previews] == [True, False, False]
    assert len(world.seller.asked) == 1


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
async def test_the_archive_returns_what_the_lookup_returned(
    world: World, engine: AsyncEngine, answer: Answer
) -> None:
    """Status, evidence to the last claim, candidates and instant, long after the memo forgot."""
    world.seller.script["Acme"] = [answer]
    bought = await world.enricher.enrich("Acme", FREE)
    await world.memo.invalidate(entry_key("acme"))

    again = archived_outcome((await EvidenceArchive(engine).latest(["acme"]))["acme"])

    assert (again.company_key, again.status, again.candidates) == (
        bought.company_key,
        bought.status,
        bought.candidates,
    )
    assert (again.evidence, again.as_of) == (bought.evidence, bought.as_of)
    assert again.purchase_id == bought.purchase_id
    assert (again.source, again.cost_micros) == (None, 0)
