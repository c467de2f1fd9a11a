"""Many callers, one load."""

import asyncio

from redis.asyncio import Redis

from orchestrator.memo import Memo, Outcome, Source
from tests.support.async_waiting import eventually
from tests.support.commands import commands, forget_commands, scripts_have_run
from tests.support.loading import KEY, Loader


def _sources(outcomes: list[Outcome]) -> list[Source]:
    return sorted(outcome.source for outcome in outcomes)


async def test_callers_of_one_process_load_once(memo: Memo) -> None:
    """Of fifty callers on a cold key one buys; the others wait for its answer."""
    loader = Loader()

    outcomes = await asyncio.gather(*(memo.get(KEY, loader) for _ in range(50)))

    assert len(loader.flights) == 1
    assert _sources(outcomes) == [Source.BOUGHT] + [Source.COALESCED] * 49
    assert all(outcome.entry == outcomes[0].entry for outcome in outcomes)


async def test_followers_in_another_process_get_the_leaders_answer(
    memo: Memo, elsewhere: Memo, memo_redis: Redis
) -> None:
    """A follower elsewhere is told, and pays nothing."""
    loader, unused = Loader(gated=True), Loader("second")
    leading = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()
    await forget_commands(memo_redis)
    following = [asyncio.create_task(elsewhere.get(KEY, unused)) for _ in range(5)]
    await scripts_have_run(memo_redis, 1)

    loader.gate.set()
    outcomes = await asyncio.gather(leading, *following)

    assert unused.flights == []
    assert _sources(outcomes) == [Source.BOUGHT] + [Source.COALESCED] * 5
    assert {outcome.entry.payload["answer"] for outcome in outcomes} == {"first"}


async def test_a_fresh_entry_is_a_hit(memo: Memo, elsewhere: Memo) -> None:
    """What one process has bought is a hit for every other."""
    await memo.get(KEY, Loader())

    outcome = await elsewhere.get(KEY, Loader("second"))

    assert outcome.source is Source.HIT
    assert outcome.entry.payload == {"answer": "first"}


async def test_keys_do_not_wait_for_each_other(memo: Memo) -> None:
    """While one company takes its time, another is bought and returned."""
    slow, quick = Loader(gated=True), Loader("quick")
    waiting = asyncio.create_task(memo.get(KEY, slow))
    await slow.started.wait()

    outcome = await memo.get("surfsense:beta", quick)

    assert outcome.entry.payload == {"answer": "quick"}
    assert not waiting.done()
    slow.gate.set()
    await waiting


async def test_reads_of_one_tick_travel_as_one_command(memo: Memo, memo_redis: Redis) -> None:
    """A hundred readers of twenty keys cost one MGET, and each gets its own key's value."""
    keys = [f"surfsense:company-{number}" for number in range(20)]
    for key in keys:
        await memo.get(key, Loader(key))
    await forget_commands(memo_redis)

    entries = await asyncio.gather(*(memo.peek(key) for key in keys * 5))

    assert await commands(memo_redis, "mget") == 1
    assert await commands(memo_redis, "get") == 0
    assert [entry and entry.payload["answer"] for entry in entries] == keys * 5


async def test_a_reader_that_goes_away_takes_nobody_along(memo: Memo) -> None:
    """Of several readers of one key one is cancelled; the others get the entry."""
    await memo.get(KEY, Loader())
    readers = [asyncio.create_task(memo.peek(KEY)) for _ in range(3)]
    await asyncio.sleep(0)

    readers[1].cancel()
    await asyncio.wait(readers)

    assert [reader.cancelled() for reader in readers] == [False, True, False]
    assert None not in (readers[0].result(), readers[2].result())


async def test_many_reads_keep_to_one_connection(memo: Memo, memo_redis: Redis) -> None:
    """However many tasks read in however many ticks, the server sees one reader."""
    before = len(await memo_redis.client_list())

    async def reader(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)
            await memo.peek(f"surfsense:company-{number}")

    await asyncio.gather(*(reader(number) for number in range(1, 30)), memo.peek_many([KEY]))

    assert len(await memo_redis.client_list()) == before + 1


async def test_peeking_never_loads_and_keeps_the_order(memo: Memo) -> None:
    """Answers come in the order of the question, None where nothing is known."""
    await memo.get(KEY, Loader())

    entries = await memo.peek_many(["surfsense:none", KEY, "surfsense:none", KEY])

    assert [entry and entry.payload["answer"] for entry in entries] == [
        None,
        "first",
        None,
        "first",
    ]


async def test_a_cancelled_caller_does_not_stop_what_is_being_paid_for(memo: Memo) -> None:
    """The caller goes away; its flight goes on, stores, and serves the next."""
    loader = Loader(gated=True)
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    caller.cancel()
    await asyncio.wait([caller])
    loader.gate.set()

    async def stored() -> bool:
        return await memo.peek(KEY) is not None

    await eventually(stored, "the abandoned flight has stored its answer")
    assert caller.cancelled()
    assert (await memo.get(KEY, Loader("second"))).entry.payload == {"answer": "first"}


async def test_a_cancelled_joiner_cancels_nobody_else(memo: Memo) -> None:
    """One follower goes away; leader and other followers get their answer."""
    loader = Loader(gated=True)
    callers = [asyncio.create_task(memo.get(KEY, loader)) for _ in range(3)]
    await loader.started.wait()

    callers[1].cancel()
    await asyncio.wait([callers[1]])
    loader.gate.set()
    answers = await asyncio.gather(callers[0], callers[2])

    assert [answer.source for answer in answers] == [Source.BOUGHT, Source.COALESCED]


async def test_closing_waits_for_flights_under_way(memo: Memo) -> None:
    """A memo is closed when what is being paid for is stored."""
    loader = Loader(gated=True)
    caller = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    closing = asyncio.create_task(memo.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    loader.gate.set()
    await closing

    assert (await caller).source is Source.BOUGHT
