"""Visits every state that a scenario can reach, breadth first, and says how it got there."""

import time
from collections import deque
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

from tests.model.invariants import ALWAYS, QUIET, Promise
from tests.model.parts import KEYS, program
from tests.model.programs import Answer, Ask, Done, Programs, logical_time
from tests.model.redis_model import text_of
from tests.model.scenario import Scenario
from tests.model.world import (
    TICK_MS,
    Faults,
    Machine,
    Process,
    World,
    is_ready,
    name_of,
    noted,
)

#: Steps between two sleeps of the last act; more would be a livelock.
_MOST_STEPS = 400
_NO_FAULTS = Faults(ticks=0)
_SUCCESSFUL = ("fresh", "bought", "adopted", "looked", "crashed")


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
        self._always = tuple(promise for promise in promises if promise in ALWAYS)
        self._quiet = tuple(promise for promise in promises if promise in QUIET)
        self._programs = Programs(lambda name: program(scenario.rules, name))
        lua = {script: (old, new) for script, old, new in scenario.rules.lua}
        renew = files("orchestrator").joinpath("lua", "renew.lua").read_text("utf-8")
        invalidate = files("orchestrator.memo").joinpath("lua", "invalidate.lua").read_text("utf-8")
        self._invalidate = invalidate.replace(*lua.get("invalidate", ("", "")))
        renew = renew.replace(*lua.get("renew", ("", "")))
        self._machine = Machine(renew, knows_settled=scenario.knows_settled)
        #: States of last acts that were seen already, and ended well.
        self._calm: set[World] = set()
        self._sweeps = any(name.startswith("S") for name in scenario.processes)

    def explore(self, *, most_states: int | None = None) -> Report:
        """Visit every state; stop at the first broken promise, which is one of the shortest."""
        started = time.monotonic()
        with logical_time(self._programs.facts):
            first = self._first()
            parents: dict[World, tuple[World | None, str]] = {first: (None, "")}
            queue = deque([first])
            ends = 0
            broken: Counterexample | None = None
            while queue and broken is None:
                world = queue.popleft()
                is_end = True
                for label, after, is_progress in self._steps(world):
                    is_end = is_end and not is_progress
                    if after in parents:
                        continue
                    parents[after] = (world, label)
                    promise = self._broken(after, self._always)
                    if promise is not None:
                        broken = Counterexample(promise, _trace(parents, after))
                        break
                    queue.append(after)
                if is_end and broken is None:
                    ends += 1
                    broken = self._check_quiet(parents, world)
                if most_states is not None and len(parents) > most_states:
                    break
        return Report(len(parents), ends, time.monotonic() - started, broken)

    def _first(self) -> World:
        processes = tuple(
            Process(name, 1, self._programs.start(f"{name}1", 0), 0)
            for name in self._scenario.processes
        )
        return World(0, (), processes, self._scenario.bounds)

    def _broken(self, world: World, promises: tuple[Promise, ...]) -> str | None:
        for promise in promises:
            if not promise(world, self._scenario):
                return promise.__name__
        return None

    def _steps(self, world: World) -> Iterator[tuple[str, World, bool]]:
        """Yield every next state, how it comes about, and whether that is no fault."""
        for index, process in enumerate(world.processes):
            yield from self._steps_of(world, index, process)
        if world.left.ticks and not self._machine.is_late(world, self._waits_for_run):
            yield "time passes", self._machine.tick(world.spend("ticks")), False
        if world.left.invalidate:
            after = self._machine.invalidate(world.spend("invalidate"), self._invalidate)
            yield "invalidate", after, False

    def _steps_of(
        self, world: World, index: int, process: Process
    ) -> Iterator[tuple[str, World, bool]]:
        if process.gone:
            return
        who, left = process.program, world.left
        pending = self._programs.pending(process.local)
        if process.paused:
            yield f"{who} resumes", self._resumed(world, index), True
            return
        if isinstance(pending, Done):
            if left.retries and not pending.result.startswith(_SUCCESSFUL):
                if text_of(world.store, KEYS.failure) is None:
                    yield f"{who} is retried", self._retried(world.spend("retries"), index), True
            return
        if not is_ready(world, process, pending):
            return
        what = name_of(pending)
        executed, reply = self._machine.execute(world, index, pending)
        label = f"{who}: {what} -> {_short(reply)}"
        if what == "collect" and any(r.id == reply and r.failed for r in world.runs):
            fault = Answer(fault="run failed")
            yield f"{label} failed", self._deliver(world, index, fault), True
            return
        yield label, self._deliver(executed, index, Answer(reply)), True
        is_first = what in ("begin", "zrange") and process.until_ms == 0
        if left.crash and not is_first:
            dead = process._replace(gone=True, local=-1, until_ms=0, asked_ms=0)
            yield (
                f"{who} crashes before {what}",
                world.spend("crash").with_process(index, dead),
                False,
            )
        if what in ("sleep", "follow"):
            return
        if left.pause:
            spent = world.spend("pause")
            if what != "post" and not is_first:
                still = process._replace(paused=True)
                yield f"{who} stands still before {what}", spent.with_process(index, still), False
            still = executed.processes[index]._replace(paused=True, held=Answer(reply))
            after = executed.spend("pause").with_process(index, still)
            yield f"{label}, but it stands still", after, False
        if left.again and pending.kind == "script":
            yield f"{label}, reply lost, sent again", executed.spend("again"), False
        if left.away and pending.kind in ("script", "zadd", "zrem"):
            fault = Answer(fault="redis is away")
            yield (
                f"{who}: {what} not executed, error",
                self._deliver(world.spend("away"), index, fault),
                False,
            )
            yield (
                f"{label}, executed, but error",
                self._deliver(executed.spend("away"), index, fault),
                False,
            )
        if what == "post":
            yield from self._post_faults(world, executed, index, label)
        if what == "collect" and left.failed:
            runs = tuple(r._replace(failed=True) if r.id == reply else r for r in world.runs)
            after = world._replace(runs=runs).spend("failed")
            fault = Answer(fault="run failed")
            if not any(r.failed for r in world.runs):
                yield f"{who}: {reply} has failed", self._deliver(after, index, fault), False

    def _post_faults(
        self, world: World, executed: World, index: int, label: str
    ) -> Iterator[tuple[str, World, bool]]:
        lost = Answer(fault="answer lost")
        hidden_run = executed.runs[-1]._replace(visible_ms=world.now_ms + TICK_MS)
        hidden = executed._replace(runs=(*executed.runs[:-1], hidden_run))
        if world.left.lost:
            yield "POST is lost", self._deliver(world.spend("lost"), index, lost), False
            yield f"{label}, reply lost", self._deliver(executed.spend("lost"), index, lost), False
        if not self._scenario.rules.gives_run_ids:
            return
        if world.left.lost:
            after = self._deliver(hidden.spend("lost"), index, lost)
            yield f"{label}, reply lost, not listed yet", after, False
        if world.left.crash:
            dead = executed.processes[index]._replace(gone=True, local=-1, until_ms=0, asked_ms=0)
            after = hidden.spend("crash").with_process(index, dead)
            yield f"{label}, not listed yet; crashes", after, False

    def _deliver(self, world: World, index: int, answer: Answer) -> World:
        """Return the world after a process has got *answer*, up to what it asks for next."""
        process = world.processes[index]
        before = self._programs.pending(process.local)
        assert isinstance(before, Ask)
        until_ms = process.until_ms
        if name_of(before) == "begin" and answer.value and answer.value[0] == b"leader":
            until_ms = process.asked_ms + TICK_MS
            until_ms = until_ms if until_ms > world.now_ms else 0
        local = self._programs.resume(
            process.local, answer, world.now_ms, certain=until_ms > world.now_ms
        )
        pending = self._programs.pending(local)
        done = isinstance(pending, Done)
        asked_ms = (
            world.now_ms
            if isinstance(pending, Ask) and name_of(pending) in ("begin", "sleep")
            else 0
        )
        process = process._replace(
            local=local,
            asked_ms=asked_ms,
            until_ms=0 if done else until_ms,
            held=None,
            paused=False,
        )
        world = world.with_process(index, process)
        if isinstance(pending, Ask) and pending.kind in ("zadd", "zrem") and not self._sweeps:
            # Nobody looks at the list: not a step of its own.
            executed, reply = self._machine.execute(world, index, pending)
            return self._deliver(executed, index, Answer(reply))
        return world

    def _resumed(self, world: World, index: int) -> World:
        process = world.processes[index]
        if process.held is not None:
            return self._deliver(world, index, process.held)
        return world.with_process(index, process._replace(paused=False))

    def _retried(self, world: World, index: int) -> World:
        process = world.processes[index]
        life = process.life + 1
        local = self._programs.start(f"{process.name}{life}", world.now_ms)
        return world.with_process(index, Process(process.name, life, local, world.now_ms))

    def _waits_for_run(self, process: Process) -> str | None:
        """Return the run whose answer *process* is waiting for, if it is."""
        if process.gone or process.paused:
            return None
        pending = self._programs.pending(process.local)
        is_collect = isinstance(pending, Ask) and pending.kind == "collect"
        return str(pending.detail[0]) if is_collect and isinstance(pending, Ask) else None

    def _check_quiet(
        self, parents: dict[World, tuple[World | None, str]], world: World
    ) -> Counterexample | None:
        """Let everything come to rest, with a sweeper going round, and look again."""
        steps: list[str] = []
        end = world._replace(left=_NO_FAULTS)
        for label, after in self._last_act(end):
            end = after
            if end in self._calm:
                return None
            self._calm.add(end)
            steps.append(label)
            broken = self._broken(end, self._always)
            if broken is not None:
                return Counterexample(broken, [*_trace(parents, world), *steps])
        broken = self._broken(end, self._quiet)
        if broken is None:
            return None
        return Counterexample(broken, [*_trace(parents, world), *steps])

    def _last_act(self, world: World) -> Iterator[tuple[str, World]]:
        calm = world
        sweeps = 0
        for _ in range(_MOST_STEPS):
            step = next(
                ((label, after) for label, after, is_progress in self._steps(calm) if is_progress),
                None,
            )
            if step is None and self._may_wait(calm):
                step = ("time passes", self._machine.tick(calm))
            if step is None and noted(calm) and sweeps < 6:
                sweeps += 1
                local = self._programs.start(f"S9{sweeps}", calm.now_ms)
                sweeper = Process("S9", sweeps, local, calm.now_ms)
                calm = self._machine.tick(self._machine.tick(calm))
                step = ("a sweeper comes", calm._replace(processes=(*calm.processes, sweeper)))
            if step is None:
                return
            calm = step[1]
            yield step
        raise AssertionError(f"never quiet: {calm}")

    def _may_wait(self, world: World) -> bool:
        return (
            any(
                not p.gone and isinstance(self._programs.pending(p.local), Ask)
                for p in world.processes
            )
            or text_of(world.store, KEYS.lease) is not None
        )


def _trace(parents: dict[World, tuple[World | None, str]], world: World | None) -> list[str]:
    steps: list[str] = []
    while world is not None:
        parent, label = parents[world]
        if label:
            steps.append(label)
        world = parent
    return steps[::-1]


def _short(reply: object) -> str:
    if isinstance(reply, tuple):
        return " ".join(_short(part) for part in reply)
    if isinstance(reply, bytes):
        return reply.decode()[:90]
    return str(reply)
