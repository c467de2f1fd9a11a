"""A process that spends: `python -m tests.support.budget_process URL NAME COUNT PRICE`.

It says "ready", waits for a line, reserves COUNT times at once from the account `shared`,
settles every second purchase at half its price, and prints how many were allowed.
"""

import asyncio
import sys

from orchestrator.connections import open_redis
from orchestrator.spend import Budget, BudgetExhausted


async def _spend(url: str, name: str, count: int, price: int) -> int:
    redis = open_redis(url)
    budget = Budget(redis)

    async def one(number: int) -> bool:
        hold = f"{name}-{number}"
        try:
            await budget.reserve(hold, price, ["shared"])
        except BudgetExhausted:
            return False
        if number % 2:
            await budget.settle(hold, price, price // 2, ["shared"])
        return True

    allowed = await asyncio.gather(*(one(number) for number in range(count)))
    await redis.aclose()
    return sum(allowed)


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - how the test is told
    sys.stdin.readline()
    url, name, count, price = sys.argv[1:]
    print(asyncio.run(_spend(url, name, int(count), int(price))))  # noqa: T201 - its result
