"""What the result of an item names as its cost, whatever the item comes to: what the ledger has."""

from dataclasses import replace

import pytest

from orchestrator.embedded.stack import Valkey
from orchestrator.evidence.model import Step
from orchestrator.handlers import CompanyHandler, CompanyResult, ItemStatus
from orchestrator.jobs import DeadLetter, GivenUp, JobContext, Report
from orchestrator.surfsense import (
    AccessDenied,
    MalformedAnswer,
)
from tests.integration.purchasing.conftest import World, Worlds
from tests.integration.purchasing.step_shop import (
    MENTION,
    NAME,
    PLACE,
    PRICES,
    StepShop,
    open_world,
)


@pytest.fixture
def shop() -> StepShop:
    """Return a seller of steps."""
    return StepShop()


JOB = JobContext("job-free", "default", capped=False, item=7)


async def _result_of(world: World, context: JobContext = JOB) -> tuple[CompanyResult, Report]:
    report = await CompanyHandler(world.enricher)(MENTION.text, context)
    return CompanyResult.model_validate(report.result), report


async def _spent(world: World, result: CompanyResult) -> int:
    purchases = await world.ledger.purchases_of(result.company_key or "")
    return sum(each.cost_micros for each in purchases)


async def test_the_result_of_an_item_that_fails_has_what_its_steps_have_cost(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """So has its job's tally. An item that asks later pays for none of it."""
    shop.items[Step.MAPS] = [{name: PLACE[name] for name in PLACE if name != "website"}]
    shop.errors[Step.CRAWL] = [AccessDenied(NAME, 403)]
    world = open_world(worlds, shared_valkey, shop)

    result, report = await _result_of(world)
    other, _ = await _result_of(world, replace(JOB, item=8))

    assert result.status is other.status is ItemStatus.FAILED
    assert shop.sold == [Step.MAPS, Step.SEARCH, Step.CRAWL]
    assert result.cost_micros == await _spent(world, result) == sum(shop.bill.values()) > 0
    assert report.tally["spent_micros"] == result.cost_micros
    assert report.tally["further_purchases"] == 2
    assert other.cost_micros == 0


async def test_an_item_that_is_given_up_has_what_a_dead_worker_had_bought_for_it(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """Its steps are found in the books, by whom they were bought for."""
    world, successor = (open_world(worlds, shared_valkey, shop) for _ in range(2))
    first, _ = await _result_of(world)

    handler = CompanyHandler(successor.enricher)
    given_up = await handler.give_up(MENTION.text, JOB, GivenUp(DeadLetter.POISON, 3, "lookup"))

    result = CompanyResult.model_validate(given_up.result)
    assert result.status is ItemStatus.FAILED
    assert result.cost_micros == first.cost_micros == await _spent(world, result) > 0


@pytest.mark.parametrize("fails", [False, True], ids=["others answer", "then all fails"])
async def test_a_step_that_was_charged_and_cannot_be_read_is_in_the_result(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop, *, fails: bool
) -> None:
    """Whether the item has an answer without it or not; and no other item pays for it."""
    charged = MalformedAnswer(NAME, "items")
    charged.cost_micros = shop.bill[Step.MAPS] = PRICES[Step.MAPS]
    shop.errors[Step.MAPS] = [charged]
    if fails:
        shop.errors[Step.SEARCH] = [AccessDenied(NAME, 403)]
    world = open_world(worlds, shared_valkey, shop)

    result, _ = await _result_of(world)
    other, _ = await _result_of(world, replace(JOB, item=8))

    assert result.status is (ItemStatus.FAILED if fails else ItemStatus.ENRICHED)
    assert result.cost_micros == await _spent(world, result) == sum(shop.bill.values()) > 0
    assert other.cost_micros == 0
