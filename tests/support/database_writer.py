"""A process that writes: `python -m tests.support.database_writer ACTION URL COUNT`.

It says "ready", waits for a line, does the action with COUNT things and prints the number of each
that it got: with `record` and `settle` those that are committed and new, with `claim` (hand-overs)
and `begin` (watches) those that no other process has. With `import` it prints nothing, and imports
COUNT leads from two files, one of which lacks the addresses; with `upgrade` it migrates. Tests
start several, and kill some.
"""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from agents.case import Lead
from orchestrator.database import open_engine, upgrade
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore, Outbox
from orchestrator.leads.outbox import event_id
from orchestrator.purchasing import Ledger
from orchestrator.schedule import Watch, Watches, new_watch
from tests.support.cases import NOW, advance, lead, lead_of_row, purchase


async def _write(action: str, url: str, count: int) -> None:
    engine = open_engine(url)
    store, ledger = LeadStore(engine, utc_now), Ledger(engine, utc_now)

    async def one(number: int) -> None:
        if action == "record":
            recorded = await store.record(lead(number), [advance()], "acme", basis="p")
            is_new = recorded.created
        else:
            is_new = (await ledger.settle(purchase(number))).is_new
        if is_new:
            print(number, flush=True)  # noqa: T201 - how the test is told

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
    await engine.dispose()


async def _take(action: str, url: str, count: int) -> None:
    engine = open_engine(url)
    if action == "claim":
        outbox = Outbox(engine, utc_now)
        known = {event_id(lead(number).id): number for number in range(count)}
        while claimed := await outbox.claim(3):
            for each in claimed:
                print(known[each.event_id])  # noqa: T201 - how the test is told
    else:
        ids = {watch(number).id: number for number in range(count)}
        for begun in await Watches(engine, utc_now).begin(list(ids), uuid4().hex, ()):
            print(ids[begun])  # noqa: T201 - how the test is told
    await engine.dispose()


async def _import(url: str, count: int) -> None:
    engine = open_engine(url)
    store = LeadStore(engine, utc_now)
    # Half of the processes begin with the other file.
    for is_corrected in (os.getpid() % 2 == 0, os.getpid() % 2 == 1):
        await store.import_leads([_of_file(n, is_corrected=is_corrected) for n in range(count)])
    await engine.dispose()


def _of_file(number: int, *, is_corrected: bool) -> Lead:
    email = f"ana{number}@acme.test" if is_corrected else ""
    return lead_of_row("Acme", f"Ana Ruiz {number}", email)


def watch(number: int) -> Watch:
    """Return the watch of *number*, which is due."""
    tenant, week = "default", timedelta(days=7)
    new = new_watch(f"Company {number}", tenant=tenant, every=week, now=NOW)
    return replace(new, next_at=NOW)


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - how the test is told
    sys.stdin.readline()
    _action, _url, _count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if _action == "upgrade":
        assert asyncio.run(upgrade(_url)).is_current
    elif _action == "import":
        asyncio.run(_import(_url, _count))
    else:
        _do = _take if _action in {"claim", "begin"} else _write
        asyncio.run(_do(_action, _url, _count))
