"""Paces the paid calls of a whole fleet: one gate in Redis for each workspace.

The gate hands out times instead of refusals: a caller that waits is not refused, it leaves when it
is its turn. A process reserves one time ahead and gives it to its most urgent caller when it comes;
an interactive one takes an earlier time of a process whose callers can wait, so that it never waits
behind many that are less urgent. `lua/pace.lua` decides, by the clock of Redis; nothing leaves
without its permission.

A buyer calls `turn` before it commits to anything, and `ended` when the call has ended.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from math import inf
from time import monotonic
from typing import Any, Final, TypeAlias

import structlog
from redis.asyncio import Redis

from orchestrator.infra.background import end_task
from orchestrator.infra.redis_client import StoreUnavailable, load_script, store_errors
from orchestrator.infra.slots import Lane
from orchestrator.surfsense.account import FindWorkspace
from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    NotSent,
    RateLimited,
    ServiceUnavailable,
)
from orchestrator.surfsense.seller import LONGEST_RETRY_AFTER_S

log = structlog.get_logger(__name__)

#: Failures of the service in a row, over the fleet, after which one probe goes at a time.
TRIP: Final = 5
#: Pause after a probe that failed.
PROBE_PAUSE: Final = timedelta(seconds=5)
#: After which a probe that reports nothing is given up: its process has ended.
PROBE_WITHIN: Final = timedelta(seconds=60)
#: Pause between two questions whether there is credit again, of the whole fleet.
CREDIT_PAUSE: Final = timedelta(minutes=1)
#: A wait after a 429 is longer by up to this share, at random: never shorter.
JITTER: Final = 0.05
#: How long a gate is remembered after its last use.
GATE_TTL: Final = timedelta(days=2)
#: Seconds between two looks at the gate while waiting: it may have been closed or moved.
LOOK_S: Final = 1.0
#: How often in a row a lane that waits is passed over by a more urgent one, at most.
PASSED_OVER: Final[Mapping[Lane, int]] = {Lane.PIPELINE: 4, Lane.REFRESH: 9}

_US = timedelta(microseconds=1)
_MS = timedelta(milliseconds=1)

#: Returns whether a call that costs so many micro-USD could be paid.
HasCredit: TypeAlias = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Rate:
    """What the service allows, and the spacing that keeps to it.

    SurfSense counts *limit* calls in a window that the first of them opens. Calls that are spaced
    by exactly a window's share meet its end as soon as some of them travel longer than others, so
    the schedule leaves room for two of them (measured by simulation: none is refused).

    Attributes:
        limit: Calls that are allowed within *window*; at least 3.
        window: How long the service counts them together.
        burst: Calls that may leave together after an idle period.
    """

    limit: int = 120
    window: timedelta = timedelta(minutes=1)
    burst: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.burst <= self.limit - self.planned or self.planned < 1:
            raise ValueError(f"a limit of {self.limit} leaves no room for a burst of {self.burst}")

    @property
    def planned(self) -> int:
        """Calls that leave within one window."""
        return self.limit - max(2, self.limit // 60)

    @property
    def spacing(self) -> timedelta:
        """Time between two calls, rounded up."""
        return -(-self.window // self.planned)

    @property
    def late(self) -> timedelta:
        """How late a time may be used.

        No window has more than *limit* calls if each arrives within twice as long after its time:
        one half is for this fleet's processes, the other one for the network.
        """
        return (self.limit - self.planned - self.burst + 1) * self.spacing // 2


@dataclass(frozen=True, slots=True)
class Turn:
    """Permission for one call.

    Attributes:
        use_by: `time.monotonic()` by which it should leave.
        slot_us: Its time by Redis' clock, microseconds.
        epoch: The schedule that it is from.
        is_probe: Whether the breaker waits for how it ends.
        failures: Of the service in a row, when it was given.
    """

    use_by: float
    slot_us: int
    epoch: int
    is_probe: bool
    failures: int

    @property
    def is_over(self) -> bool:
        """Whether it is too late to use it: this process stood still."""
        return monotonic() > self.use_by


class Breaker(StrEnum):
    """Whether the service works: `closed`, or `open`: one probe goes at a time."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class PaceState:
    """The gate at one instant.

    Attributes:
        waiting: Callers of this process that wait, by lane.
        per_minute: Calls that may leave in a minute.
        left_lately: Calls of the fleet that have left within the last minute, estimated.
        spacing: Time between two calls.
        next_in: After which a new caller's time would come; zero for at once.
        limited_for: How long the last 429 keeps all calls back; zero if it does not.
        failures: Of the service in a row, over the fleet.
        breaker: What they have led to.
        has_credit: False after a 402, until credit is back.
        refusal: What SurfSense said with that 402, if anything.
    """

    waiting: Mapping[Lane, int]
    per_minute: float
    left_lately: int
    spacing: timedelta
    next_in: timedelta
    limited_for: timedelta
    failures: int
    breaker: Breaker
    has_credit: bool
    refusal: str

    def time_for(self, calls: int) -> timedelta:
        """Return how long *calls* take at the rate, if no other caller uses the workspace."""
        return self.next_in + self.spacing * max(0, calls - 1) if calls > 0 else timedelta(0)


class Lines:
    """Callers that wait, by lane. The most urgent lane goes first, and none is passed over."""

    def __init__(self) -> None:
        # With the most that each one's call can cost, in micro-USD.
        self._lines: dict[Lane, dict[asyncio.Future[Turn], int]] = {lane: {} for lane in Lane}
        self._passed_over = Counter[Lane]()
        #: Set when the last one has left, and when an interactive one has come.
        self.changed = asyncio.Event()

    def __bool__(self) -> bool:
        return any(self._lines.values())

    def sizes(self) -> dict[Lane, int]:
        """Return how many wait, by lane."""
        return {lane: len(line) for lane, line in self._lines.items()}

    def join(self, lane: Lane, most_micros: int = 0) -> "asyncio.Future[Turn]":
        """Return a new caller at the end of its lane's line, whose call costs so much at most."""
        caller: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._lines[lane][caller] = most_micros
        if lane is Lane.INTERACTIVE:
            self.changed.set()
        return caller

    def leave(self, lane: Lane, caller: "asyncio.Future[Turn]") -> None:
        """Take a caller out that waits no longer."""
        self._lines[lane].pop(caller, None)
        self._note_emptied()

    def next_micros(self) -> int:
        """Return what the call of the next one can cost; 0 if none waits."""
        lane = self.next_lane()
        return 0 if lane is None else next(iter(self._lines[lane].values()))

    def next(self) -> "asyncio.Future[Turn] | None":
        """Take the caller whose turn it is out of its line; None if none waits."""
        chosen = self.next_lane()
        if chosen is None:
            return None
        for lane, line in self._lines.items():
            is_passed_over = line and lane is not chosen
            self._passed_over[lane] = self._passed_over[lane] + 1 if is_passed_over else 0
        caller = next(iter(self._lines[chosen]))
        del self._lines[chosen][caller]
        self._note_emptied()
        return caller

    def next_lane(self) -> Lane | None:
        """Return the lane of the next one; None if none waits."""
        waiting = [lane for lane in Lane if self._lines[lane]]
        due = [lane for lane in waiting if self._passed_over[lane] >= PASSED_OVER.get(lane, inf)]
        if due:
            return max(due, key=self._passed_over.__getitem__)
        return waiting[0] if waiting else None

    def drain(self) -> "list[asyncio.Future[Turn]]":
        """Take all callers out."""
        callers = [caller for line in self._lines.values() for caller in line]
        for line in self._lines.values():
            line.clear()
        self._note_emptied()
        return callers

    def _note_emptied(self) -> None:
        if not self:
            self.changed.set()


class _NoCredit(Exception):
    """The credit gate is closed; *refusal* is SurfSense's sentence."""

    def __init__(self, refusal: str) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class Pace:
    """The gate of one workspace; one instance for all buyers of an event loop.

    All processes that share it have to be given the same *rate*.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        workspace: str | FindWorkspace,
        rate: Rate | None = None,
        has_credit: HasCredit | None = None,
        probe_pause: timedelta = PROBE_PAUSE,
        probe_within: timedelta = PROBE_WITHIN,
        credit_pause: timedelta = CREDIT_PAUSE,
    ) -> None:
        """Pace the calls to *workspace*.

        Args:
            redis: Where the gate is.
            workspace: Whose limit it is: its number, or what finds it for the company that an
                error names, as `SurfSenseAccount.workspace_id` does. All its names share one gate.
            rate: What the service allows.
            has_credit: Asks the service, for free, whether a call of so much could be paid; None
                where it cannot be asked: then a call finds out, once in *credit_pause*.
            probe_pause: Pause between two probes.
            probe_within: After which a probe that reports nothing is given up.
            credit_pause: Between two questions for credit.
        """
        self.rate = rate or Rate()
        self._redis = redis
        self._workspace = workspace
        self._has_credit = has_credit
        self._probe_pause = probe_pause
        self._credit_pause = credit_pause
        # What the script decides by, as it takes it.
        self._rules = (
            *(self.rate.spacing // _US, self.rate.burst, self.rate.late // _US),
            *(TRIP, probe_within // _US, credit_pause // _US, GATE_TTL // _MS),
        )
        self._script = load_script(redis, "orchestrator.surfsense", "pace")
        self._event_script = load_script(redis, "orchestrator.surfsense", "pace_event")
        self._lines = Lines()
        self._pacer: asyncio.Task[None] | None = None
        # The time reserved ahead, its epoch, and whether urgent callers may take it.
        self._time_ahead: tuple[int, int, int] | None = None

    async def turn(self, lane: Lane, *, company: str, most_micros: int = 0) -> Turn:
        """Return when a call may leave, however long that takes; use it at once.

        A caller that is cancelled meanwhile takes no time from the others.

        Args:
            lane: The most urgent goes first; one that is less so is passed over a few times only.
            company: The name that errors carry.
            most_micros: What the call can cost: after a 402 there must be credit for so much.

        Raises:
            AccessDenied: With 402: there is no credit, as far as is known.
            EnrichmentError: The number of the workspace cannot be found.
            StoreUnavailable: The gate cannot be asked; nothing may leave.
        """
        await self._keys(company)
        caller = self._lines.join(lane, most_micros)
        if self._pacer is None:
            self._pacer = asyncio.create_task(self._run(), name="pacer")
        try:
            return await caller
        except _NoCredit as no_credit:
            status = HTTPStatus.PAYMENT_REQUIRED.value
            raise AccessDenied(company, status, no_credit.refusal) from None
        except asyncio.CancelledError:
            self._lines.leave(lane, caller)
            if caller.done() and not caller.cancelled() and caller.exception() is None:
                with contextlib.suppress(StoreUnavailable):  # it lapses
                    await self.unused(caller.result())
            raise

    async def ended(self, turn: Turn, error: EnrichmentError | None = None) -> None:
        """Tell the gate how the call of *turn* has ended, with *error* if it failed.

        Costs nothing in the usual case, a success after no failure.

        Raises:
            StoreUnavailable: It was not told.
        """
        match error:
            case ServiceUnavailable() | AnswerLost():
                return await self.failed(turn)
            case NotSent():
                return await self.unused(turn)
            case RateLimited():
                await self.limited(error.retry_after_s)
            case AccessDenied(status=HTTPStatus.PAYMENT_REQUIRED):
                await self.out_of_credit(error.reason)
        if turn.failures:  # it answers
            await self.succeeded()
        return None

    async def unused(self, turn: Turn) -> None:
        """Give *turn* back: nothing was sent. The next caller has it, if it is not over.

        Raises:
            StoreUnavailable: It is lost, which delays the others by one call at most.
        """
        if turn.is_probe:
            await self._tell("idle_probe")
        elif not turn.is_over and not self._grant(turn):
            await self._tell("free", turn.slot_us, turn.epoch, 0)

    async def limited(self, retry_after_s: int) -> None:
        """Keep all calls of the fleet back: SurfSense has answered 429.

        Raises:
            StoreUnavailable: The gate was not told.
        """
        wait_s = min(max(retry_after_s, 0), LONGEST_RETRY_AFTER_S)
        jitter_s = wait_s * JITTER * random.random()  # noqa: S311 - spreads fleets
        wait = timedelta(seconds=wait_s + jitter_s)
        if await self._tell("limited", wait // _US, self.rate.spacing // _US, self.rate.burst):
            log.warning("pace.limited", wait_s=round(wait.total_seconds(), 1))

    async def failed(self, turn: Turn) -> None:
        """Count a failure of the service; after some in a row, one probe goes at a time.

        Raises:
            StoreUnavailable: The gate was not told.
        """
        pause_us = self._probe_pause // _US
        if await self._tell("failed", int(turn.is_probe), TRIP, pause_us):
            log.warning("pace.breaker_opened", failures=TRIP)

    async def succeeded(self) -> None:
        """Note that the service works.

        Raises:
            StoreUnavailable: The gate was not told.
        """
        if await self._tell("succeeded"):
            log.info("pace.breaker_closed")

    async def out_of_credit(self, refusal: str = "") -> None:
        """Let no call of the fleet leave any more: SurfSense has answered 402.

        Args:
            refusal: Its sentence, which every caller gets that is refused for it.

        Raises:
            StoreUnavailable: The gate was not told.
        """
        if await self._tell("no_credit", self._credit_pause // _US, refusal):
            log.error("pace.credit_used_up", refusal=refusal)

    async def credit_is_back(self) -> None:
        """Let calls leave again after a top-up.

        Raises:
            StoreUnavailable: The gate was not told.
        """
        if await self._tell("credit"):
            log.info("pace.credit_is_back")

    async def state(self) -> PaceState | None:
        """Return the state of the gate; None where the workspace's number is not known now.

        Raises:
            StoreUnavailable: It cannot be read.
        """
        try:
            gate_key, *_ = await self._keys()
        except EnrichmentError:
            return None
        with store_errors("pace state"):
            async with self._redis.pipeline(transaction=False) as both:
                both.time()
                both.hgetall(gate_key)
                (seconds, micros), found = await both.execute()
        refusal = found.pop(b"refusal", b"").decode()
        gate = {name.decode(): int(value) for name, value in found.items()}
        return self._state_of(gate, seconds * 1_000_000 + micros, refusal)

    async def aclose(self) -> None:
        """End all waiting: the callers are cancelled."""
        if self._pacer is not None:
            await end_task(self._pacer)
        self._pacer = None
        for caller in self._lines.drain():
            caller.cancel()

    def _state_of(self, gate: Mapping[str, int], now_us: int, refusal: str) -> PaceState:
        spacing = self.rate.spacing
        next_us = gate.get("tat", 0) - (self.rate.burst - 1) * (spacing // _US) - now_us
        lately = _left_lately(gate, now_us)
        failures = gate.get("failures", 0)
        return PaceState(
            waiting=self._lines.sizes(),
            per_minute=timedelta(minutes=1) / spacing,
            left_lately=lately,
            spacing=spacing,
            next_in=max(next_us, 0) * _US,
            limited_for=max(gate.get("not_before", 0) - now_us, 0) * _US,
            failures=failures,
            breaker=Breaker.OPEN if failures >= TRIP else Breaker.CLOSED,
            has_credit="ask_at" not in gate,
            refusal=refusal,
        )

    async def _run(self) -> None:
        """Hand times to callers as they come, until none waits."""
        while self._lines or self._time_ahead is not None:
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 - handed to all that wait
                self._time_ahead = None
                self._refuse(error)
        self._pacer = None

    async def _step(self) -> None:
        if not self._lines:
            held, self._time_ahead = self._time_ahead, None
            if held is not None:
                await self._tell("free", *held)
            return
        asked_at = monotonic()
        match await self._ask():
            case [b"go", within_us, slot_us, epoch, is_probe, failures]:
                self._time_ahead = None
                use_by = asked_at + within_us / 1e6
                turn = Turn(use_by, slot_us, epoch, bool(is_probe), failures)
                # This process may have stood still since Redis answered.
                if turn.is_over or not self._grant(turn):
                    await self.unused(turn)
            case [b"wait", wait_us, slot_us, epoch, is_lent]:
                self._time_ahead = slot_us, epoch, is_lent
                await self._wait(wait_us / 1e6)
            case [b"hold", wait_us]:
                await self._wait(wait_us / 1e6)
            case [b"ask", _] if await self._may_buy_again():
                await self.credit_is_back()
            case [_, refusal]:
                self._refuse(_NoCredit(refusal.decode()))

    async def _keys(self, company: str = "") -> list[str]:
        found = self._workspace
        if not isinstance(found, str):
            found = self._workspace = await found(company)
        return [f"pace1:{part}{found}" for part in ("", "free:", "lent:")]

    async def _ask(self) -> list[Any]:
        args = [
            *(self._time_ahead or (0, 0, 0)),
            int(self._lines.next_lane() is Lane.INTERACTIVE),
            *self._rules,
        ]
        with store_errors("pace turn"):
            reply: list[Any] = await self._script(keys=await self._keys(), args=args)
        return reply

    async def _tell(self, event: str, *details: int | str) -> bool:
        args: list[str | int] = [GATE_TTL // _MS, event, *details]
        with store_errors(f"pace {event}"):
            return bool(await self._event_script(keys=await self._keys(), args=args))

    async def _wait(self, longest_s: float) -> None:
        """Wait, but not beyond the next look, nor while it may be another caller's turn."""
        if not self._lines:
            return
        self._lines.changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(longest_s, LOOK_S)):
                await self._lines.changed.wait()

    async def _may_buy_again(self) -> bool:
        try:
            most_micros = self._lines.next_micros()
            return self._has_credit is None or await self._has_credit(most_micros)
        except EnrichmentError as error:
            log.info("pace.credit_unknown", reason=error.code)
            return False

    def _grant(self, turn: Turn) -> bool:
        """Give *turn* to the caller that is next; False if none waits."""
        caller = self._lines.next()
        while caller is not None and caller.done():
            caller = self._lines.next()
        if caller is None:
            return False
        caller.set_result(turn)
        return True

    def _refuse(self, error: Exception) -> None:
        for caller in self._lines.drain():
            if not caller.done():
                caller.set_exception(_copy_of(error))


def _left_lately(gate: Mapping[str, int], now_us: int) -> int:
    """Return how many calls have left within a minute, if those before this one came evenly."""
    minute, into_us = divmod(now_us, 60_000_000)
    match minute - gate.get("minute", 0):
        case 0:
            left, before = gate["left"], gate["left_before"]
        case 1:
            left, before = 0, gate["left"]
        case _:
            return 0
    return left - before * (into_us - 60_000_000) // 60_000_000


def _copy_of(error: Exception) -> Exception:
    """Return an error for one caller alone, so that no traceback grows with each of them."""
    if isinstance(error, StoreUnavailable | _NoCredit):
        return type(error)(*error.args)
    return error
