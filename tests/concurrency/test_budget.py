"""Caps under many processes."""

import asyncio

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.purchasing import Budget, BudgetExhausted
from tests.support.books import FixedBalances
from tests.support.budget_process import ACCOUNTS, caps
from tests.support.children import Children, ForkedChild

PRICE, CAP = 46_500, 300 * 46_500


async def _start(children: Children, server: Valkey, name: str) -> ForkedChild:
    arguments = (f"{server.url}/3", name, "200", str(PRICE), str(CAP))
    return await children.fork("tests.support.budget_process", *arguments, ready=b"ready")


async def _exhaust(budget: Budget) -> None:
    for number in range(2 * CAP // PRICE):
        await budget.reserve(f"rest-{number}", PRICE, ACCOUNTS)


async def test_caps_hold_under_eight_processes(
    shared_valkey: Valkey, jobs_redis: Redis, children: Children
) -> None:
    """Eight processes with 200 purchases each hold and spend no more than the narrowest cap.

    The accounts of tenant, day and installation stay equal, and one process alone warns.
    """
    budget = Budget(jobs_redis, FixedBalances(), caps(CAP))
    processes = await asyncio.gather(*(_start(children, shared_valkey, f"p{n}") for n in range(8)))

    outputs = await asyncio.gather(*(process.finish(b"go\n") for process in processes))
    # The last settlements may give back what every reservation had asked for before.
    with pytest.raises(BudgetExhausted):
        await _exhaust(budget)

    states = [await budget.account(name) for name in ACCOUNTS]
    allowed = sum(int(stdout.splitlines()[-1]) for stdout in outputs)
    warnings = sum(stdout.count(b"budget.soft_cap_reached") for stdout in outputs)
    assert len({(state.spent_micros, state.held_micros) for state in states}) == 1
    assert states[0].used_micros <= CAP
    assert CAP - states[0].used_micros < PRICE
    assert warnings == 1
    assert 300 <= allowed <= 600  # half of what settles gives back half of its price
