"""One cached lead: the database, Redis and the processes at one moment, and what comes next."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final, NamedTuple

from orchestrator.database.schema import leads
from tests.model.cached_parts import ABSENT, LEAD, Database, Rows, Statement, program
from tests.model.programs import ENDED, Answer, Ask, Done, Programs
from tests.model.redis_model import Scripts, Server, Store, Value, freeze, text_of
from tests.support.cases import NOW

_NOTES: Final = leads.c.keys().index("notes")
#: Longer than half of the time for which a write closes its keys: two ticks open them.
TICK_MS: Final = 100_000
#: Steps of a program without other processes in between; more would be a livelock.
_MOST_STEPS: Final = 50
_AWAY: Final = Answer(fault="redis is unavailable")


class Troubles(NamedTuple):
    """How often each fault may still happen.

    crash: a process dies. silent: a request to Redis fails. lost: it fails after it was executed.
    flush: Redis loses all. old: a read of the database sees the state before. ticks: time passes.
    """

    crash: int = 0
    silent: int = 0
    lost: int = 0
    flush: int = 0
    old: int = 0
    ticks: int = 0


class Case(NamedTuple):
    """What is explored. `processes` are the letters of `cached_parts.program`.

    A capital reads without others in between. `excused` names promises that do not hold here;
    `docs/protocol.md` says why. `lua` has (script, old, new).
    """

    name: str
    processes: str
    bounds: Troubles = Troubles()
    excused: tuple[str, ...] = ()
    lua: tuple[tuple[str, str, str], ...] = ()


class Process(NamedTuple):
    """One process. `floor`: what was acknowledged and what was read when it began, by number."""

    name: str
    local: int
    floor: tuple[int, int] | None = None
    staged: Rows | None = None
    gone: bool = False
    saw_old: bool = False


class World(NamedTuple):
    """A state. `history` has every committed state of the lead, of which two are numbers below."""

    now_ms: int
    store: Store
    rows: Rows
    before: Rows
    history: tuple[str, ...]
    acknowledged: int
    seen: int
    processes: tuple[Process, ...]
    left: Troubles
    broken: str | None = None

    def spend(self, fault: str) -> "World":
        """Return this world with one *fault* less to come."""
        return self._replace(left=self.left._replace(**{fault: getattr(self.left, fault) - 1}))

    def with_process(self, index: int, process: Process) -> "World":
        """Return this world with another process."""
        changed = (*self.processes[:index], process, *self.processes[index + 1 :])
        return self._replace(processes=changed)


#: What happens, the world after it, and whether that is no fault.
Move = tuple[str, World, bool]


class _FenceServer(Server):
    """Redis with hashes, and with expiry of all that has one."""

    def _pexpire(self, key: str, ms: str) -> int:
        value = self.live(key)
        if value is None:
            return 0
        self.values[key] = value._replace(expires_at_ms=self.now_ms + int(ms))
        return 1

    def _exists(self, key: str) -> int:
        return int(self.live(key) is not None)

    def _pairs(self, key: str) -> dict[str, Any]:
        value = self.live(key)
        return {} if value is None else dict(value.data)  # type: ignore[arg-type] # pairs

    def _keep(self, key: str, pairs: dict[str, Any]) -> None:
        value = self.live(key)
        self.values.pop(key, None)
        if pairs:
            expires = None if value is None else value.expires_at_ms
            self.values[key] = Value(tuple(sorted(pairs.items())), expires)

    def _hset(self, key: str, field: str, data: str) -> int:
        self._keep(key, {**self._pairs(key), field: data.encode()})
        return 1

    def _hget(self, key: str, field: str) -> bytes | bool:
        found: bytes | bool = self._pairs(key).get(field, False)
        return found

    def _hmget(self, key: str, *fields: str) -> list[bytes | bool]:
        return [self._hget(key, field) for field in fields]

    def _zadd(self, key: str, score: str, member: str) -> int:
        self._keep(key, {**self._pairs(key), member: float(score)})
        return 1

    def _zrem(self, key: str, member: str) -> int:
        self._keep(key, {name: at for name, at in self._pairs(key).items() if name != member})
        return 1

    def _zremrangebyscore(self, key: str, _: str, most: str) -> int:
        kept = {name: at for name, at in self._pairs(key).items() if at > float(most)}
        self._keep(key, kept)
        return 1


class Machine:
    """The transitions of one case."""

    def __init__(self, case: Case, database: Database) -> None:
        self.programs = Programs(program)
        self._database = database
        self._case = case
        self._lua = Scripts(_FenceServer)
        folder = files("orchestrator.fence").joinpath("lua")
        self._texts = {}
        for name in ("read", "fill", "close", "open", "put"):
            text = folder.joinpath(f"{name}.lua").read_text("utf-8")
            for script, old, new in case.lua:
                if script == name:
                    assert text.count(old) == 1, old
                    text = text.replace(old, new)
            self._texts[name] = text

    def first(self) -> World:
        """Return the world in which nothing has happened yet: version 1, and nothing cached."""
        row = {**LEAD.model_dump(), "imported_at": NOW, "version": 1, "estado": "nuevo"}
        insert = Statement(leads.insert().values(row), None)
        rows, _ = self._database.run(((), (), ()), insert)
        names = [f"{kind}{number}" for number, kind in enumerate(self._case.processes)]
        processes = tuple(Process(name, self.programs.start(name, 0)) for name in names)
        history = (str(LEAD.notes),)
        return World(0, (), rows, rows, history, 0, 0, processes, self._case.bounds)

    def alone(self, world: World, name: str) -> tuple[World, str]:
        """Run the program *name* to its end without others; return its result, too."""
        index = len(world.processes)
        added = Process(name, self.programs.start(name, world.now_ms))
        world = world._replace(processes=(*world.processes, added))
        world = self._to_end(world, index)
        ended = self.programs.pending(world.processes[index].local)
        assert isinstance(ended, Done)
        return world._replace(processes=world.processes[:index]), ended.result

    def of(self, world: World) -> Iterator[Move]:
        """Yield every next state."""
        for index, process in enumerate(world.processes):
            if not _waits_for_its_like(world, index):
                yield from self._steps_of(world, index, process)
        left = world.left
        # A transaction ends within a minute: its server, or the writer itself, sees to that.
        if left.ticks and all(process.staged is None for process in world.processes):
            now_ms = world.now_ms + TICK_MS
            store = freeze(dict(world.store), now_ms)
            yield "time passes", world.spend("ticks")._replace(now_ms=now_ms, store=store), False
        if left.flush:
            yield "Redis is flushed", world.spend("flush")._replace(store=()), False

    def _steps_of(self, world: World, index: int, process: Process) -> Iterator[Move]:
        pending = self.programs.pending(process.local)
        if process.gone or isinstance(pending, Done) or not self._is_ready(world, index, pending):
            return
        name, left = process.name, world.left
        begun = self._begun(world, index)
        if name[0].isupper() and name[0] != "R":
            after = self._to_end(begun, index)
            yield f"{name} reads at once{_result(self, after, index)}", after, True
            return
        after = self._step(begun, index, pending)
        label = f"{name}: {_label(pending)}"
        yield f"{label}{_result(self, after, index)}", after, True
        if left.crash and process.floor is not None:
            dead = process._replace(gone=True, local=ENDED, staged=None)
            yield f"{name} dies before it", world.spend("crash").with_process(index, dead), False
        if pending.kind in ("script", "redis"):
            if left.silent:
                away = self._deliver(begun.spend("silent"), index, _AWAY)
                yield f"{label}: Redis does not answer", away, False
            if left.lost:
                executed, _ = self._ask_redis(begun.spend("lost"), pending)
                lost = self._deliver(executed, index, _AWAY)
                yield f"{label}: done, the reply is lost", lost, False
        if left.old and pending.kind == "sql" and process.staged is None:
            _, reply = self._database.run(world.before, pending.detail[0])
            spent = begun.spend("old")
            spent = spent.with_process(index, spent.processes[index]._replace(saw_old=True))
            yield f"{label}, an old snapshot", self._deliver(spent, index, Answer(reply)), False

    def _is_ready(self, world: World, index: int, pending: Ask) -> bool:
        others = (p for number, p in enumerate(world.processes) if number != index)
        # One writer at a time: SQLite's lock, or the row's.
        return pending.kind != "begin" or all(other.staged is None for other in others)

    def _begun(self, world: World, index: int) -> World:
        process = world.processes[index]
        if process.floor is not None:
            return world
        floor = (world.acknowledged, world.seen)
        return world.with_process(index, process._replace(floor=floor))

    def _to_end(self, world: World, index: int) -> World:
        world = self._begun(world, index)
        for _ in range(_MOST_STEPS):
            pending = self.programs.pending(world.processes[index].local)
            if isinstance(pending, Done):
                return world
            world = self._step(world, index, pending)
        raise AssertionError(f"never done: {world.processes[index]}")

    def _step(self, world: World, index: int, pending: Ask) -> World:
        """Execute what the process asks for; what others cannot see of a transaction, at once."""
        process = world.processes[index]
        if pending.kind == "begin":
            world = world.with_process(index, process._replace(staged=world.rows))
            return self._changed(self._deliver(world, index, Answer()), index)
        if pending.kind == "roll back":
            world = world.with_process(index, process._replace(staged=None))
            return self._deliver(world, index, Answer())
        if pending.kind == "commit":
            assert process.staged is not None
            world = world._replace(rows=process.staged, before=world.rows)
            world = world.with_process(index, process._replace(staged=None))
            content = _content(world.rows)
            if content != world.history[-1]:
                world = world._replace(history=(*world.history, content))
            return self._deliver(world, index, Answer())
        if pending.kind == "sql":
            _, reply = self._database.run(world.rows, pending.detail[0])
            return self._deliver(world, index, Answer(reply))
        executed, reply = self._ask_redis(world, pending)
        return self._deliver(executed, index, Answer(reply))

    def _changed(self, world: World, index: int) -> World:
        """Run the statements of a transaction that has begun."""
        for _ in range(_MOST_STEPS):
            process = world.processes[index]
            pending = self.programs.pending(process.local)
            if isinstance(pending, Done) or pending.kind != "sql":
                return world
            assert process.staged is not None
            staged, reply = self._database.run(process.staged, pending.detail[0])
            world = world.with_process(index, process._replace(staged=staged))
            world = self._deliver(world, index, Answer(reply))
        raise AssertionError("never committed")

    def _ask_redis(self, world: World, pending: Ask) -> tuple[World, Any]:
        if pending.kind == "redis":
            command, *keys = pending.detail
            if command == "GET":
                return world, text_of(world.store, keys[0])
            kept = {key: value for key, value in world.store if key not in keys}
            return world._replace(store=freeze(kept, world.now_ms)), len(keys)
        script, calls = pending.detail
        store, replies = world.store, []
        for keys, args in calls:
            text = self._texts[script]
            store, reply = self._lua.run(store, world.now_ms, text, keys, args)
            replies.append(reply)
        return world._replace(store=store), tuple(replies)

    def _deliver(self, world: World, index: int, answer: Answer) -> World:
        process = world.processes[index]
        local = self.programs.resume(process.local, answer, world.now_ms, certain=True)
        world = world.with_process(index, process._replace(local=local))
        ended = self.programs.pending(local)
        return _judged(world, index, ended.result) if isinstance(ended, Done) else world


def _waits_for_its_like(world: World, index: int) -> bool:
    """Say whether a process before it, of the same letter, has not begun, either.

    Of two that are alike the first one begins first: what happens otherwise is the same but for
    the names.
    """
    if not index:
        return False
    one, other = world.processes[index - 1 : index + 1]
    return one.name[0] == other.name[0] and one.floor is None and other.floor is None


def _judged(world: World, index: int, result: str) -> World:
    """Check what a process has returned, and remember it."""
    process = world.processes[index]
    kind = process.name[0]
    if kind in "rPgG" and result != "nothing" and not process.saw_old:
        assert process.floor is not None
        acknowledged, seen = process.floor
        number = max(at for at, content in enumerate(world.history) if content == result)
        if number < acknowledged:
            return world._replace(broken="never_stale")
        if number < seen:
            world = world._replace(broken="never_backwards")
        return world._replace(seen=max(world.seen, number))
    if result == "acknowledged":
        content = ABSENT if kind == "d" else process.name
        number = max(at for at, each in enumerate(world.history) if each == content)
        return world._replace(acknowledged=max(world.acknowledged, number))
    return world


def _content(rows: Rows) -> str:
    stored = rows[0]
    return ABSENT if not stored else str(stored[0][_NOTES])


def _label(pending: Ask) -> str:
    if pending.kind == "script":
        return str(pending.detail[0])
    return "selects" if pending.kind == "sql" else pending.kind


def _result(machine: Machine, world: World, index: int) -> str:
    ended = machine.programs.pending(world.processes[index].local)
    return f" -> {ended.result}" if isinstance(ended, Done) else ""
