"""What happens to an installation while it works: drawn from a seed, then carried out.

Blows to different parts overlap as they come; those to one part wait for each other.
"""

import asyncio
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic

from tests.support.audit import Audit
from tests.support.hostile_seller import Behaviour
from tests.support.installation import Installation


class Blow(StrEnum):
    """What is done to a part of an installation."""

    WORKER_STANDS_STILL = "worker stands still"
    WORKER_KILLED = "worker killed"
    VALKEY_SILENT = "Valkey silent"
    VALKEY_KILLED = "Valkey killed"
    COMMAND_KILLED = "command killed"


@dataclass(frozen=True, slots=True)
class Strike:
    """One blow: `at_s` after the beginning, to the part that `lot` picks, over after `for_s`."""

    at_s: float
    blow: Blow
    lot: float
    for_s: float

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s: {self.blow} for {self.for_s:.1f} s ({self.lot:.2f})"


#: Share of the commands that buy what is in a file, by a job; the others buy by themselves.
_FILES = 0.4


@dataclass(frozen=True, slots=True)
class Span:
    """Between how many seconds something lasts."""

    least_s: float
    most_s: float


def draw_strikes(
    seed: int, *, seconds: float, count: int, still: Span, away: Span
) -> tuple[Strike, ...]:
    """Draw *count* strikes within *seconds*, of every kind at least one if there are enough.

    Args:
        seed: The same one draws the same strikes.
        seconds: Within which they begin.
        count: How many.
        still: How long what stands still, or is silent, does so.
        away: How long a killed Valkey stays away.
    """
    dice = random.Random(seed)  # noqa: S311 - a repeatable mix
    kinds = list(Blow)
    blows = [*kinds, *dice.choices(kinds, k=max(count - len(kinds), 0))][:count]
    dice.shuffle(blows)
    strikes = []
    for blow in blows:
        span = away if blow is Blow.VALKEY_KILLED else still
        lasting_s = dice.uniform(span.least_s, span.most_s)
        strikes.append(Strike(dice.uniform(0, seconds), blow, dice.random(), lasting_s))
    return tuple(sorted(strikes, key=lambda strike: strike.at_s))


@dataclass(slots=True)
class Havoc:
    """Carries strikes out on an installation.

    `done` says in words what was done, `companies` are those that killed commands were to buy.
    """

    installation: Installation
    done: list[str] = field(default_factory=list)
    companies: list[str] = field(default_factory=list)
    _turns: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    _started: int = 0

    async def carry_out(self, strikes: Iterable[Strike]) -> None:
        """Strike as drawn; return when all are over, and everything is there again."""
        await asyncio.gather(*(self._carry_out(strike) for strike in strikes))

    async def _carry_out(self, strike: Strike) -> None:
        await asyncio.sleep(strike.at_s)
        match strike.blow:
            case Blow.WORKER_STANDS_STILL | Blow.WORKER_KILLED:
                await self._strike_worker(strike)
            case Blow.VALKEY_SILENT | Blow.VALKEY_KILLED:
                await self._strike_valkey(strike)
            case Blow.COMMAND_KILLED:
                await self._start_and_kill_command(strike)

    async def _strike_worker(self, strike: Strike) -> None:
        members = self.installation.crew.members
        number = int(strike.lot * len(members))
        async with self._turns[f"worker {number}"]:
            victim = members[number]
            if strike.blow is Blow.WORKER_STANDS_STILL:
                victim.send(signal.SIGSTOP)
                await asyncio.sleep(strike.for_s)
                victim.send(signal.SIGCONT)
            else:
                victim.process.kill()
                victim.process.wait()
                self._started += 1
                # As a process manager would: at once, as another worker.
                members[number] = self.installation.start_worker(f"again{self._started}")
                members.pop()
            self.done.append(f"{strike}: {victim.name}")

    async def _strike_valkey(self, strike: Strike) -> None:
        async with self._turns["valkey"]:
            if strike.blow is Blow.VALKEY_SILENT:
                self.installation.signal_valkey(signal.SIGSTOP)
                await asyncio.sleep(strike.for_s)
                self.installation.signal_valkey(signal.SIGCONT)
            else:
                self.installation.kill_valkey()
                await asyncio.sleep(strike.for_s)
                await asyncio.to_thread(self.installation.bring_valkey_back)
            self.done.append(str(strike))

    async def _start_and_kill_command(self, strike: Strike) -> None:
        companies = [f"Orden {strike.at_s:.3f} {number}" for number in range(3)]
        self.companies += companies
        if strike.lot < _FILES:
            victim = self.installation.start_file_command(companies)
        else:
            victim = self.installation.start_command("enrich", *companies)
        await asyncio.sleep(strike.for_s)
        victim.kill()
        victim.wait()
        self.done.append(f"{strike}: of {companies[0]}")


@dataclass(frozen=True, slots=True)
class Ordeal:
    """How much work there is, how slowly it is answered, and what happens meanwhile."""

    seed: int
    companies: int = 36
    workers: int = 2
    max_in_flight: int = 6
    answer: Span = Span(6, 9)
    seconds: float = 20
    strikes: int = 6
    still: Span = Span(7, 9)
    away: Span = Span(3, 6)

    def draw(self) -> tuple[Strike, ...]:
        """Return the strikes of its seed."""
        return draw_strikes(
            self.seed,
            seconds=self.seconds,
            count=self.strikes,
            still=self.still,
            away=self.away,
        )

    @property
    def variables(self) -> dict[str, str]:
        """Settings of the installation: no wait is much longer than an answer takes."""
        return {
            "EMASAI_MAX_IN_FLIGHT": str(self.max_in_flight),
            "EMASAI_SURFSENSE_TIMEOUT_S": str(self.answer.most_s + self.still.most_s + 5),
        }


@dataclass(slots=True)
class Outcome:
    """What came of an ordeal: `faults` are broken promises, the rest says how it came about."""

    books: Audit
    faults: list[str]
    done: list[str]
    statuses: Counter[str]
    seconds: float

    def __str__(self) -> str:
        lines = [*self.faults, *self.done, str(dict(self.statuses)), f"{self.seconds:.0f} s"]
        return "\n".join(lines)


#: Seconds within which every job ends after the last strike, on a busy machine.
_ENDED_WITHIN_S = 150
#: Seconds within which what is owed is settled: overtaken runs are looked at after 30 s.
_SETTLED_WITHIN_S = 75


async def undergo(installation: Installation, ordeal: Ordeal) -> Outcome:
    """Have jobs and commands buy the same companies during the ordeal, then ask for all again."""
    began, faults, havoc = monotonic(), list[str](), Havoc(installation)
    statuses: Counter[str] = Counter()
    companies = [f"Caos {number}" for number in range(ordeal.companies)]
    least_s, most_s = ordeal.answer.least_s, ordeal.answer.most_s
    installation.seller.behave(Behaviour(answer_min_s=least_s, answer_max_s=most_s))
    await installation.start_crew(ordeal.workers)
    await installation.submit(companies)
    installation.start_command("enrich", *companies[:3])
    installation.start_file_command(companies[::2])
    await installation.until_orders(ordeal.workers)
    await havoc.carry_out(ordeal.draw())
    try:
        await installation.until_all_jobs_ended(within_s=_ENDED_WITHIN_S)
        await installation.until_commands_ended(within_s=_ENDED_WITHIN_S)
        # Asking again without `--buy-again` pays for nothing twice.
        await installation.submit([*reversed(companies), *havoc.companies])
        jobs = await installation.until_all_jobs_ended(within_s=_ENDED_WITHIN_S)
        for job in jobs:
            statuses.update(await installation.statuses_of(job))
    except AssertionError as late:
        faults.append(str(late))
    faults += await installation.faults_of_the_books(within_s=_SETTLED_WITHIN_S)
    return Outcome(installation.audit(), faults, havoc.done, statuses, monotonic() - began)
