"""A handler that does what tests tell it."""

import asyncio
from collections import Counter

from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report


class FakeHandler:
    """Answers every item; postpones the items of `not_now`, waits for `gate`, counts `tries`."""

    def __init__(self) -> None:
        self.worked: Counter[Item] = Counter()
        self.order: list[Item] = []
        self.contexts: set[JobContext] = set()
        self.not_now: set[Item] = set()
        self.crashes: set[Item] = set()
        self.tries: dict[Item, int] = {}
        self.cancelled: list[tuple[Item, bool]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Work on *item*."""
        self.worked[item] += 1
        self.order.append(item)
        self.contexts.add(context)
        self.running += 1
        try:
            await context.step("waiting")
            await self.gate.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append((item, context.is_abandoned()))
            raise
        finally:
            self.running -= 1
        for _ in range(self.tries.get(item, 0)):
            context.tries.begin()
        if item in self.crashes:
            raise ZeroDivisionError
        if item in self.not_now:
            raise NotNow("the moon is full")
        return Report({"item": item}, {"worked": 1})

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Say why."""
        del context
        result = {"item": item, "code": why.code, "attempts": why.attempts, "step": why.last_step}
        return Report(result, failure=why.code)
