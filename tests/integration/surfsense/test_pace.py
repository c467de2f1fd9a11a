"""The gate of a workspace on a real server, shared by buyers of one process or of several."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.background import end_task
from orchestrator.infra.redis_client import StoreUnavailable, open_redis
from orchestrator.infra.slots import Lane
from orchestrator.surfsense import (
    AccessDenied,
    AnswerLost,
    Breaker,
    NotSent,
    Pace,
    PaceState,
    Rate,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    Turn,
)
from orchestrator.surfsense.errors import EnrichmentError
from tests.support.async_waiting import eventually
from tests.support.valkey import kill, running_valkey

#: 20 calls a second, of which none is too late on a busy machine.
FAST = Rate(1200)
#: A call every 15 s, which may be 7 s late.
CALM = Rate(6)
SPACING_US = FAST.spacing // timedelta(microseconds=1)
SHORTLY = timedelta(milliseconds=200)
LONG = timedelta(minutes=10)


@pytest.fixture
async def pace(jobs_redis: Redis) -> AsyncIterator[Pace]:
    """Give the gate that one process has."""
    pace = Pace(jobs_redis, workspace="1", rate=FAST, probe_pause=LONG)
    yield pace
    await pace.aclose()


@pytest.fixture
async def other(shared_valkey: Valkey) -> AsyncIterator[Pace]:
    """Give the same gate as another process has it."""
    redis = open_redis(f"{shared_valkey.url}/3")
    pace = Pace(redis, workspace="1", rate=FAST, probe_pause=LONG)
    yield pace
    await pace.aclose()
    await redis.aclose()


async def _turn(pace: Pace, lane: Lane = Lane.PIPELINE) -> Turn:
    return await pace.turn(lane, company="Acme")


async def _state(pace: Pace) -> PaceState:
    state = await pace.state()
    assert state is not None
    return state


async def _turns(count: int, *paces: Pace) -> list[int]:
    """Return the times of *count* calls of each, in order."""
    turns = await asyncio.gather(*(_turn(pace) for pace in paces for _ in range(count)))
    return sorted(turn.slot_us for turn in turns)


def _gaps(times: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(times)]


async def test_calls_of_all_processes_leave_at_one_rate(pace: Pace, other: Pace) -> None:
    """After a burst of two, times come one spacing after the other, in all processes together."""
    times = await _turns(10, pace, other)

    assert times[1] - times[0] < SPACING_US
    assert all(time - times[0] >= (n - 1) * SPACING_US for n, time in enumerate(times))
    assert (await _state(pace)).left_lately == 20


async def test_workspaces_do_not_wait_for_each_other(jobs_redis: Redis, pace: Pace) -> None:
    """The gate of one workspace says nothing about another one."""
    await pace.limited(3600)

    elsewhere = Pace(jobs_redis, workspace="2", rate=FAST)
    await _turn(elsewhere)

    assert (await _state(elsewhere)).next_in < timedelta(minutes=1)


async def test_a_429_moves_the_schedule_of_all(pace: Pace, other: Pace, jobs_redis: Redis) -> None:
    """No call leaves before it says, not even one that had its time; then none comes as a herd."""
    await _turn(pace)
    waiting = [asyncio.create_task(_turns(3, each)) for each in (pace, other)]
    await asyncio.sleep(0)

    await other.limited(1)
    state = await _state(pace)
    not_before = int(await jobs_redis.hget("pace1:1", "not_before") or 0)
    times = sorted([time for each in await asyncio.gather(*waiting) for time in each])

    late = [time for time in times if time > not_before - 1_000_000]
    assert timedelta(0) < state.limited_for < timedelta(seconds=1.1)
    assert late[0] >= not_before
    assert min(_gaps(late)) >= SPACING_US


async def test_a_429_never_brings_calls_forward(pace: Pace) -> None:
    """A second 429 that asks for less changes nothing; one of no sense waits for one spacing."""
    await pace.limited(3600)
    await pace.limited(1)
    state = await _state(pace)
    await pace.limited(-5)
    await pace.limited(10**9)

    assert timedelta(seconds=3500) < state.limited_for
    assert state.time_for(1) > timedelta(seconds=3500)
    assert (await _state(pace)).limited_for <= timedelta(seconds=3600 * 1.05)


async def test_without_credit_nothing_leaves(pace: Pace, other: Pace) -> None:
    """After a 402 every caller of the fleet is refused at once, also those that wait already."""
    await pace.limited(3600)
    waiting = asyncio.create_task(_turn(other))
    await asyncio.sleep(0)

    await pace.out_of_credit("3 micro-USD are left")

    with pytest.raises(AccessDenied) as refused:
        await waiting
    with pytest.raises(AccessDenied):
        await _turn(pace)
    state = await _state(other)
    assert refused.value.args == ("Acme", 402, "3 micro-USD are left")
    assert not state.has_credit
    assert state.refusal == "3 micro-USD are left"


async def test_credit_that_is_back_opens_the_gate(pace: Pace, other: Pace) -> None:
    """After a top-up that one process knows of, all buy again."""
    await pace.out_of_credit()
    await other.credit_is_back()

    assert len(await _turns(1, pace, other)) == 2


async def test_one_process_asks_for_credit(shared_valkey: Valkey) -> None:
    """While the gate is closed, the fleet asks once in each pause, and opens when it is told so."""
    asked: list[str] = []
    balance = False

    def gate(redis: Redis, name: str) -> Pace:
        async def has_credit(most_micros: int) -> bool:
            asked.append(name)
            return balance and most_micros == 0

        pause = timedelta(seconds=1.5)
        return Pace(redis, workspace="1", rate=FAST, has_credit=has_credit, credit_pause=pause)

    async with open_redis(f"{shared_valkey.url}/3") as redis:
        gates = [gate(redis, name) for name in "abc"]
        await gates[0].out_of_credit()

        async def is_refused(each: Pace) -> bool:
            try:
                await _turn(each)
            except AccessDenied:
                return True
            return False

        async def one_has_asked() -> bool:
            refused = await asyncio.gather(*(is_refused(each) for each in gates))
            assert all(refused)
            return len(asked) > 0

        await eventually(one_has_asked, "a question")
        assert len(asked) == 1
        balance = True

        async def is_open() -> bool:
            return not await is_refused(gates[0])

        await eventually(is_open, "credit is seen")
        assert len(asked) == 2
        assert len(await _turns(1, *gates)) == 3


async def test_credit_for_the_next_call_opens_the_gate(jobs_redis: Redis) -> None:
    """Not for the dearest one that there could be: a place costs less than job ads."""

    async def has_credit(most_micros: int) -> bool:
        return most_micros <= 4_000

    pace = Pace(jobs_redis, workspace="1", rate=FAST, has_credit=has_credit, credit_pause=SHORTLY)
    await pace.out_of_credit()

    async def leaves(most_micros: int) -> bool:
        try:
            await pace.turn(Lane.PIPELINE, company="Acme", most_micros=most_micros)
        except AccessDenied:
            return False
        return True

    await asyncio.sleep(SHORTLY.total_seconds())
    assert not await leaves(17_500)
    await eventually(lambda: leaves(3_500), "the cheaper call leaves")


async def test_all_names_of_a_workspace_share_one_gate(jobs_redis: Redis, pace: Pace) -> None:
    """By its number, which is looked up once, and by nothing else."""
    asked: list[str] = []

    async def number(company: str) -> str:
        asked.append(company)
        return "1"

    named = Pace(jobs_redis, workspace=number, rate=FAST)
    await pace.limited(3600)

    assert (await _state(named)).limited_for > timedelta(minutes=59)
    await pace.credit_is_back()
    assert (await _state(named)).has_credit
    assert len(asked) == 1


async def test_an_unknown_workspace_lets_no_call_leave(jobs_redis: Redis) -> None:
    """The caller gets the reason under its company's name; what is shown of the gate is unknown."""

    async def number(company: str) -> str:
        raise ServiceUnavailable(company, "away")

    pace = Pace(jobs_redis, workspace=number, rate=FAST)

    assert await pace.state() is None
    with pytest.raises(ServiceUnavailable, match="Acme"):
        await _turn(pace)


async def test_a_service_that_cannot_be_asked_is_tried(jobs_redis: Redis) -> None:
    """Without a way of asking, calls go on after the pause: the next 402 closes the gate again."""
    pace = Pace(jobs_redis, workspace="1", rate=FAST, credit_pause=SHORTLY)
    await pace.out_of_credit()

    async def leaves() -> bool:
        try:
            await _turn(pace)
        except AccessDenied:
            return False
        return True

    assert not await leaves()
    await eventually(leaves, "a call leaves")


async def test_an_unanswered_question_for_credit_keeps_the_gate_closed(jobs_redis: Redis) -> None:
    """Only a clear yes opens it."""

    async def has_credit(most_micros: int) -> bool:
        raise ServiceUnavailable("", f"no answer whether there are {most_micros}")

    pace = Pace(jobs_redis, workspace="1", rate=FAST, has_credit=has_credit, credit_pause=SHORTLY)
    await pace.out_of_credit()

    async def is_refused() -> bool:
        with pytest.raises(AccessDenied):
            await _turn(pace)
        return True

    for _ in range(3):
        await asyncio.sleep(SHORTLY.total_seconds())
        assert await is_refused()


async def _open_breaker(pace: Pace) -> None:
    for _ in range(5):
        await pace.failed(await _turn(pace))


async def test_a_service_that_fails_is_tried_by_one_probe(jobs_redis: Redis, other: Pace) -> None:
    """After five failures in a row one call goes at a time, until one succeeds."""
    pace = Pace(jobs_redis, workspace="1", rate=FAST, probe_pause=SHORTLY)
    await _open_breaker(pace)
    waiting = [asyncio.create_task(_turn(each)) for each in (pace, pace, other, other)]

    done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    probe = done.pop().result()
    await pace.failed(probe)
    done, rest = await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED)
    second = done.pop().result()
    state = await _state(other)
    assert not (await asyncio.wait(rest, timeout=2 * SHORTLY.total_seconds()))[0]
    await other.succeeded()
    others = [await each for each in rest]

    assert probe.is_probe
    assert second.is_probe
    assert state.breaker is Breaker.OPEN
    assert not any(turn.is_probe for turn in others)
    assert (await _state(pace)).breaker is Breaker.CLOSED


async def test_failures_that_are_no_probe_s_do_not_bring_the_next_one(jobs_redis: Redis) -> None:
    """Calls that had left before the breaker opened may fail while the probe is under way."""
    pace = Pace(jobs_redis, workspace="1", rate=FAST, probe_pause=timedelta(0), probe_within=LONG)
    early = [await _turn(pace) for _ in range(2)]
    await _open_breaker(pace)
    probe = await _turn(pace)
    for turn in early:
        await pace.failed(turn)

    waiting = asyncio.create_task(_turn(pace))
    done, _ = await asyncio.wait([waiting], timeout=SHORTLY.total_seconds())
    await pace.failed(probe)

    assert not done
    assert (await waiting).is_probe


async def test_a_probe_whose_process_ends_is_given_up(jobs_redis: Redis) -> None:
    """The service is tried again although nothing is heard of the last try."""
    pace = Pace(
        jobs_redis, workspace="1", rate=FAST, probe_pause=timedelta(0), probe_within=SHORTLY
    )
    await _open_breaker(pace)

    assert (await _turn(pace)).is_probe
    assert (await _turn(pace)).is_probe


async def test_a_probe_that_was_not_sent_lets_another_one_go(jobs_redis: Redis) -> None:
    """A caller that does not use its turn does not keep the service from being tried."""
    pace = Pace(jobs_redis, workspace="1", rate=FAST, probe_pause=timedelta(0), probe_within=LONG)
    await _open_breaker(pace)

    await pace.unused(await _turn(pace))

    assert (await _turn(pace)).is_probe


@pytest.mark.parametrize(
    ("error", "failures", "limited", "has_credit"),
    [
        (None, 0, False, True),
        (RateLimited("Acme", 60), 0, True, True),
        (AccessDenied("Acme", 402), 0, False, False),
        (AccessDenied("Acme", 403), 0, False, True),
        (RequestRejected("Acme", 422, "no"), 0, False, True),
        (ServiceUnavailable("Acme", "it answered 503"), 2, False, True),
        (AnswerLost("Acme", "it answered 502"), 2, False, True),
        (NotSent("Acme"), 1, False, True),
    ],
)
async def test_what_a_call_s_end_says_of_the_service(
    pace: Pace, *, error: EnrichmentError | None, failures: int, limited: bool, has_credit: bool
) -> None:
    """A service that answers works; what it answers may close the gate."""
    await pace.failed(await _turn(pace))

    await pace.ended(await _turn(pace), error)
    state = await _state(pace)

    assert state.failures == failures
    assert (state.limited_for > timedelta(0)) is limited
    assert state.has_credit is has_credit


async def test_a_cancelled_wait_takes_no_time_from_others(jobs_redis: Redis) -> None:
    """The time that was reserved for it is given back, and the next caller has it."""
    rate = Rate(30)
    pace, other = (Pace(jobs_redis, workspace="1", rate=rate) for _ in range(2))
    await _turn(pace)
    before = await _turn(pace)
    waiting = asyncio.create_task(_turn(pace))
    await _is_reserved(pace)

    await end_task(waiting)

    async def is_given_back() -> bool:
        return bool(await jobs_redis.zcard("pace1:free:1"))

    await eventually(is_given_back, "the time is given back")
    after = await _turn(other)

    assert after.slot_us - before.slot_us < 1.5 * (rate.spacing // timedelta(microseconds=1))


async def _is_reserved(pace: Pace) -> None:
    first = (await _state(pace)).next_in

    async def moved() -> bool:
        return (await _state(pace)).next_in > first

    await eventually(moved, "a time is reserved")


async def test_a_turn_that_is_not_used_goes_to_the_next_caller(pace: Pace) -> None:
    """A buyer whose budget is exhausted does not cost the others a call."""
    await _turn(pace)
    turn = await _turn(pace)
    waiting = asyncio.create_task(_turn(pace))
    await asyncio.sleep(0)

    await pace.unused(turn)

    assert await waiting == turn


async def _cancel_at_its_turn(pace: Pace) -> tuple[Turn, "asyncio.Task[Turn]"]:
    """Return a turn, and the caller that is cancelled just when it has it."""
    await _turn(pace)
    turn = await _turn(pace)
    waiting = asyncio.create_task(_turn(pace))
    await asyncio.sleep(0)
    await pace.unused(turn)
    waiting.cancel()
    return turn, waiting


async def test_a_caller_that_is_cancelled_at_its_turn_hands_it_on(jobs_redis: Redis) -> None:
    """Its turn is not lost: the next caller has it."""
    pace = Pace(jobs_redis, workspace="1", rate=CALM)
    turn, waiting = await _cancel_at_its_turn(pace)

    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (await _turn(pace)).slot_us == turn.slot_us


async def test_a_cancelled_caller_stays_cancelled_without_the_server(tmp_path: Path) -> None:
    """A turn that cannot be handed on lapses: what cancels a caller sees that it has ended so."""
    with running_valkey(tmp_path) as server:
        redis = open_redis(f"{server.url}/3")
        pace = Pace(redis, workspace="1", rate=CALM)
        _, waiting = await _cancel_at_its_turn(pace)
        kill(server)

        with pytest.raises(asyncio.CancelledError):
            await waiting

        await pace.aclose()
        await redis.aclose()


async def test_interactive_goes_first_and_no_lane_starves(pace: Pace) -> None:
    """Of a full line, interactive callers have most turns, and each lane has some."""
    order: list[Lane] = []

    async def one(lane: Lane) -> None:
        await _turn(pace, lane)
        order.append(lane)

    lanes = [Lane.REFRESH, Lane.PIPELINE, Lane.INTERACTIVE]
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            for _ in range(12):
                group.create_task(one(lane))

    head = order[:12]
    assert head.count(Lane.INTERACTIVE) >= 8
    assert head.count(Lane.PIPELINE) >= 1
    assert head.count(Lane.REFRESH) >= 1
    assert len(order) == 36


async def test_state_says_who_waits(pace: Pace) -> None:
    """Doctor, metrics and the time left see what the gate knows."""
    await _turns(2, pace)
    await pace.limited(60)
    waiting = [asyncio.create_task(_turn(pace, lane)) for lane in (Lane.REFRESH, Lane.INTERACTIVE)]
    await asyncio.sleep(0)

    state = await _state(pace)

    assert state.waiting == {Lane.INTERACTIVE: 1, Lane.PIPELINE: 0, Lane.REFRESH: 1}
    assert 1179 < state.per_minute < 1180
    assert state.left_lately == 2
    assert state.time_for(0) == timedelta(0)
    assert state.time_for(101) - state.time_for(1) == 100 * FAST.spacing
    for each in waiting:
        await end_task(each)


async def test_nothing_leaves_without_the_server() -> None:
    """Callers get an error of their own while Redis is unavailable."""
    redis = open_redis("redis://127.0.0.1:1/3")
    pace = Pace(redis, workspace="1")

    errors = await asyncio.gather(*(_turn(pace) for _ in range(3)), return_exceptions=True)
    with pytest.raises(StoreUnavailable):
        await pace.limited(60)
    with pytest.raises(StoreUnavailable):
        await pace.state()
    await redis.aclose()

    assert [type(error) for error in errors] == [StoreUnavailable] * 3
    assert len({id(error) for error in errors}) == 3


async def test_closing_ends_all_waiting(pace: Pace) -> None:
    """A process that ends leaves no caller behind."""
    await pace.limited(3600)
    waiting = asyncio.create_task(_turn(pace))
    await asyncio.sleep(0)

    await pace.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
