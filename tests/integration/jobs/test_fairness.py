"""Tenants take turns in a lane, and no worker takes more ahead than it can work on."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orchestrator.infra.slots import Slots
from orchestrator.jobs import (
    ChunkRunner,
    GivenUp,
    Item,
    JobContext,
    JobKind,
    Lane,
    NewJob,
    PoisonTracker,
    Report,
)
from orchestrator.jobs.chunk import AHEAD
from tests.support.async_waiting import eventually
from tests.support.job_records import AcceptingRecords
from tests.support.notifier import FakeNotifier

CHUNK = 5
#: Of purchases; nine of them are the batches'.
SLOTS, BATCHES = 10, 9
BATCH = tuple(f"batch {n}" for n in range(200))


class Shop:
    """A handler that buys: each purchase has a place until it is `answer`ed.

    Of the items in `known` nothing is bought; all others of one name in `shared` wait for one
    purchase, without a place of their own.
    """

    def __init__(self) -> None:
        self.slots = Slots(SLOTS)
        self.begun: list[Item] = []
        self.ended: list[Item] = []
        self.known: set[Item] = set()
        self.shared: dict[str, asyncio.Event] = {}
        self._answers = asyncio.Semaphore(0)

    def answer(self) -> None:
        """Let the seller answer one more purchase."""
        self._answers.release()

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Buy *item*."""
        company = str(item).partition(" of ")[2]
        if company in self.shared:
            await self.shared[company].wait()
        elif item not in self.known:
            await self.slots.acquire(context.lane)
            try:
                self.begun.append(item)
                await self._answers.acquire()
            finally:
                self.slots.release(context.lane)
        self.ended.append(item)
        return Report({})

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Say that nothing came of it."""
        del item, context
        return Report({}, failure=why.code)


@pytest.fixture
def shop() -> Shop:
    """Return the handler."""
    return Shop()


@pytest.fixture
async def runner(
    records: AcceptingRecords, poison: PoisonTracker, notifier: FakeNotifier, shop: Shop
) -> AsyncIterator[ChunkRunner]:
    """Return the runner of one process, which looks for work as often as it may."""
    handlers = {JobKind.ENRICH: shop}
    runner = ChunkRunner(records, poison, handlers, notifier, purchases=shop.slots)
    yield runner
    runner.drain()
    for _ in range(len(BATCH)):
        shop.answer()
    for event in shop.shared.values():
        event.set()
    await runner.aclose()


async def _accept(records: AcceptingRecords, tenant: str, items: tuple[Item, ...]) -> None:
    new = NewJob(JobKind.ENRICH, items, tenant)
    await records.accept(f"job of {tenant}", new, chunk_size=CHUNK)


def _wake(runner: ChunkRunner) -> None:
    """Wake as often as there are chunks: more often than a lane has places."""
    for _ in BATCH:
        runner.wake(Lane.PIPELINE)


async def _have_begun(shop: Shop, count: int) -> None:
    async def have() -> bool:
        return len(shop.begun) >= count

    await eventually(have, f"{count} purchases have begun")


async def test_a_newcomer_waits_for_two_chunks_of_a_batch_at_most(
    records: AcceptingRecords, runner: ChunkRunner, shop: Shop
) -> None:
    """And for the few that were in line ahead of them; meanwhile all places stay in use."""
    await _accept(records, "batch", BATCH)
    _wake(runner)
    await _have_begun(shop, BATCHES)
    await _accept(records, "newcomer", ("newcomer",))

    begun = BATCHES
    while "newcomer" not in shop.begun:
        shop.answer()
        begun += 1
        await _have_begun(shop, begun)

    assert shop.begun.index("newcomer") - BATCHES <= AHEAD + 2 * CHUNK


async def test_many_who_wait_for_one_purchase_keep_nobody_else_waiting(
    records: AcceptingRecords, runner: ChunkRunner, shop: Shop
) -> None:
    """They have no places: others begin, of the same tenant and of another one, unanswered."""
    shop.shared["slow"] = asyncio.Event()
    waiting = tuple(f"{n} of slow" for n in range(10 * BATCHES))
    await _accept(records, "batch", (*waiting, "after them"))
    await _accept(records, "newcomer", ("newcomer",))

    _wake(runner)

    await _have_begun(shop, 2)
    assert (set(shop.begun), shop.ended) == ({"newcomer", "after them"}, [])


async def test_what_needs_no_purchase_goes_on_while_all_places_are_taken(
    records: AcceptingRecords, runner: ChunkRunner, shop: Shop
) -> None:
    """Chunk after chunk, as long as no line has formed."""
    await _accept(records, "batch", BATCH[:BATCHES])
    _wake(runner)
    await _have_begun(shop, BATCHES)
    known = tuple(f"known {n}" for n in range(20 * CHUNK))
    shop.known = set(known)
    await _accept(records, "newcomer", known)

    _wake(runner)

    async def have_ended() -> bool:
        return len(shop.ended) == len(known)

    await eventually(have_ended, "what is known has ended")
    assert len(shop.begun) == BATCHES


async def test_who_waits_for_room_leaves_when_the_process_drains(
    records: AcceptingRecords, runner: ChunkRunner, shop: Shop
) -> None:
    """No further chunk is taken, and what has not begun stays open."""
    await _accept(records, "batch", BATCH)
    _wake(runner)
    await _have_begun(shop, BATCHES)

    runner.drain()
    for _ in BATCH:
        shop.answer()
    await runner.aclose()

    job = await records.job("job of batch")
    assert job is not None
    assert job.done <= BATCHES + AHEAD + CHUNK
