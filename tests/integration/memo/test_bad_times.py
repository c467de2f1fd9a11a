"""Answers kept for bad times, and callers without patience."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.memo import Memo, MemoOptions, Source, StillLoading
from tests.support.async_waiting import eventually
from tests.support.loading import KEY, Loader, SoldOut, SoldOutCodec

SHORT = timedelta(milliseconds=1)


@pytest.fixture
async def keeping(memo_redis: Redis) -> AsyncIterator[Memo]:
    """Return a memo that keeps copies for an hour."""
    options = MemoOptions(stale_for=timedelta(hours=1))
    memo = Memo(memo_redis, failures=SoldOutCodec(SHORT), options=options)
    yield memo
    await memo.aclose()


async def _expire(memo: Memo, loader: Loader | None = None) -> None:
    """Store an answer, and let it expire."""
    await memo.get(KEY, loader or Loader(ttl=SHORT))

    async def has_expired() -> bool:
        return await memo.peek(KEY) is None

    await eventually(has_expired, "the entry has expired")


async def test_in_bad_times_the_copy_is_served_and_called_stale(keeping: Memo) -> None:
    """Nothing old is called fresh: its source says what it is."""
    await _expire(keeping)

    outcome = await keeping.get(KEY, Loader(error=SoldOut("bad times")))

    assert outcome.source is Source.STALE
    assert outcome.entry.payload == {"answer": "first"}


async def test_a_failure_that_is_no_excuse_is_raised(keeping: Memo) -> None:
    """What the codec does not call bad times reaches the caller, copy or no copy."""
    await _expire(keeping)

    with pytest.raises(ZeroDivisionError):
        await keeping.get(KEY, Loader(error=ZeroDivisionError()))


async def test_without_a_copy_bad_times_are_raised(keeping: Memo) -> None:
    """A company that was never bought has nothing to serve."""
    with pytest.raises(SoldOut):
        await keeping.get(KEY, Loader(error=SoldOut("bad times")))


async def test_copies_are_kept_only_if_asked_for(memo: Memo, memo_redis: Redis) -> None:
    """By default nothing outlives its freshness."""
    await _expire(memo)

    assert not await memo_redis.exists(f"memo1:stale:{KEY}")
    with pytest.raises(SoldOut):
        await memo.get(KEY, Loader(error=SoldOut("bad times")))


async def test_what_was_invalidated_is_not_served_in_bad_times_either(keeping: Memo) -> None:
    """An invalidation takes the copy with it, one by one and by pattern."""
    for invalidate in (keeping.invalidate, keeping.invalidate_pattern):
        await keeping.invalidate(KEY)
        await _expire(keeping)
        await invalidate(KEY)

        with pytest.raises(SoldOut):
            await keeping.get(KEY, Loader(error=SoldOut("bad times")))


async def test_an_unreadable_copy_is_none(keeping: Memo, memo_redis: Redis) -> None:
    """Bad times with a broken copy are bad times."""
    await _expire(keeping)
    await memo_redis.set(f"memo1:stale:{KEY}", b"?", ex=60)

    with pytest.raises(SoldOut):
        await keeping.get(KEY, Loader(error=SoldOut("bad times")))


async def test_a_caller_without_patience_leaves_and_the_load_goes_on(memo: Memo) -> None:
    """StillLoading for the one; the answer for those who wait, and for later."""
    loader = Loader(gated=True)
    waiting = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()

    with pytest.raises(StillLoading, match="ask again later"):
        await memo.get(KEY, Loader("second"), patience=timedelta(milliseconds=20))

    loader.gate.set()
    assert (await waiting).source is Source.BOUGHT
    assert (await memo.get(KEY, Loader("second"), patience=timedelta(0))).source is Source.HIT


async def test_the_leaders_own_caller_may_leave_too(memo: Memo) -> None:
    """The caller that started the load is not bound to it."""
    loader = Loader(gated=True)

    with pytest.raises(StillLoading):
        await memo.get(KEY, loader, patience=timedelta(milliseconds=50))

    loader.gate.set()
    await memo.aclose()
    assert (await memo.peek(KEY)) is not None


async def test_a_loaders_own_timeout_is_not_the_callers(memo: Memo) -> None:
    """TimeoutError from the load is the load's failure, patience or not."""
    with pytest.raises(TimeoutError):
        await memo.get(KEY, Loader(error=TimeoutError()), patience=timedelta(minutes=1))
