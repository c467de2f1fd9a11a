"""Accounts that Redis does not have begin with what the ledger says, exactly once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing import (
    Account,
    Budget,
    BudgetExhausted,
    Caps,
    Ledger,
    OpeningBalance,
    accounts_of,
)
from tests.support.books import FixedBalances, total_spent
from tests.support.cases import purchase

PRICE = 100
DAY = datetime.now(UTC)
ACCOUNTS = accounts_of(tenant="default", day=DAY.date(), job_id="job-1")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated database."""
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    """Return an empty ledger."""
    return Ledger(engine, utc_now)


def _budget(redis: Redis, ledger: Ledger, cap: int | None = None) -> Budget:
    return Budget(redis, ledger, Caps(global_micros=cap))


async def _settle(budget: Budget, ledger: Ledger, number: int) -> None:
    record = purchase(number, cost_micros=PRICE, started_at=DAY, settled_at=DAY)
    is_new = (await ledger.settle(record)).is_new
    await budget.settle(record.purchase_id, PRICE, PRICE, ACCOUNTS, is_new=is_new)


async def _states(budget: Budget) -> set[Account]:
    return {await budget.account(name) for name in ACCOUNTS}


async def test_a_cap_holds_after_redis_was_lost(jobs_redis: Redis, ledger: Ledger) -> None:
    """What was spent before counts again, in all accounts, before the next purchase."""
    budget = _budget(jobs_redis, ledger, cap=3 * PRICE)
    for number in range(2):
        await _settle(budget, ledger, number)
    await jobs_redis.flushdb()

    await budget.reserve("h1", PRICE, ACCOUNTS)

    with pytest.raises(BudgetExhausted, match="global"):
        await budget.reserve("h2", PRICE, ACCOUNTS)
    assert (await budget.account("global")).spent_micros == 2 * PRICE


async def test_looking_at_an_account_does_not_open_it(jobs_redis: Redis, ledger: Ledger) -> None:
    """`emasai budget` tells the truth about an account that Redis has lost, and changes nothing."""
    budget = _budget(jobs_redis, ledger)
    await _settle(budget, ledger, 1)
    await jobs_redis.flushdb()

    assert await _states(budget) == {Account(None, PRICE, 0)}
    assert await jobs_redis.dbsize() == 0


async def test_an_opening_counts_what_is_being_settled_once(
    jobs_redis: Redis, ledger: Ledger
) -> None:
    """The ledger has a purchase, another process opens, and only then its own settlement comes."""
    budget = _budget(jobs_redis, ledger)
    record = purchase(1, cost_micros=PRICE, started_at=DAY, settled_at=DAY)
    await ledger.settle(record)
    await budget.reserve("h", PRICE, ACCOUNTS)

    await budget.settle(record.purchase_id, PRICE, PRICE, ACCOUNTS)

    assert await _states(budget) == {Account(None, PRICE, PRICE)}


async def test_an_opening_that_does_not_have_a_purchase_yet_does_not_hide_it(
    jobs_redis: Redis, ledger: Ledger
) -> None:
    """Another process read the ledger before the purchase was there, and opened after."""
    await ledger.settle(purchase(1, cost_micros=PRICE, started_at=DAY, settled_at=DAY))
    early = Budget(jobs_redis, FixedBalances(), Caps())
    await early.reserve("h", PRICE, ACCOUNTS)

    await _budget(jobs_redis, ledger).settle("purchase-1", PRICE, PRICE, ACCOUNTS)

    assert await _states(early) == {Account(None, PRICE, PRICE)}


async def test_many_openings_at_once_agree_with_the_ledger(
    jobs_redis: Redis, ledger: Ledger
) -> None:
    """Settlements that meet accounts which are not there are each counted once."""
    budgets = [_budget(jobs_redis, ledger) for _ in range(4)]

    for round_ in range(5):
        await jobs_redis.flushdb()
        numbers = range(round_ * 20, round_ * 20 + 20)
        await asyncio.gather(*(_settle(budgets[n % 4], ledger, n) for n in numbers))

        total = await total_spent(ledger)
        assert await _states(budgets[0]) == {Account(None, total, 0)}


@pytest.mark.parametrize("held", [True, False])
async def test_a_settlement_that_died_half_way_is_finished(
    jobs_redis: Redis, ledger: Ledger, *, held: bool
) -> None:
    """The ledger knows, the budget does not: repeating it tells the budget, once."""
    budget = _budget(jobs_redis, ledger)
    await budget.reserve("other", 7, ACCOUNTS)
    if held:
        await budget.reserve("purchase-1", PRICE, ACCOUNTS)
    await ledger.settle(purchase(1, cost_micros=PRICE, started_at=DAY, settled_at=DAY))

    for _ in range(3):
        await _settle(budget, ledger, 1)

    assert await _states(budget) == {Account(None, PRICE, 7)}


async def test_a_settlement_repeated_much_later_changes_nothing(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Redis has forgotten it; the ledger has not."""
    yesterday = Ledger(engine, lambda: utc_now() - timedelta(days=1))
    budget = _budget(jobs_redis, Ledger(engine, utc_now))
    for number in range(2):
        await _settle(budget, yesterday, number)
    for name in ACCOUNTS:
        await jobs_redis.delete(f"budget1:holds:{name}")

    await _settle(budget, yesterday, 1)

    assert await _states(budget) == {Account(None, 2 * PRICE, 0)}


async def test_who_opens_late_changes_nothing(jobs_redis: Redis) -> None:
    """Between its look at the ledger and its opening, another process opened and settled."""
    quick = Budget(jobs_redis, FixedBalances(), Caps())

    class SlowBooks(FixedBalances):
        async def opening_balance(self, account: str) -> OpeningBalance:
            seen = await super().opening_balance(account)
            await quick.reserve("h1", PRICE, [account])
            await quick.settle("h1", PRICE, PRICE, [account])
            return seen

    await Budget(jobs_redis, SlowBooks(), Caps()).reserve("h2", PRICE, ["global"])

    assert await quick.account("global") == Account(None, PRICE, PRICE)
