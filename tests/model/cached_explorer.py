"""Visits every state that a case can reach, breadth first, and looks at each end."""

import time
from collections import deque
from contextlib import closing

from tests.model.cached_parts import Database, modelled
from tests.model.cached_world import TICK_MS, Case, Machine, World
from tests.model.explorer import Counterexample, Report, trace, without_collector
from tests.model.redis_model import freeze

#: What may be broken in any state, and what is looked at when all is quiet.
PROMISES = (
    *("never_stale", "never_backwards"),
    *("repaired", "everything_expires"),
)


def explore(case: Case) -> Report:
    """Visit every state; stop at the first broken promise, which is one of the shortest."""
    started = time.monotonic()
    database = Database()
    machine = Machine(case, database)
    try:
        programs = machine.programs
        with without_collector(), modelled(programs.facts), closing(programs):
            states, ends, broken = _explore(machine, case)
    finally:
        database.close()
    return Report(states, ends, time.monotonic() - started, broken)


def _explore(machine: Machine, case: Case) -> tuple[int, int, Counterexample | None]:
    first = machine.first()
    parents: dict[World, tuple[World | None, str]] = {first: (None, "")}
    queue, ends, calm = deque([first]), 0, set()
    while queue:
        world = queue.popleft()
        is_end = True
        for label, reached, is_progress in machine.of(world):
            is_end = is_end and not is_progress
            is_excused = reached.broken in case.excused
            after = reached._replace(broken=None) if is_excused else reached
            if after in parents:
                continue
            parents[after] = (world, label)
            if after.broken is not None:
                return len(parents), ends, Counterexample(after.broken, trace(parents, after))
            queue.append(after)
        # What comes then depends on the databases alone.
        end = (world.now_ms, world.store, world.rows, world.history)
        if is_end and end not in calm:
            ends += 1
            calm.add(end)
            broken = _at_rest(machine, world)
            if broken is not None and broken not in case.excused:
                return len(parents), ends, Counterexample(broken, trace(parents, world))
    return len(parents), ends, None


def _at_rest(machine: Machine, world: World) -> str | None:
    """Let the repair do its work, and look at what readers get then."""
    if any(value.expires_at_ms is None for _, value in world.store):
        return "everything_expires"
    now_ms = world.now_ms + TICK_MS
    world = world._replace(now_ms=now_ms, store=freeze(dict(world.store), now_ms))
    world, _ = machine.alone(world, "R-last")
    latest = world.history[-1]
    _, kept = machine.alone(world, "g-last")
    after, read = machine.alone(world, "r-last")
    # What a service keeps without a version is as old as it says.
    is_kept = kept in {latest, "nothing"} or any(p.name[0] == "u" for p in world.processes)
    is_settled = read == latest and is_kept and not after.rows[-1]
    return None if is_settled else "repaired"
