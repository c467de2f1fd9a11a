"""Several real processes on one database, some of them killed."""

import asyncio
from asyncio.subprocess import Process

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadFilter, LeadStatus, LeadStore
from orchestrator.purchasing import Ledger
from tests.support.books import total_spent
from tests.support.cases import lead, purchase
from tests.support.children import Children


async def _start(children: Children, action: str, url: str, count: int) -> Process:
    module = ("-m", "tests.support.database_writer")
    return await children.start(*module, action, url, str(count), ready=b"ready")


async def _write_together(
    children: Children, processes: int, action: str, url: str, count: int
) -> list[int]:
    """Return the numbers that the processes report as new, in order, with repetitions."""
    starting = (_start(children, action, url, count) for _ in range(processes))
    started = await asyncio.gather(*starting)
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
    assert [process.returncode for process in started] == [0] * processes
    return sorted(int(line) for stdout, _ in outputs for line in stdout.split())


async def test_four_processes_record_the_same_leads(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """Each lead gets one opportunity and one decision, and one process hears it made it."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(number) for number in range(200)])

    created = await _write_together(children, 4, "record", url, 200)

    assert created == list(range(200))
    assert len(await store.chosen(LeadFilter(status=LeadStatus.OPPORTUNITY), {})) == 200
    assert len(await store.decisions_for_company("acme")) == 200


async def test_three_processes_settle_the_same_purchases(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """Each purchase is counted once, and one process hears that it was new."""
    new = await _write_together(children, 3, "settle", url, 300)

    assert new == list(range(300))
    assert await total_spent(Ledger(engine, utc_now)) == 300 * 46_500


async def test_a_killed_writer_loses_nothing_it_acknowledged(
    url: str, engine: AsyncEngine, children: Children
) -> None:
    """After kill -9 the database is whole, unlocked, and has every acknowledged purchase."""
    writer = await _start(children, "settle", url, 50_000)
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(b"go\n")
    acknowledged = [await writer.stdout.readline() for _ in range(700)]

    writer.kill()

    acknowledged += (await writer.communicate())[0].splitlines()[:-1]  # the last may be cut
    assert writer.returncode != 0, "it was done before it was killed"
    ledger = Ledger(engine, utc_now)
    stored = {each.purchase_id for each in await ledger.purchases_of("acme")}
    assert {f"purchase-{int(number)}" for number in acknowledged} <= stored
    assert (await ledger.settle(purchase(-1))).is_new
    if engine.dialect.name == "sqlite":
        async with reading(engine, "check the file") as connection:
            assert await connection.scalar(text("PRAGMA integrity_check")) == "ok"
