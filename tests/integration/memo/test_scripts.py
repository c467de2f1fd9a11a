"""Each script may run twice, because a client whose reply is lost asks again."""

import pytest
from redis.asyncio import Redis

from orchestrator.memo.store import process_key, process_of
from tests.support.loading import KEY
from tests.support.script_flight import FAILURE, KEYS, MINUTE_MS, ScriptFlight, text_of


@pytest.fixture
def one(memo_redis: Redis) -> ScriptFlight:
    """Return a flight."""
    return ScriptFlight(memo_redis, "1" * 24)


@pytest.fixture
def other(memo_redis: Redis) -> ScriptFlight:
    """Return another flight."""
    return ScriptFlight(memo_redis, "2" * 24)


async def test_asking_again_who_leads_gives_the_same_leader(
    one: ScriptFlight, other: ScriptFlight
) -> None:
    """A leader whose reply was lost leads; all others follow."""
    await one.begin()

    again = await one.begin()

    assert again[0] == b"leader"
    assert (await other.begin())[0] == b"follower"
    await one.release()


async def test_an_overtaken_leader_writes_over_nothing_though_its_successor_has_noted_nothing(
    one: ScriptFlight, other: ScriptFlight, memo_redis: Redis
) -> None:
    """The leader decides what is recorded; until it does, the first leader's record stays."""
    await one.begin()
    assert await one.record("first")
    await memo_redis.delete(KEYS.lease)  # as if it had run out
    await other.begin()
    noted = await memo_redis.get(KEYS.record)

    assert await one.record("late") == 0

    assert await memo_redis.get(KEYS.record) == noted
    await other.release()


async def test_committing_again_is_the_same_commit(one: ScriptFlight, memo_redis: Redis) -> None:
    """A leader whose reply was lost hears `stored`, and the entry is as it was."""
    await one.begin()
    assert await one.commit() == "stored"
    stored = await memo_redis.get(KEY)

    assert await one.commit() == "stored"

    assert await memo_redis.get(KEY) == stored


async def test_committing_again_does_not_bring_back_an_invalidated_entry(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """Between the two calls the entry was invalidated: it stays away."""
    await one.begin()
    await one.commit()
    await one.invalidate()

    assert await one.commit() == "lost"

    assert not await memo_redis.exists(KEY)


async def test_committing_again_does_not_overwrite_a_successor(
    one: ScriptFlight, other: ScriptFlight, memo_redis: Redis
) -> None:
    """Nor does the repeated call of an old flight replace what came after it."""
    await one.begin()
    await one.commit()
    await one.invalidate()
    await other.begin()
    await other.commit(generation=1)

    assert await one.commit() == "lost"

    assert other.token in await text_of(memo_redis, KEY)


async def test_releasing_again_takes_nothing_from_a_successor(
    one: ScriptFlight, other: ScriptFlight
) -> None:
    """The second call of a leader that has stepped down ends no other flight."""
    await one.begin()
    assert await one.release() == 0
    await other.begin()

    assert await one.release(FAILURE) == -1

    assert (await other.begin())[0] == b"leader"
    await other.release()


async def test_a_first_record_needs_the_lease(one: ScriptFlight, other: ScriptFlight) -> None:
    """A process that does not lead writes nothing, and so may not buy."""
    assert await one.record("never led") == 0

    await other.begin()
    assert await one.record("does not lead") == 0
    await other.release()


async def test_whoever_writes_a_record_has_a_whole_lease_for_what_it_announces(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """However late the heartbeat is, the lease lives as long as after `begin`."""
    await one.begin()
    await memo_redis.pexpire(KEYS.lease, 20_000)

    assert await one.record("intent") == 2

    assert await memo_redis.pttl(KEYS.lease) > 20_000
    await memo_redis.delete(KEYS.lease)


async def test_a_record_may_be_added_to_after_the_lease_has_run_out(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """The number of an accepted payment is not lost with the lease."""
    await one.begin()
    await one.record("intent")
    await memo_redis.delete(KEYS.lease)

    assert await one.record("accepted") == 1

    assert "accepted" in await text_of(memo_redis, KEYS.record)


async def test_the_last_record_is_written_with_the_entry(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """The record says that the answer was stored; its writer drops it."""
    await one.begin()
    await one.record("intent")

    assert await one.commit(last_record="bought") == "stored"

    assert "bought" in await text_of(memo_redis, KEYS.record)
    assert [await one.drop_record(), await one.drop_record()] == [1, 0]


async def test_a_leader_whose_process_has_come_back_is_not_ended(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """Its follower may have stood still after it had found it gone."""
    await one.begin()
    heartbeat = process_key(process_of(one.token))
    await memo_redis.set(heartbeat, b"", px=60_000)

    assert await one.release(if_gone=True) == -1

    await memo_redis.delete(heartbeat)
    assert await one.release(if_gone=True) == 0
    assert not await memo_redis.exists(KEYS.lease)


async def test_a_record_that_was_dropped_is_not_marked(
    one: ScriptFlight, other: ScriptFlight, memo_redis: Redis
) -> None:
    """Its writer has settled what it said, or withdrawn it: nothing is left to say."""
    await one.begin()
    await one.record("intent")
    await memo_redis.delete(KEYS.lease)
    await other.begin()

    assert await other.record("lost", writer=one.token) == 2
    assert await one.drop_record() == 1
    assert await other.record("lost", writer=one.token) == -1

    assert not await memo_redis.exists(KEYS.record)
    await other.release()


async def test_a_record_that_is_taken_is_no_longer_its_writers(
    one: ScriptFlight, other: ScriptFlight, memo_redis: Redis
) -> None:
    """The process that repeats a purchase has to settle it."""
    await one.begin()
    await one.record("intent")
    await memo_redis.delete(KEYS.lease)
    await other.begin()

    assert await other.record("lost", writer=other.token) == 2

    assert [await one.drop_record(), await other.drop_record()] == [0, 1]
    await other.release()


async def test_nobody_drops_a_successors_record(one: ScriptFlight, other: ScriptFlight) -> None:
    """A record goes with the token that wrote it."""
    await other.begin()
    await other.record("paying")

    assert await one.drop_record() == 0

    assert await other.drop_record() == 1
    await other.release()


async def test_failures_in_a_row_double_the_wait_up_to_the_longest(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """One minute, then two, and no longer than that; an answer starts it anew."""
    waits = []
    for _ in range(3):
        await one.begin()
        waits.append(await one.release(FAILURE))
        await memo_redis.delete(KEYS.failure)  # as if its time were over
    await one.begin()
    await one.commit()
    await memo_redis.delete(KEYS.entry)
    await one.begin()
    waits.append(await one.release(FAILURE))

    assert [wait // MINUTE_MS for wait in waits] == [1, 2, 2, 1]


async def test_an_invalidation_takes_the_copy_for_bad_times_with_it(
    one: ScriptFlight, memo_redis: Redis
) -> None:
    """What was invalidated is not served as stale, nor brought back by a late commit."""
    await one.begin()
    await one.commit()
    assert await memo_redis.exists(KEYS.stale)
    await one.invalidate()
    await one.begin()
    await one.invalidate()

    assert await one.commit(generation=1) == "invalidated"

    assert not await memo_redis.exists(KEYS.entry, KEYS.stale)
