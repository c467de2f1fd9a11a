"""A process that spends: `python -m tests.support.budget_process URL NAME COUNT PRICE CAP`.

It says "ready", waits for a line, reserves COUNT times at once in all accounts of a purchase,
settles every second purchase at half its price, and prints how many were allowed.
"""

import asyncio
import sys
from datetime import date

from orchestrator.infra.redis_client import open_redis
from orchestrator.purchasing import Budget, BudgetExhausted, Caps, accounts_of
from tests.support.books import FixedBalances

ACCOUNTS = accounts_of(tenant="shared", day=date(2026, 11, 23))


def caps(micros: int) -> Caps:
    """Return caps of which the one per day is the narrowest."""
    return Caps(tenant_micros=2 * micros, day_micros=micros, global_micros=3 * micros)


async def _spend(url: str, name: str, count: int, price: int, cap: int) -> int:
    redis = open_redis(url)
    budget = Budget(redis, FixedBalances(), caps(cap))

    async def one(number: int) -> bool:
        hold = f"{name}-{number}"
        try:
            await budget.reserve(hold, price, ACCOUNTS)
        except BudgetExhausted:
            return False
        if number % 2:
            await budget.settle(hold, price, price // 2, ACCOUNTS)
        return True

    allowed = await asyncio.gather(*(one(number) for number in range(count)))
    await redis.aclose()
    return sum(allowed)


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - how the test is told
    sys.stdin.readline()
    url, name, *numbers = sys.argv[1:]
    print(asyncio.run(_spend(url, name, *map(int, numbers))))  # noqa: T201 - its result
