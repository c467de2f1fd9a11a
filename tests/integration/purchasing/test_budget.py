"""Caps that hold: reserve the worst case, settle the actual cost."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.purchasing import (
    Account,
    Budget,
    BudgetExhausted,
    Caps,
    RefreshRefused,
    run_account,
)
from tests.support.books import FixedBalances

PRICE = 100
RUN = run_account("j1")


@pytest.fixture
def budget(jobs_redis: Redis) -> Budget:
    """Return accounts that begin at nothing."""
    return Budget(jobs_redis, FixedBalances(), Caps())


async def _server_ms(redis: Redis) -> int:
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def test_a_cap_is_never_exceeded(budget: Budget) -> None:
    """Of fifty reservations at once as many succeed as the cap allows."""
    await budget.set_cap(RUN, 10 * PRICE)

    answers = await asyncio.gather(
        *(budget.reserve(f"h{n}", PRICE, [RUN]) for n in range(50)), return_exceptions=True
    )

    assert sum(answer is None for answer in answers) == 10
    assert await budget.account(RUN) == Account(10 * PRICE, 0, 10 * PRICE)


async def test_a_refusal_names_the_account(budget: Budget) -> None:
    """The error says which cap, and what was wanted."""
    await budget.set_cap(RUN, PRICE - 1)

    with pytest.raises(BudgetExhausted) as refused:
        await budget.reserve("h", PRICE, [RUN])

    assert refused.value.args == (RUN, PRICE)
    assert str(refused.value) == "the budget of run:j1 does not allow another 100 micro-USD"


@pytest.mark.parametrize("narrow", ["tenant:north", "day:2026-11-23", "global"])
async def test_all_accounts_or_none(jobs_redis: Redis, narrow: str) -> None:
    """Where one account refuses, it is named, and no other holds anything."""
    names = [RUN, "tenant:north", "day:2026-11-23", "global"]
    fields = {"tenant:north": "tenant_micros", "day:2026-11-23": "day_micros"}
    caps = Caps(**{fields.get(narrow, "global_micros"): PRICE - 1})
    budget = Budget(jobs_redis, FixedBalances(), caps)

    with pytest.raises(BudgetExhausted) as refused:
        await budget.reserve("h", PRICE, names)

    assert refused.value.account == narrow
    assert {(await budget.account(name)).held_micros for name in names} == {0}


async def test_reserving_again_holds_once(budget: Budget) -> None:
    """A repeated reservation, as after a lost reply, changes nothing, even at the cap."""
    await budget.set_cap(RUN, PRICE)

    for _ in range(3):
        await budget.reserve("h", PRICE, [RUN])

    assert await budget.account(RUN) == Account(PRICE, 0, PRICE)


async def test_settling_turns_the_hold_into_what_was_spent(budget: Budget) -> None:
    """The rest of the reservation is free for others."""
    await budget.set_cap(RUN, PRICE)
    await budget.reserve("h", PRICE, [RUN])

    await budget.settle("h", PRICE, 60, [RUN])

    assert await budget.account(RUN) == Account(PRICE, 60, 0)
    await budget.reserve("h2", 40, [RUN])


@pytest.mark.parametrize("is_new", [True, False])
async def test_settling_again_counts_once(budget: Budget, *, is_new: bool) -> None:
    """A repeated settlement, as after a lost reply, changes nothing."""
    await budget.reserve("h", PRICE, [RUN])

    for _ in range(3):
        await budget.settle("h", PRICE, 60, [RUN], is_new=is_new)

    assert await budget.account(RUN) == Account(None, 60, 0)


async def test_what_was_released_can_be_reserved_and_settled_anew(budget: Budget) -> None:
    """An attempt that was given up before it was sent may be made again under its name."""
    await budget.reserve("h", PRICE, [RUN])
    for _ in range(2):
        await budget.release("h", PRICE, [RUN])
    released = await budget.account(RUN)

    await budget.reserve("h", PRICE, [RUN])
    held = await budget.account(RUN)
    await budget.settle("h", PRICE, 70, [RUN])

    assert released == Account(None, 0, 0)
    assert held == Account(None, 0, PRICE)
    assert await budget.account(RUN) == Account(None, 70, 0)


@pytest.mark.parametrize("price", [PRICE, 0])
async def test_what_a_crashed_buyer_held_comes_back(
    budget: Budget, jobs_redis: Redis, price: int
) -> None:
    """An unsettled hold lapses, and the next reservation fits."""
    await budget.set_cap(RUN, PRICE)
    await budget.reserve("crashed", price, [RUN])
    await budget.settle("settled", price, 0, [RUN])
    members = cast("list[bytes]", await jobs_redis.zrange(f"budget1:holds:{RUN}", 0, -1))
    for member in members:
        await jobs_redis.zadd(f"budget1:holds:{RUN}", {member: 1})  # as if an hour had passed

    await budget.reserve("h", PRICE, [RUN])

    assert await budget.account(RUN) == Account(PRICE, 0, PRICE)


async def test_a_hold_outlives_any_purchase(budget: Budget, jobs_redis: Redis) -> None:
    """It lapses an hour after the reservation, by the server's clock."""
    asked = await _server_ms(jobs_redis)
    await budget.reserve("h", PRICE, [RUN])
    answered = await _server_ms(jobs_redis)

    lapses = await jobs_redis.zscore(f"budget1:holds:{RUN}", f"h {PRICE}")
    assert isinstance(lapses, float)

    hour_ms = timedelta(hours=1) // timedelta(milliseconds=1)
    assert asked + hour_ms <= lapses <= answered + hour_ms


async def test_a_spend_counts_even_if_its_hold_has_lapsed(
    budget: Budget, jobs_redis: Redis
) -> None:
    """Money that is gone is gone: it counts against the cap."""
    await budget.set_cap(RUN, PRICE)
    await budget.reserve("h", PRICE, [RUN])
    await jobs_redis.zadd(f"budget1:holds:{RUN}", {f"h {PRICE}": 1})
    await budget.reserve("free", 0, [RUN])

    await budget.settle("h", PRICE, PRICE, [RUN])

    with pytest.raises(BudgetExhausted):
        await budget.reserve("h2", 1, [RUN])


async def test_a_raised_cap_holds_from_the_next_reservation_on(jobs_redis: Redis) -> None:
    """Settings win over what was: a process with another cap goes by its own."""
    books = FixedBalances()
    poor = Budget(jobs_redis, books, Caps(day_micros=PRICE))
    rich = Budget(jobs_redis, books, Caps(day_micros=2 * PRICE))
    await poor.reserve("h1", PRICE, ["day:2026-11-23"])

    with pytest.raises(BudgetExhausted):
        await poor.reserve("h2", PRICE, ["day:2026-11-23"])
    await rich.reserve("h2", PRICE, ["day:2026-11-23"])

    assert (await rich.account("day:2026-11-23")).left_micros == 0


async def test_the_soft_share_warns_once_a_cap(jobs_redis: Redis) -> None:
    """The purchase that reaches it warns; the next warning is about another cap."""
    warned: list[str] = []
    caps = [Caps(global_micros=10 * PRICE), Caps(global_micros=12 * PRICE)]
    for cap, numbers in zip(caps, (range(10), range(10, 12)), strict=True):
        budget = Budget(jobs_redis, FixedBalances(), cap, on_soft_cap=warned.append)
        for number in numbers:
            await budget.reserve(f"h{number}", PRICE, ["global"])
            await budget.reserve(f"h{number}", PRICE, ["global"])

    assert warned == ["global", "global"]


async def test_refreshes_leave_the_last_part_of_a_cap_to_others(jobs_redis: Redis) -> None:
    """A refresh stops at the soft share; lookups of callers are bought up to the cap."""
    budget = Budget(jobs_redis, FixedBalances(), Caps(global_micros=10 * PRICE, soft_share=0.8))
    for number in range(8):
        await budget.reserve(f"r{number}", PRICE, ["global"], refresh=True)

    with pytest.raises(RefreshRefused):
        await budget.reserve("r8", PRICE, ["global"], refresh=True)
    await budget.reserve("h8", PRICE, ["global"])
    await budget.reserve("h9", PRICE, ["global"])

    assert (await budget.account("global")).left_micros == 0


async def test_without_redis_nothing_may_be_bought() -> None:
    """Every question about a cap to a server that is unavailable ends as StoreUnavailable."""
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as unreachable:
        budget = Budget(unreachable, FixedBalances(), Caps())
        questions = (
            budget.set_cap(RUN, 1),
            budget.reserve("h", 1, [RUN]),
            budget.settle("h", 1, 1, [RUN]),
            budget.release("h", 1, [RUN]),
            budget.account(RUN),
        )

        for question in questions:
            with pytest.raises(StoreUnavailable, match="budget"):
                await question


async def test_an_account_is_remembered_for_a_month(budget: Budget, jobs_redis: Redis) -> None:
    """The cap, the spend and the holds expire together, after the longest job."""
    await budget.set_cap(RUN, PRICE)
    await budget.reserve("h", 1, [RUN])

    ttls = [await jobs_redis.ttl(key) async for key in jobs_redis.scan_iter("budget1:*")]

    assert len(ttls) == 2
    assert min(ttls) > timedelta(days=34).total_seconds()
