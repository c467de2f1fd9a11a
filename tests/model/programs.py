"""Runs the project's own coroutines step by step, as programs of the model.

`Leader`, `Records`, `Purchaser`, `Books` and `Sweeper` are the real ones. Wherever they
would talk to Redis, the seller or the ledger, they stop with an `Ask`; the explorer decides
what happens in the meantime, and hands in a reply. A coroutine cannot be copied, but what it
does depends on the replies it had alone: a local state is the list of these, by number. The first
reply that is handed in takes the state's coroutine with it; for each other one it is replayed.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import redis.exceptions
import structlog

import orchestrator.memo.flight
import orchestrator.memo.store
import orchestrator.purchasing.purchase
from orchestrator.surfsense import AnswerLost, RunInterrupted, ServiceUnavailable

#: Not empty while a coroutine is thrown away.
_abandoned: list[bool] = []


class Ask(NamedTuple):
    """What a process wants next, and has to be answered before it goes on."""

    kind: str
    detail: tuple[Any, ...] = ()

    def __await__(self) -> Generator["Ask", Any, Any]:
        if _abandoned:
            # The coroutine has said what it wants; its clean-up is no step of a crash.
            raise GeneratorExit
        return (yield self)


class Answer(NamedTuple):
    """What a process gets: a value, or the name of a fault that is raised instead."""

    value: Any = None
    fault: str | None = None


class Done(NamedTuple):
    """A program has ended, with this result."""

    result: str


_FAULTS: dict[str, Callable[[], Exception]] = {
    "redis is unavailable": lambda: redis.exceptions.ConnectionError("away"),
    "answer lost": lambda: AnswerLost("Acme", "none came"),
    "run interrupted": lambda: RunInterrupted("Acme", "run"),
    "run failed": lambda: ServiceUnavailable("Acme", "the run failed"),
}


@dataclass(eq=False)
class Facts:
    """What a process sees without a request, at the moment it continues."""

    now_ms: int = 0
    certain: bool = True
    asked_at: float = 0.0
    clock_was_read: bool = False
    tenure_was_read: bool = False
    prefix: str = ""
    serial: int = 0
    late: list[Coroutine[Any, Any, None]] = field(default_factory=list)

    def monotonic(self) -> float:
        """Read the clock."""
        self.clock_was_read = True
        return self.now_ms / 1000

    def clock(self) -> datetime:
        """Read the clock as an instant."""
        return datetime.fromtimestamp(self.monotonic(), UTC)

    @property
    def is_certain(self) -> bool:
        """Stand in for `LeaseClock`: whether the lease is certainly still held."""
        self.tenure_was_read = True
        return self.certain

    async def finish(self) -> None:
        """Do what the process goes on with after its callers have their answer."""
        while self.late:
            await self.late.pop(0)

    @property
    def is_safe(self) -> bool:
        """Stand in for `LeaseClock`: nothing stops a process between this question and its POST."""
        return self.is_certain

    def hex(self) -> SimpleNamespace:
        """Stand in for `uuid.uuid4`."""
        self.serial += 1
        return SimpleNamespace(hex=f"{self.prefix}-{self.serial}")


#: One reply, and what of the facts was looked at while the process ran on.
_Seen = tuple[Answer, int | None, bool | None]
Program = Callable[[Facts], Coroutine[Any, Any, str]]


@dataclass
class _Running:
    """A coroutine that waits for a reply, and what is its own of the facts."""

    coroutine: Coroutine[Any, Any, str]
    context: Context
    prefix: str = ""
    serial: int = 0
    late: list[Coroutine[Any, Any, None]] = field(default_factory=list)

    def go_on(self, facts: Facts, answer: Answer) -> Ask | Done:
        """Hand in *answer*, and return what it waits for next."""
        facts.prefix, facts.serial, facts.late = self.prefix, self.serial, self.late
        try:
            if answer.fault is None:
                pending = self.context.run(self.coroutine.send, answer.value)
            else:
                pending = self.context.run(self.coroutine.throw, _FAULTS[answer.fault]())
        except StopIteration as end:
            return Done(end.value)
        finally:
            self.prefix, self.serial = facts.prefix, facts.serial
        assert isinstance(pending, Ask)
        return pending

    def close(self) -> None:
        """Throw it away."""
        _abandoned.append(True)
        self.context.run(self.coroutine.close)
        for work in self.late:
            work.close()
        _abandoned.clear()


@dataclass
class _Node:
    program: str
    started_ms: int
    history: tuple[_Seen, ...]
    pending: Ask | Done
    #: Until it is taken on, or there is nothing left to do.
    running: _Running | None = None


#: The local state of a program that has ended, whatever its result.
ENDED = 0


@dataclass
class Programs:
    """All programs and the local states that were met, by number."""

    make: Callable[[str], Program]
    facts: Facts = field(default_factory=Facts)
    _nodes: list[_Node] = field(default_factory=lambda: [_Node("", 0, (), Done(""))])
    _numbers: dict[Any, int] = field(default_factory=dict)
    _next: dict[Any, int] = field(default_factory=dict)

    def start(self, program: str, now_ms: int) -> int:
        """Return the local state of *program* before its first step."""
        return self._number(self._begun(program, now_ms))

    def pending(self, local: int) -> Ask | Done:
        """Return what the process in state *local* waits for."""
        return self._nodes[local].pending

    def resume(self, local: int, answer: Answer, now_ms: int, *, certain: bool) -> int:
        """Return the local state after *answer* has come at this time, with this lease."""
        key = (local, answer, now_ms, certain)
        if key not in self._next:
            node = self._nodes[local]
            before = self._replayed(node) if node.running is None else replace(node)
            node.running = None
            self._next[key] = self._number(self._after(before, answer, now_ms, certain=certain))
        return self._next[key]

    def close(self) -> None:
        """Throw away what still waits."""
        for node in self._nodes:
            if node.running is not None:
                node.running.close()
                node.running = None

    def _number(self, node: _Node) -> int:
        key = (node.program, node.started_ms, node.history)
        if key not in self._numbers:
            self._numbers[key] = len(self._nodes)
            self._nodes.append(node)
        elif node.running is not None:
            node.running.close()
        return self._numbers[key]

    def _begun(self, program: str, started_ms: int) -> _Node:
        self.facts.now_ms = started_ms
        running = _Running(self.make(program)(self.facts), copy_context())
        return _Node(program, started_ms, (), running.go_on(self.facts, Answer()), running)

    def _replayed(self, node: _Node) -> _Node:
        again = self._begun(node.program, node.started_ms)
        for answer, at_ms, certain in node.history:
            again = self._after(again, answer, at_ms or 0, certain=bool(certain))
        return again

    def _after(self, node: _Node, answer: Answer, at_ms: int, *, certain: bool) -> _Node:
        """Return what *node*, whose coroutine goes on with *answer*, becomes."""
        facts, running = self.facts, node.running
        assert running is not None
        facts.now_ms, facts.certain = at_ms, certain
        facts.clock_was_read = facts.tenure_was_read = False
        pending = running.go_on(facts, answer)
        clock = at_ms if facts.clock_was_read else None
        seen = (answer, clock, certain if facts.tenure_was_read else None)
        left = None if isinstance(pending, Done) else running
        return _Node(node.program, node.started_ms, (*node.history, seen), pending, left)


async def _sleep(seconds: float) -> None:
    await Ask("sleep", (round(seconds * 1000),))


class _Task:
    """A task of the background, which the program awaits at its end."""

    def add_done_callback(self, _: object) -> None:
        """Call nothing."""


class Keeping:
    """Stands in for `Renewal`: the explorer renews, and says what the holder can be sure of."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @asynccontextmanager
    async def keeping(self, *_: Any, **__: Any) -> AsyncIterator[Facts]:
        """Yield the lease clock."""
        yield self._facts


@contextmanager
def logical_time(facts: Facts) -> Iterator[None]:
    """Let the modules under test read the time, sleep and draw names as the model says."""

    def create_task(work: Coroutine[Any, Any, None], *, name: str) -> _Task:
        del name
        facts.late.append(work)
        return _Task()

    clock = SimpleNamespace(monotonic=facts.monotonic)
    sleeping = SimpleNamespace(sleep=_sleep, create_task=create_task)
    replacements: list[tuple[Any, str, Any]] = [
        (orchestrator.memo.flight, "time", clock),
        (orchestrator.memo.flight, "asyncio", sleeping),
        (orchestrator.memo.store, "monotonic", facts.monotonic),
        (orchestrator.purchasing.purchase, "asyncio", sleeping),
        (orchestrator.purchasing.purchase, "uuid", SimpleNamespace(uuid4=facts.hex)),
    ]
    with ExitStack() as stack, structlog.testing.capture_logs():
        for module, name, stand_in in replacements:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, stand_in)
        yield


def ms(duration: timedelta) -> int:
    """Return *duration* in milliseconds."""
    return duration // timedelta(milliseconds=1)
