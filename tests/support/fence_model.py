"""All interleavings of a few readers and writers of one key, with the real scripts of the fence.

A program is a list of steps. Each step is atomic as in production: one script, or one transaction.
The database is a number here: the version of the row. `explore` runs every order in which the
steps can happen, and returns the first history that breaks a promise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import redis as blocking

from tests.support.project import ROOT

LUA: Final = ROOT / "orchestrator" / "fence" / "lua"
KEY: Final = "lead:1"
KEYS: Final = (KEY, f"gateway1:fence:{KEY}", f"gateway1:closed:{KEY}")
#: No step waits that long, so nothing lapses by itself; `lapse` is a step.
_LONG_MS: Final = 3_600_000

Mutation = Callable[[str, str], str]


@dataclass
class World:
    """One run: the database, what was read and acknowledged so far, and the server."""

    scripts: "Scripts"
    version: int = 1
    acknowledged: int = 1
    seen: int = 1
    flushed: bool = False
    broken: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def returned(self, version: int, acknowledged: int, seen: int) -> None:
        """Check a read that began when *acknowledged* and *seen* were the latest."""
        if version < acknowledged:
            self.broken.append(f"stale: read {version} after {acknowledged} was acknowledged")
        if version < seen and not self.flushed:
            self.broken.append(f"backwards: read {version} after {seen} was read")
        self.seen = max(self.seen, version)

    def generation(self) -> str:
        """Return one that was never used before."""
        return f"g{next(self.numbers)}"


class Scripts:
    """The scripts on a server, as they are or changed."""

    def __init__(self, redis: "blocking.Redis", mutation: Mutation | None = None) -> None:
        self.redis = redis
        self._scripts = {}
        for name in ("read", "fill", "close", "open"):
            source = (LUA / f"{name}.lua").read_text("utf-8")
            changed = source if mutation is None else mutation(name, source)
            self._scripts[name] = redis.register_script(changed)

    def call(self, name: str, *args: str | int) -> Any:  # noqa: ANN401 - as Redis answers
        """Run a script on the keys; `fill` needs no closed mark, and ignores it."""
        return self._scripts[name](keys=KEYS, args=args)


Step = Callable[[World], None]
Program = Sequence[Step]


def reader(name: str) -> Program:
    """Read through the cache: three steps, of which a hit needs one."""
    state: dict[str, Any] = {}

    def ask(world: World) -> None:
        state.clear()
        state["floor"] = (world.acknowledged, world.seen)
        answer = world.scripts.call("read", world.generation(), _LONG_MS)
        world.log.append(f"{name} asks: {answer}")
        if answer[0] == b"entry" and answer[4].startswith(b'{"version":%b,' % answer[2]):
            world.returned(int(answer[2]), *state["floor"])
            return
        state["generation"] = None if answer[0] == b"closed" else answer[1]

    def select(world: World) -> None:
        if "generation" in state:
            state["version"] = world.version
            world.log.append(f"{name} selects {world.version}")

    def fill(world: World) -> None:
        if "generation" not in state:
            return
        version, generation = state["version"], state["generation"]
        if generation is not None:
            value = f'{{"version":{version},"x":1}}'
            stored = world.scripts.call("fill", generation, version, value, _LONG_MS, _LONG_MS)
            world.log.append(f"{name} fills {version}: {stored}")
        world.returned(version, *state["floor"])

    return [ask, select, fill]


def peek(world: World) -> None:
    """Read through the cache in one step, and fill nothing."""
    floor = (world.acknowledged, world.seen)
    answer = world.scripts.call("read", world.generation(), _LONG_MS)
    is_hit = answer[0] == b"entry" and answer[4].startswith(b'{"version":%b,' % answer[2])
    version = int(answer[2]) if is_hit else world.version
    world.log.append(f"peek: {version} ({'hit' if is_hit else 'database'})")
    world.returned(version, *floor)


def writer(name: str, *, dies: bool = False) -> Program:
    """Raise the version by one; one that dies does so between its commit and its last step."""
    state: dict[str, int] = {}

    def close(world: World) -> None:
        world.log.append(f"{name} closes")
        world.scripts.call("close", world.generation(), name, _LONG_MS, _LONG_MS)

    def commit(world: World) -> None:
        world.version += 1
        state["version"] = world.version
        world.log.append(f"{name} commits {world.version}")

    def end(world: World) -> None:
        world.log.append(f"{name} opens")
        version = state["version"]
        world.scripts.call("open", world.generation(), name, version, _LONG_MS)
        world.acknowledged = max(world.acknowledged, version)

    return [close, commit] if dies else [close, commit, end]


def lapse(world: World) -> None:
    """Let the mark of a writer that died lapse."""
    world.log.append("the mark lapses")
    world.scripts.redis.delete(KEYS[2])


def flush(world: World) -> None:
    """Lose all that the server has."""
    world.log.append("the server is flushed")
    world.scripts.redis.flushdb()
    world.flushed = True


def explore(scripts: Scripts, *programs: Program) -> tuple[int, list[str]]:
    """Run all orders of the steps of *programs*, each with a read at its end.

    Returns:
        How many there were, and the first bad history.
    """
    runs = 0
    for order in _orders([len(program) for program in programs]):
        scripts.redis.delete(*KEYS)
        world, at = World(scripts), [0] * len(programs)
        for number in order:
            programs[number][at[number]](world)
            at[number] += 1
        peek(world)
        runs += 1
        if world.broken:
            return runs, [*world.log, *world.broken]
    return runs, []


def _orders(left: list[int]) -> Iterator[tuple[int, ...]]:
    if not any(left):
        yield ()
        return
    for number, steps in enumerate(left):
        if steps:
            rest = [*left[:number], steps - 1, *left[number + 1 :]]
            for order in _orders(rest):
                yield (number, *order)
