"""Says what can happen next in a world: every step of every process, and every fault."""

from collections.abc import Iterator
from importlib.resources import files

from tests.model.parts import GRACE, KEYS, is_alike, program
from tests.model.programs import ENDED, Answer, Ask, Done, Programs, ms
from tests.model.redis_model import text_of
from tests.model.scenario import Scenario
from tests.model.seller import end_of, ends_of, succeeded_late
from tests.model.world import RENEWING, TICK_MS, Faults, Machine, Process, World, is_ready, name_of

#: What `record` answers if it has renewed the lease as well.
_RENEWED = 2
_NO_FAULTS = Faults(ticks=0)
_SUCCESSFUL = ("fresh", "bought", "adopted", "looked")

#: What happens, the world after it, and whether that is no fault.
Move = tuple[str, World, bool]


class Steps:
    """The transitions of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.programs = Programs(lambda name: program(scenario.rules, name))
        lua = {script: (old, new) for script, old, new in scenario.rules.lua}
        renew = files("orchestrator.infra").joinpath("lua", "renew.lua").read_text("utf-8")
        invalidate = files("orchestrator.memo").joinpath("lua", "invalidate.lua").read_text("utf-8")
        self._invalidate = invalidate.replace(*lua.get("invalidate", ("", "")))
        renew = renew.replace(*lua.get("renew", ("", "")))
        self.machine = Machine(renew, scenario.rules, knows_settled=scenario.knows_settled)
        processes = tuple(
            Process(name, 1, self.programs.start(f"{name}1", 0), 0) for name in scenario.processes
        )
        self._first = World(0, (), processes, scenario.bounds)

    def first(self) -> World:
        """Return the world in which nothing has happened yet."""
        return self._first

    def at_rest(self, world: World) -> World:
        """Return *world* where nothing fails any more, and no lookup is retried."""
        processes = tuple(
            p._replace(local=ENDED) if isinstance(self.programs.pending(p.local), Done) else p
            for p in world.processes
        )
        return world._replace(left=_NO_FAULTS, processes=processes)

    def of(self, world: World) -> Iterator[Move]:
        """Yield every next state, how it comes about, and whether that is no fault."""
        for label, after, is_progress in self._moves(world):
            yield label, after.seen_from(world), is_progress
        if world.left.failover:
            for after in self.machine.fail_over(world):
                yield f"fails over to a replica with {_held(after)}", after, False

    def _moves(self, world: World) -> Iterator[Move]:
        for index, process in enumerate(world.processes):
            if not self._waits_for_its_like(world, index):
                yield from self._steps_of(world, index, process)
        is_late = self.machine.is_late(world, self._waits_for_run)
        may_pass = not is_late and not self._is_sending(world)
        if world.left.ticks and may_pass:
            yield "time passes", self.machine.tick(world.spend("ticks")), False
        if world.left.silent and may_pass:
            after = self.machine.tick(world.spend("silent"), silent=True)
            yield "time passes, and Redis is silent", after, False
        late = succeeded_late(world) if world.left.late else None
        if late is not None:
            yield "the interrupted run succeeds, and is charged", late, False
        if world.left.invalidate:
            after = self.machine.invalidate(world.spend("invalidate"), self._invalidate)
            yield "invalidate", after, False

    def _waits_for_its_like(self, world: World, index: int) -> bool:
        """Say whether a process that differs in its name alone has not begun, either.

        Of two that are alike the first one begins first: what happens otherwise is the same but
        for the names. A script that is sent again may have been executed before its process knows.
        """
        if not index or world.left.again < self._scenario.bounds.again:
            return False
        two = slice(index - 1, index + 1)
        unbegun = self._first.processes[two]
        return world.processes[two] == unbegun and is_alike(*(each.name for each in unbegun))

    def _steps_of(self, world: World, index: int, process: Process) -> Iterator[Move]:
        if process.gone:
            return
        who = process.program
        pending = self.programs.pending(process.local)
        if process.paused:
            yield f"{who} resumes", self._resumed(world, index), True
            return
        if isinstance(pending, Done):
            may_retry = text_of(world.store, KEYS.failure) is None and world.left.retries
            if may_retry and _is_failure(pending):
                yield f"{who} is retried", self._retried(world.spend("retries"), index), True
            return
        if not is_ready(world, process, pending):
            return
        what = name_of(pending)
        executed, reply = self.machine.execute(world, index, pending)
        label = f"{who}: {what} -> {_short(reply)}"
        ended = end_of(world, reply) if what == "collect" else None
        if ended is not None:
            yield f"{label}: {ended}", self._deliver(world, index, Answer(fault=ended)), True
            return
        yield label, self._deliver(executed, index, Answer(reply)), True
        yield from self._crash_or_stall(world, executed, index, label, reply)
        yield from self._lost_replies(world, executed, index, label)
        if what == "post":
            yield from self._post_faults(world, executed, index, label)
        if what == "answer" and world.left.lost:
            lost = self._deliver(world.spend("lost"), index, Answer(fault="answer lost"))
            yield f"{who}: {what} lost", lost, False
        for after in ends_of(world, reply) if what == "collect" else ():
            fault = Answer(fault=end_of(after, reply))
            yield f"{label}: {fault.fault}", self._deliver(after, index, fault), False

    def _crash_or_stall(
        self, world: World, executed: World, index: int, label: str, reply: object
    ) -> Iterator[Move]:
        process, left = world.processes[index], world.left
        who, pending = process.program, self.programs.pending(process.local)
        assert isinstance(pending, Ask)
        what = name_of(pending)
        is_first = what in ("begin", "zrange") and process.until_ms == 0
        if left.crash and not is_first and what != "connect":  # the same as before the POST
            dead = process._replace(gone=True, local=ENDED, until_ms=0, asked_ms=0)
            yield (
                f"{who} crashes before {what}",
                world.spend("crash").with_process(index, dead),
                False,
            )
        if what in ("sleep", "follow"):
            return
        if left.pause:
            spent = world.spend("pause")
            if what not in ("connect", "post") and not is_first:
                still = process._replace(paused=True)
                yield f"{who} stands still before {what}", spent.with_process(index, still), False
            if what == "post" and not self._scenario.rules.gives_run_ids:
                return  # the same as before the answer
            still = executed.processes[index]._replace(paused=True, held=Answer(reply))
            after = executed.spend("pause").with_process(index, still)
            yield f"{label}, but it stands still", after, False

    def _lost_replies(
        self, world: World, executed: World, index: int, label: str
    ) -> Iterator[Move]:
        process, left = world.processes[index], world.left
        who, pending = process.program, self.programs.pending(process.local)
        assert isinstance(pending, Ask)
        what = name_of(pending)
        if what in ("sleep", "follow"):
            return
        if left.again and pending.kind == "script":
            yield f"{label}, reply lost, sent again", executed.spend("again"), False
        if left.away and pending.kind in ("script", "zadd", "zrem"):
            fault = Answer(fault="redis is unavailable")
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

    def _post_faults(self, world: World, executed: World, index: int, label: str) -> Iterator[Move]:
        lost = Answer(fault="answer lost")
        hidden_run = executed.runs[-1]._replace(visible_ms=world.now_ms + ms(GRACE))
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
            dead = executed.processes[index]._replace(
                gone=True, local=ENDED, until_ms=0, asked_ms=0
            )
            after = hidden.spend("crash").with_process(index, dead)
            yield f"{label}, not listed yet; crashes", after, False

    def _deliver(self, world: World, index: int, answer: Answer) -> World:
        """Return the world after a process has got *answer*, up to what it asks for next."""
        process = world.processes[index]
        before = self.programs.pending(process.local)
        assert isinstance(before, Ask)
        until_ms = process.until_ms
        if name_of(before) == "begin" and answer.value and answer.value[0] == b"leader":
            until_ms = process.asked_ms + TICK_MS
        elif name_of(before) == "record" and answer.value == _RENEWED:
            until_ms = max(until_ms, process.asked_ms + TICK_MS)
        if until_ms > 0:
            until_ms = until_ms if until_ms > world.now_ms else RENEWING
        local = self.programs.resume(
            process.local, answer, world.now_ms, certain=until_ms > world.now_ms
        )
        pending = self.programs.pending(local)
        done = isinstance(pending, Done)
        if isinstance(pending, Done) and not (world.left.retries and _is_failure(pending)):
            local = ENDED  # nothing depends on the result any more
        asked_ms = (
            world.now_ms
            if isinstance(pending, Ask) and name_of(pending) in ("begin", "record", "sleep")
            else 0
        )
        process = process._replace(
            local=local,
            asked_ms=asked_ms,
            until_ms=0 if done else until_ms,
            held=None,
            paused=False,
            lapsed=False,
            stalled=process.stalled and not done,
        )
        return world.with_process(index, process)

    def _resumed(self, world: World, index: int) -> World:
        process = world.processes[index]
        if process.held is not None:
            return self._deliver(world, index, process.held)
        return world.with_process(index, process._replace(paused=False, lapsed=False))

    def _retried(self, world: World, index: int) -> World:
        process = world.processes[index]
        life = process.life + 1
        local = self.programs.start(f"{process.name}{life}", world.now_ms)
        return world.with_process(index, Process(process.name, life, local, world.now_ms))

    def _is_sending(self, world: World) -> bool:
        """Return whether a process has asked its send guard: its POST leaves at once."""
        pending = [self.programs.pending(p.local) for p in world.processes if not p.gone]
        return any(isinstance(ask, Ask) and ask.kind == "post" for ask in pending)

    def _waits_for_run(self, process: Process) -> str | None:
        """Return the run whose answer *process* is waiting for, if it is."""
        if process.gone or process.paused:
            return None
        pending = self.programs.pending(process.local)
        if isinstance(pending, Ask) and pending.kind in ("answer", "collect"):
            return str(pending.detail[0])
        return None


def _is_failure(ended: Done) -> bool:
    return bool(ended.result) and not ended.result.startswith(_SUCCESSFUL)


def _held(world: World) -> str:
    return " and ".join(key for key, _ in world.store) or "nothing"


def _short(reply: object) -> str:
    if isinstance(reply, tuple):
        return " ".join(_short(part) for part in reply)
    if isinstance(reply, bytes):
        return reply.decode()[:90]
    return str(reply)
