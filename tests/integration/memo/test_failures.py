"""How a leader's failure reaches those who wait for it, and those who come after."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.memo import LoadFailed, Memo, NotShared
from tests.integration.memo.conftest import OpenMemo
from tests.support.async_waiting import eventually
from tests.support.commands import forget_commands, scripts_have_run
from tests.support.loading import KEY, Loader, SoldOut, SoldOutCodec


async def _fail_together(
    memo: Memo, elsewhere: Memo, redis: Redis, error: Exception
) -> list[object]:
    """Let one process lead and fail with *error* while another follows."""
    loader = Loader(error=error, gated=True)
    leading = asyncio.create_task(memo.get(KEY, loader))
    await loader.started.wait()
    await forget_commands(redis)
    unused = Loader("unused")
    following = asyncio.create_task(elsewhere.get(KEY, unused))
    await scripts_have_run(redis, 1)
    loader.gate.set()
    errors = await asyncio.gather(leading, following, return_exceptions=True)
    assert unused.flights == []
    return list(errors)


async def test_a_typed_failure_reaches_followers_in_other_processes(
    memo: Memo, elsewhere: Memo, memo_redis: Redis
) -> None:
    """A follower gets the leader's error, typed, and not a second call."""
    errors = await _fail_together(memo, elsewhere, memo_redis, SoldOut("until Monday"))

    assert [type(error) for error in errors] == [SoldOut, SoldOut]
    assert [str(error) for error in errors] == ["until Monday"] * 2


async def test_nobody_tries_again_before_the_failures_time_is_over(
    memo: Memo, elsewhere: Memo
) -> None:
    """While a failure is in force, later callers get it without a call."""
    with pytest.raises(SoldOut):
        await memo.get(KEY, Loader(error=SoldOut("x")))

    later = Loader("second")
    with pytest.raises(SoldOut, match="x"):
        await elsewhere.get(KEY, later)

    assert later.flights == []


async def test_when_the_failures_time_is_over_the_next_caller_loads(open_memo: OpenMemo) -> None:
    """A failure is forgotten after its TTL, with nothing left to clean up."""
    memo = open_memo(SoldOutCodec(timedelta(milliseconds=50)))
    with pytest.raises(SoldOut):
        await memo.get(KEY, Loader(error=SoldOut("x")))
    loader = Loader("second")

    async def sold_again() -> bool:
        try:
            return (await memo.get(KEY, loader)).entry.payload == {"answer": "second"}
        except SoldOut:
            return False

    await eventually(sold_again, "the failure is forgotten")
    assert len(loader.flights) == 1


async def test_an_unknown_error_is_named_to_other_processes(
    memo: Memo, elsewhere: Memo, memo_redis: Redis
) -> None:
    """Elsewhere an error that no codec knows is LoadFailed with its type, not its text."""
    errors = await _fail_together(memo, elsewhere, memo_redis, ZeroDivisionError("secret"))

    assert isinstance(errors[0], ZeroDivisionError)
    assert isinstance(errors[1], LoadFailed)
    assert errors[1].args == (KEY, "ZeroDivisionError")


async def test_what_concerns_one_caller_alone_is_not_told_to_others(
    memo: Memo, elsewhere: Memo, memo_redis: Redis
) -> None:
    """The leader's exhausted budget is its own: every other caller tries at once."""
    poor, rich, abroad = Loader(error=NotShared(), gated=True), Loader("rich"), Loader("abroad")
    leading = asyncio.create_task(memo.get(KEY, poor))
    await poor.started.wait()
    await forget_commands(memo_redis)
    others = [asyncio.create_task(memo.get(KEY, rich)) for _ in range(3)]
    others.append(asyncio.create_task(elsewhere.get(KEY, abroad)))
    await scripts_have_run(memo_redis, 1)

    poor.gate.set()
    outcomes = await asyncio.gather(*others)

    with pytest.raises(NotShared):
        await leading
    assert len(rich.flights) + len(abroad.flights) == 1
    assert len({outcome.entry.payload["answer"] for outcome in outcomes}) == 1


async def test_callers_that_all_fail_alone_all_try(memo: Memo) -> None:
    """Each of several callers without money gets its own refusal."""
    loaders = [Loader(error=NotShared(number)) for number in range(4)]

    errors = await asyncio.gather(
        *(memo.get(KEY, loader) for loader in loaders), return_exceptions=True
    )

    assert [error.args for error in errors if isinstance(error, NotShared)] == [
        (0,),
        (1,),
        (2,),
        (3,),
    ]


async def test_an_answer_that_cannot_be_stored_is_a_failure_like_any_other(
    memo: Memo, elsewhere: Memo
) -> None:
    """A payload without a JSON form ends the flight at once, here and elsewhere."""
    errors = await asyncio.gather(memo.get(KEY, Loader(object())), return_exceptions=True)

    with pytest.raises(LoadFailed, match="TypeError"):
        await elsewhere.get(KEY, Loader("second"))
    assert isinstance(errors[0], TypeError)


async def test_a_record_that_its_writer_drops_reaches_nobody(memo: Memo) -> None:
    """Only the loader knows that what it wrote says nothing any more."""
    with pytest.raises(SoldOut):
        await memo.get(KEY, Loader(error=SoldOut("x"), record={"order": 1}, drops_record=True))
    await memo.invalidate(KEY)
    loader = Loader()

    await memo.get(KEY, loader)

    assert loader.flights[0].record is None


async def test_a_failure_leaves_the_record_to_the_next_leader(memo: Memo) -> None:
    """What a failed flight may have paid for is not forgotten."""
    with pytest.raises(ZeroDivisionError):
        await memo.get(KEY, Loader(error=ZeroDivisionError(), record={"order": 1}))
    await memo.invalidate(KEY)
    loader = Loader()

    await memo.get(KEY, loader)

    record = loader.flights[0].record
    assert record is not None
    assert record["order"] == 1
