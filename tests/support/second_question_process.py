"""A process that asks twice about one company, and dies by its own hand at the second question.

`python -m tests.support.second_question_process VALKEY DATABASE STEP`: SIGKILL before the intent
is written (`before`), while the seller works (`asked`), or before its answer is settled
(`answered`).
"""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar

from orchestrator.database import open_engine
from orchestrator.identity import Mention
from orchestrator.purchasing import BillingContext, Books, PurchaseRecord
from orchestrator.surfsense import Accepted, Ambiguous, Answer
from tests.integration.purchasing.conftest import Worlds
from tests.support.surfsense import PRICE, FakeSeller

COMPANY = Mention("Acme", "acme.test")
NAME, WITH_DOMAIN = "Acme", "Acme (acme.test)"
AMBIGUOUS = Ambiguous(("Acme Iberia", "Acme Perú"), {}, PRICE, cost_estimated=False)
ITEM = BillingContext("job-1", "default", item=0)
#: Short, so that the dead process counts as gone soon.
LEASE = timedelta(seconds=1)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _MortalBooks(Books):
    step: ClassVar[str]

    async def reserve(self, record: PurchaseRecord) -> None:
        """Reserve, or die before the second one."""
        if record.request.company == WITH_DOMAIN and self.step == "before":
            _die()
        await super().reserve(record)

    async def settle(self, record: PurchaseRecord) -> None:
        """Settle, or die before the second one."""
        if record.request.company == WITH_DOMAIN and self.step == "answered":
            _die()
        await super().settle(record)


class _MortalSeller(FakeSeller):
    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Sell, or die at the second question."""
        if company == WITH_DOMAIN and _MortalBooks.step == "asked":
            _die()
        return await super().submit(company, purchase_id=purchase_id)


async def _main(valkey_url: str, database_url: str, step: str) -> None:
    _MortalBooks.step = step
    server: Any = SimpleNamespace(url=valkey_url)  # only its address is used
    async with AsyncExitStack() as stack:
        engine = open_engine(database_url)
        stack.push_async_callback(engine.dispose)
        seller = _MortalSeller()
        seller.script[NAME] = [AMBIGUOUS]
        worlds = Worlds(stack, engine)
        world = worlds.open(server, seller, lease=LEASE, kind_of_books=_MortalBooks)
        await world.enricher.enrich(await world.enricher.identify(COMPANY), ITEM)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
