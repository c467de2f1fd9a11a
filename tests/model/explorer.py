"""Visits every state that a scenario can reach, and says how it got there."""

import gc
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from tests.model.invariants import ALWAYS, QUIET, Promise
from tests.model.parts import KEYS
from tests.model.programs import Ask, logical_time
from tests.model.redis_model import text_of
from tests.model.scenario import Scenario
from tests.model.steps import Steps
from tests.model.world import Process, World, noted

#: Steps between two sleeps of the last act; more would be a livelock.
_MOST_STEPS = 400


class Counterexample(NamedTuple):
    """A broken promise, and the steps that led there."""

    invariant: str
    steps: list[str]

    def __str__(self) -> str:
        listed = [f"{number:3}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join([f"{self.invariant} is broken by:", *listed])


class Report(NamedTuple):
    """What an exploration has found."""

    states: int
    ends: int
    seconds: float
    counterexample: Counterexample | None


class Explorer:
    """Explores one scenario."""

    def __init__(
        self, scenario: Scenario, promises: tuple[Promise, ...] = (*ALWAYS, *QUIET)
    ) -> None:
        self._scenario = scenario
        kept = [promise for promise in promises if promise.__name__ not in scenario.excused]
        self._always = tuple(promise for promise in kept if promise in ALWAYS)
        self._quiet = tuple(promise for promise in kept if promise in QUIET)
        self._steps = Steps(scenario)
        #: States of last acts that were seen already, and ended well.
        self._calm: set[World] = set()

    def explore(self, *, deepest_first: bool = False) -> Report:
        """Visit every state; stop at the first broken promise, which is one of the shortest.

        Where one is sure to be broken, it is met after fewer states if the deepest are visited
        first; then the way to it is a longer one.
        """
        started = time.monotonic()
        programs = self._steps.programs
        with without_collector(), logical_time(programs.facts), closing(programs):
            first = self._steps.first()
            parents: dict[World, tuple[World | None, str]] = {first: (None, "")}
            queue = deque([first])
            ends = 0
            broken: Counterexample | None = None
            while queue and broken is None:
                world = queue.pop() if deepest_first else queue.popleft()
                is_end = True
                for label, after, is_progress in self._steps.of(world):
                    is_end = is_end and not is_progress
                    if after in parents:
                        continue
                    parents[after] = (world, label)
                    promise = self._broken(after, self._always)
                    if promise is not None:
                        broken = Counterexample(promise, trace(parents, after))
                        break
                    queue.append(after)
                if is_end and broken is None:
                    ends += 1
                    broken = self._check_quiet(parents, world)
        return Report(len(parents), ends, time.monotonic() - started, broken)

    def _broken(self, world: World, promises: tuple[Promise, ...]) -> str | None:
        for promise in promises:
            if not promise(world, self._scenario):
                return promise.__name__
        return None

    def _check_quiet(
        self, parents: dict[World, tuple[World | None, str]], world: World
    ) -> Counterexample | None:
        """Let everything come to rest, with a sweeper going round, and look again."""
        steps: list[str] = []
        end = self._steps.at_rest(world)
        for label, after in self._last_act(end):
            end = after
            if end in self._calm:
                return None
            self._calm.add(end)
            steps.append(label)
            broken = self._broken(end, self._always)
            if broken is not None:
                return Counterexample(broken, [*trace(parents, world), *steps])
        broken = self._broken(end, self._quiet)
        if broken is None:
            return None
        return Counterexample(broken, [*trace(parents, world), *steps])

    def _last_act(self, world: World) -> Iterator[tuple[str, World]]:
        calm = world
        sweeps = 0
        for _ in range(_MOST_STEPS):
            step = next(
                (
                    (label, after)
                    for label, after, is_progress in self._steps.of(calm)
                    if is_progress
                ),
                None,
            )
            if step is None and self._may_wait(calm):
                step = ("time passes", self._steps.machine.tick(calm))
            if step is None and noted(calm) and sweeps < 6:
                sweeps += 1
                local = self._steps.programs.start(f"S9{sweeps}", calm.now_ms)
                sweeper = Process("S9", sweeps, local, calm.now_ms)
                calm = self._steps.machine.tick(self._steps.machine.tick(calm))
                step = ("a sweeper comes", calm._replace(processes=(*calm.processes, sweeper)))
            if step is None:
                return
            calm = step[1]
            yield step
        raise AssertionError(f"never quiet: {calm}")

    def _may_wait(self, world: World) -> bool:
        return (
            any(
                not p.gone and isinstance(self._steps.programs.pending(p.local), Ask)
                for p in world.processes
            )
            or text_of(world.store, KEYS.lease) is not None
        )


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector from walking all states again and again: a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def trace(parents: Mapping[Any, tuple[Any, str]], world: Any) -> list[str]:
    """Return what happened before *world*."""
    steps: list[str] = []
    while world is not None:
        parent, label = parents[world]
        if label:
            steps.append(label)
        world = parent
    return steps[::-1]
