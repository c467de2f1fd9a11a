"""Each script may run twice, because a client whose reply is lost asks again."""

from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from orchestrator.memo.entry import Entry, encode
from orchestrator.memo.keys import CHANNEL, Keys
from orchestrator.memo.scripts import Scripts
from tests.support.loading import KEY

KEYS = Keys(KEY)
LATER_MS = 4_000_000_000_000


class Leader:
    """One flight as the scripts see it."""

    def __init__(self, redis: Redis, token: str) -> None:
        self.token = token
        self._scripts = Scripts(redis)

    async def begin(self) -> list[Any]:
        """Ask who leads."""
        keys = [KEYS.entry, KEYS.lease, KEYS.generation, KEYS.note, KEYS.failure]
        reply: list[Any] = await self._scripts.begin(keys=keys, args=[self.token, 60_000, 0])
        return reply

    async def note(self, text: str) -> int:
        """Write a note."""
        body = orjson.dumps({"written_by": self.token, "text": text})
        keys, args = [KEYS.lease, KEYS.note], [self.token, body, 60_000]
        return int(await self._scripts.note(keys=keys, args=args))

    async def commit(self, generation: int = 0) -> bytes:
        """Store an answer."""
        keys = [KEYS.entry, KEYS.lease, KEYS.generation, KEYS.note]
        keys += [KEYS.failure, KEYS.failures, KEYS.stale]
        stored = encode(Entry("found", {"by": self.token}, 1, LATER_MS), token=self.token)
        args = [self.token, generation, stored, LATER_MS, CHANNEL, KEY, "", 60_000, 0]
        return bytes(await self._scripts.commit(keys=keys, args=args))

    async def release(self, record: str = "") -> int:
        """Step down."""
        keys = [KEYS.lease, KEYS.failure, KEYS.failures]
        args = [self.token, record, 60_000, 60_000, CHANNEL, KEY]
        return int(await self._scripts.release(keys=keys, args=args))

    async def invalidate(self) -> int:
        """Remove the entry."""
        keys = [KEYS.entry, KEYS.generation, KEYS.failure, KEYS.failures, KEYS.stale]
        return int(await self._scripts.invalidate(keys=keys, args=[60_000]))


@pytest.fixture
def one(memo_redis: Redis) -> Leader:
    """Return a flight."""
    return Leader(memo_redis, "1" * 24)


@pytest.fixture
def other(memo_redis: Redis) -> Leader:
    """Return another flight."""
    return Leader(memo_redis, "2" * 24)


async def test_asking_again_who_leads_gives_the_same_leader(one: Leader, other: Leader) -> None:
    """A leader whose reply was lost leads; everybody else follows."""
    await one.begin()

    again = await one.begin()

    assert again[0] == b"leader"
    assert (await other.begin())[0] == b"follower"
    await one.release()


async def test_committing_again_is_the_same_commit(one: Leader, memo_redis: Redis) -> None:
    """A leader whose reply was lost hears `stored`, and the entry is as it was."""
    await one.begin()
    assert await one.commit() == b"stored"
    stored = await memo_redis.get(KEY)

    assert await one.commit() == b"stored"

    assert await memo_redis.get(KEY) == stored


async def test_committing_again_does_not_bring_back_an_invalidated_entry(
    one: Leader, memo_redis: Redis
) -> None:
    """Between the two calls the entry was invalidated: it stays away."""
    await one.begin()
    await one.commit()
    await one.invalidate()

    assert await one.commit() == b"lost"

    assert not await memo_redis.exists(KEY)


async def test_committing_again_does_not_overwrite_a_successor(
    one: Leader, other: Leader, memo_redis: Redis
) -> None:
    """Nor does the repeated call of an old flight replace what came after it."""
    await one.begin()
    await one.commit()
    await one.invalidate()
    await other.begin()
    await other.commit(generation=1)

    assert await one.commit() == b"lost"

    assert other.token.encode() in (await memo_redis.get(KEY) or b"")


async def test_releasing_again_takes_nothing_from_a_successor(one: Leader, other: Leader) -> None:
    """The second call of a leader that has stepped down ends nobody's flight."""
    await one.begin()
    assert await one.release() == 0
    await other.begin()

    assert await one.release('{"error":"late"}') == -1

    assert (await other.begin())[0] == b"leader"
    await other.release()


async def test_a_first_note_needs_the_lease(one: Leader, other: Leader) -> None:
    """Whoever does not lead writes nothing down, and so may not pay."""
    assert await one.note("never led") == 0

    await other.begin()
    assert await one.note("does not lead") == 0
    await other.release()


async def test_a_note_may_be_added_to_after_the_lease_has_run_out(
    one: Leader, memo_redis: Redis
) -> None:
    """The number of an accepted payment is not lost with the lease."""
    await one.begin()
    await one.note("intent")
    await memo_redis.delete(KEYS.lease)

    assert await one.note("accepted") == 1

    assert b"accepted" in (await memo_redis.get(KEYS.note) or b"")
