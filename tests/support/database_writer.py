"""A process that writes: `python -m tests.support.database_writer record|settle URL COUNT`.

It says "ready", waits for a line, writes COUNT things at once and prints the number of each
that is committed and new. Tests start several, and kill some.
"""

import asyncio
import sys

from orchestrator.database import open_engine
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore
from orchestrator.purchasing import Ledger
from tests.support.cases import advance, lead, purchase


async def _write(action: str, url: str, count: int) -> None:
    engine = open_engine(url)
    store, ledger = LeadStore(engine, utc_now), Ledger(engine, utc_now)

    async def one(number: int) -> None:
        if action == "record":
            recorded = await store.record(lead(number).id, [advance()], "acme", basis="p")
            is_new = recorded.created
        else:
            is_new = (await ledger.settle(purchase(number))).is_new
        if is_new:
            print(number, flush=True)  # noqa: T201 - how the test is told

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
    await engine.dispose()


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - how the test is told
    sys.stdin.readline()
    asyncio.run(_write(sys.argv[1], sys.argv[2], int(sys.argv[3])))
