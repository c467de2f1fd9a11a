"""Several real processes on one database, some of them killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import Column, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading, writing
from orchestrator.database.schema import handovers, watches
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadFilter, LeadStatus, LeadStore
from orchestrator.leads.outbox import event_id
from orchestrator.purchasing import Ledger
from orchestrator.schedule import Watches
from tests.support.books import total_spent
from tests.support.cases import advance, lead, purchase
from tests.support.children import Children, ForkedChild
from tests.support.database_writer import watch


async def _start(children: Children, action: str, url: str, count: int) -> ForkedChild:
    module = "tests.support.database_writer"
    return await children.fork(module, action, url, str(count), ready=b"ready")


async def write_together(
    children: Children, processes: int, action: str, url: str, count: int
) -> list[int]:
    """Return the numbers that processes report as new, in order, with repetitions."""
    starting = (_start(children, action, url, count) for _ in range(processes))
    started = await asyncio.gather(*starting)
    outputs = await asyncio.gather(*(process.finish(b"go\n") for process in started))
    assert [process.returncode for process in started] == [0] * processes
    return sorted(int(line) for output in outputs for line in output.split())


async def test_four_processes_record_the_same_leads(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """Each lead gets one opportunity and one decision, and one process hears it made it."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(number) for number in range(200)])

    created = await write_together(children, 4, "record", url, 200)

    assert created == list(range(200))
    assert len(await store.select_ids(LeadFilter(status=LeadStatus.OPPORTUNITY), {})) == 200
    assert len(await store.decisions_for_company("acme")) == 200


async def test_three_processes_settle_the_same_purchases(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """Each purchase is counted once, and one process hears that it was new."""
    new = await write_together(children, 3, "settle", url, 300)

    assert new == list(range(300))
    assert await total_spent(Ledger(engine, utc_now)) == 300 * 46_500


async def test_a_killed_writer_loses_nothing_it_acknowledged(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """After kill -9 the database is whole, unlocked, and has every acknowledged purchase."""
    writer = await _start(children, "settle", url, 50_000)
    writer.stdin.write(b"go\n")
    acknowledged = [await writer.stdout.readline() for _ in range(700)]

    writer.kill()

    acknowledged += (await writer.finish()).splitlines()[:-1]  # the last may be cut
    assert writer.returncode != 0, "it was done before it was killed"
    ledger = Ledger(engine, utc_now)
    stored = {each.purchase_id for each in await ledger.purchases_of("acme")}
    assert {f"purchase-{int(number)}" for number in acknowledged} <= stored
    assert (await ledger.settle(purchase(-1))).is_new
    if engine.dialect.name == "sqlite":
        async with reading(engine, "check the file") as connection:
            assert await connection.scalar(text("PRAGMA integrity_check")) == "ok"


@pytest.mark.parametrize(
    ("action", "key"), [("claim", handovers.c.event_id), ("begin", watches.c.id)]
)
async def test_processes_take_what_is_due_without_waiting_for_each_other(
    url: str, engine: AsyncEngine, children: Children, action: str, key: Column[UUID]
) -> None:
    """Each row goes to one of them; those that a process holds, which stands still, to none."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(number) for number in range(40)])
    recording = (store.record(lead(n), [advance()], "acme", basis="p") for n in range(40))
    await asyncio.gather(*recording)
    await Watches(engine, utc_now).add([watch(number) for number in range(40)])

    async with _holding(engine, key) as held:
        taken = await write_together(children, 3, action, url, 40)

    assert taken == [number for number in range(40) if _key(action, number) not in held]


@asynccontextmanager
async def _holding(engine: AsyncEngine, key: Column[UUID]) -> AsyncIterator[set[UUID]]:
    """Hold ten rows as a process does that stands still while it takes them."""
    if engine.dialect.name == "sqlite":  # it has one writer: the others do wait
        yield set()
        return
    async with writing(engine, "take rows, and stand still") as connection:
        yield set(await connection.scalars(select(key).limit(10).with_for_update()))


def _key(action: str, number: int) -> UUID:
    return event_id(lead(number).id) if action == "claim" else watch(number).id
