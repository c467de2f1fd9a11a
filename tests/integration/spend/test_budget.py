"""Caps that hold: reserve the worst case, settle the actual cost."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from redis.asyncio import Redis

from orchestrator.connections import open_redis
from orchestrator.memo import StoreUnavailable
from orchestrator.spend import Account, Budget, BudgetExhausted, run_account

PRICE = 100
#: Where no server listens.
NOBODY = "redis://127.0.0.1:1"
#: Where no server listens.
NOBODY = "redis://127.0.0.1:1"


@pytest.fixture
def budget(jobs_redis: Redis) -> Budget:
    """Return the accounts."""
    return Budget(jobs_redis)


async def test_a_cap_is_never_exceeded(budget: Budget) -> None:
    """Of fifty reservations at once as many succeed as the cap allows."""
    await budget.set_cap("a", 10 * PRICE)

    answers = await asyncio.gather(
        *(budget.reserve(f"h{n}", PRICE, ["a"]) for n in range(50)), return_exceptions=True
    )

    assert sum(answer is None for answer in answers) == 10
    assert await budget.account("a") == Account(10 * PRICE, 0, 10 * PRICE)


async def test_a_refusal_names_the_account(budget: Budget) -> None:
    """The error says which cap, and what was wanted."""
    await budget.set_cap("a", PRICE - 1)

    with pytest.raises(BudgetExhausted) as refused:
        await budget.reserve("h", PRICE, ["a"])

    assert refused.value.args == ("a", PRICE)
    assert str(refused.value) == "the budget of a does not allow another 100 micro-USD"


async def test_all_accounts_or_none(budget: Budget) -> None:
    """Where one account refuses, no other holds anything."""
    await budget.set_cap("rich", 10 * PRICE)
    await budget.set_cap("poor", 0)

    with pytest.raises(BudgetExhausted, match="poor"):
        await budget.reserve("h", PRICE, ["rich", "poor"])

    assert (await budget.account("rich")).held_micros == 0


async def test_reserving_again_holds_once(budget: Budget) -> None:
    """A repeated reservation, as after a lost reply, changes nothing, even at the cap."""
    await budget.set_cap("a", PRICE)

    for _ in range(3):
        await budget.reserve("h", PRICE, ["a"])

    assert await budget.account("a") == Account(PRICE, 0, PRICE)


async def test_settling_turns_the_hold_into_what_was_spent(budget: Budget) -> None:
    """The rest of the reservation is free for others."""
    await budget.set_cap("a", PRICE)
    await budget.reserve("h", PRICE, ["a"])

    await budget.settle("h", PRICE, 60, ["a"])

    assert await budget.account("a") == Account(PRICE, 60, 0)
    await budget.reserve("h2", 40, ["a"])


async def test_settling_again_counts_once(budget: Budget) -> None:
    """A repeated settlement, as after a lost reply, changes nothing."""
    await budget.reserve("h", PRICE, ["a"])

    for _ in range(3):
        await budget.settle("h", PRICE, 60, ["a"])

    assert await budget.account("a") == Account(None, 60, 0)


async def test_what_was_released_can_be_reserved_and_settled_anew(budget: Budget) -> None:
    """An attempt that was given up before it was sent may be made again under its name."""
    await budget.reserve("h", PRICE, ["a"])
    await budget.settle("h", PRICE, 0, ["a"])

    await budget.reserve("h", PRICE, ["a"])
    held = await budget.account("a")
    await budget.settle("h", PRICE, 70, ["a"])

    assert held == Account(None, 0, PRICE)
    assert await budget.account("a") == Account(None, 70, 0)


@pytest.mark.parametrize("price", [PRICE, 0])
async def test_what_a_crashed_buyer_held_comes_back(
    budget: Budget, jobs_redis: Redis, price: int
) -> None:
    """A hold that nobody settles lapses, and the next reservation finds room."""
    await budget.set_cap("a", PRICE)
    await budget.reserve("crashed", price, ["a"])
    await budget.settle("settled", price, 0, ["a"])
    for member in await jobs_redis.zrange("budget1:holds:a", 0, -1):
        # As if two days had passed.
        await jobs_redis.zadd("budget1:holds:a", {cast("bytes", member): 1})

    await budget.reserve("h", PRICE, ["a"])

    assert await budget.account("a") == Account(PRICE, 0, PRICE)


async def test_a_spend_counts_even_if_its_hold_has_lapsed(budget: Budget) -> None:
    """Money that is gone is gone: it counts against the cap."""
    await budget.set_cap("a", PRICE)

    await budget.settle("never reserved", PRICE, PRICE, ["a"])

    with pytest.raises(BudgetExhausted):
        await budget.reserve("h", 1, ["a"])


async def test_a_purchase_of_no_account_asks_nobody() -> None:
    """Without a cap nothing depends on Redis."""
    async with open_redis(NOBODY) as nobody:
        budget = Budget(nobody)

        await budget.reserve("h", PRICE, [])
        await budget.settle("h", PRICE, PRICE, [])


async def test_without_redis_nothing_may_be_bought() -> None:
    """Every question about a cap to a server that is away ends as StoreUnavailable."""
    async with open_redis(NOBODY) as nobody:
        budget = Budget(nobody)
        questions = (
            budget.set_cap("a", 1),
            budget.reserve("h", 1, ["a"]),
            budget.settle("h", 1, 1, ["a"]),
            budget.account("a"),
        )

        for question in questions:
            with pytest.raises(StoreUnavailable, match="budget"):
                await question


async def test_an_account_is_remembered_for_a_month(budget: Budget, jobs_redis: Redis) -> None:
    """The cap, the spend and the holds expire together, after the longest job."""
    await budget.set_cap(run_account("j1"), PRICE)
    await budget.reserve("h", 1, [run_account("j1")])

    ttls = [await jobs_redis.ttl(key) async for key in jobs_redis.scan_iter("budget1:*")]

    assert len(ttls) == 2
    assert min(ttls) > timedelta(days=34).total_seconds()
