"""One state of the modelled world: Redis, the seller, the ledger and a few processes."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import orjson

from orchestrator.memo.store import RECORDED, process_key, process_of
from tests.model.parts import KEYS, TICK, Rules
from tests.model.programs import Answer, Ask, ms
from tests.model.redis_model import Scripts, Store, Value, freeze, sorted_set, text_of
from tests.model.seller import Run, Selling

TICK_MS = ms(TICK)
#: In place of the end of a lease.
RENEWING = -1
_NAME = re.compile(r"-- (\w+)\(KEYS")


class Process(NamedTuple):
    """One worker: a local state by number, and what the environment knows of it.

    `held` is a reply on its way while the process stands still; `until_ms` the end of the
    lease it can be certain of, or `RENEWING` if that is over and it goes on renewing; `asked_ms`
    when it sent what it waits for. `lapsed`: it stands still for so long that it may be called
    gone; `stalled`: it ever did.
    """

    name: str
    life: int
    local: int
    asked_ms: int
    until_ms: int = 0
    paused: bool = False
    held: Answer | None = None
    gone: bool = False
    lapsed: bool = False
    stalled: bool = False

    @property
    def program(self) -> str:
        """The name of its program, and of its purchases."""
        return f"{self.name}{self.life}"

    @property
    def token(self) -> str:
        """What its lease holds."""
        return f"<{self.program}>.1"


class Faults(NamedTuple):
    """How often each may still happen."""

    crash: int = 0
    pause: int = 0
    silent: int = 0
    lost: int = 0
    again: int = 0
    away: int = 0
    failed: int = 0
    interrupt: int = 0
    late: int = 0
    invalidate: int = 0
    failover: int = 0
    ticks: int = 3
    retries: int = 0


class World(NamedTuple):
    """A state.

    `begun` has who led, in order, and in which generation; `wrote` is the place in it of the
    last one that wrote a record of its own. `behind` has what the replica may be at, from what it
    is sure to have on, where a failover may come. `orphans` has the runs that were given up,
    their records, and how many had led by then. `early`: a purchase was given up although its buyer
    could still bring its answer; `refused`: an answer was, although no other purchase had begun.
    `brought` has the purchases whose answers have come to the commit.
    """

    now_ms: int
    store: Store
    processes: tuple[Process, ...]
    left: Faults
    runs: tuple[Run, ...] = ()
    ledger: tuple[tuple[str, str, str, str], ...] = ()
    generation: int = 0
    begun: tuple[tuple[str, int], ...] = ()
    wrote: int = -1
    overwritten: bool = False
    behind: tuple[Store, ...] = ((),)
    orphans: tuple[tuple[str, bytes, int], ...] = ()
    early: bool = False
    refused: bool = False
    brought: tuple[str, ...] = ()

    def place_of(self, token: str) -> int:
        """Return which leader *token* was last, from 0; -1 if it never led."""
        places = [place for place, (known, _) in enumerate(self.begun) if known == token]
        return places[-1] if places else -1

    def with_process(self, index: int, process: Process) -> "World":
        """Return the world with another process at *index*."""
        processes = (*self.processes[:index], process, *self.processes[index + 1 :])
        return self._replace(processes=processes)

    def seen_from(self, before: "World") -> "World":
        """Return the world with what the replica may have seen since *before*."""
        if not self.left.failover or self.store in (before.store, self.behind[-1]):
            return self
        return self._replace(behind=(*self.behind, self.store))

    def spend(self, fault: str) -> "World":
        """Return the world in which *fault* may happen once less."""
        return self._replace(left=self.left._replace(**{fault: getattr(self.left, fault) - 1}))


def name_of(ask: Ask) -> str:
    """Return the name of what is asked for; a script's own name for a script."""
    return _script_name(ask.detail[0]) if ask.kind == "script" else ask.kind


@cache
def _script_name(text: str) -> str:
    found = _NAME.match(text)
    assert found is not None
    return found[1]


class Machine(Selling):
    """Carries out what processes ask for."""

    def __init__(self, renew: str, rules: Rules, *, knows_settled: bool) -> None:
        super().__init__(knows_settled=knows_settled, honours_key=rules.honours_key)
        self._rules = rules
        answers_within = TICK if rules.gives_run_ids else rules.answers_within
        self._answers_within_ms = ms(answers_within)
        self.scripts = Scripts()
        self._renew = renew

    def execute(self, world: World, index: int, ask: Ask) -> tuple[World, Any]:
        """Return the world after *ask* was carried out for a process, and the reply."""
        if ask.kind == "script":
            return self._script(world, index, ask)
        if ask.kind == "post":
            return self._post(world, ask.detail[0], world.processes[index].token)
        if ask.kind == "ledger" and ask.detail[1] == "uncertain":
            is_early = self._is_early(world, world.processes[index], ask.detail[0])
            world = world._replace(early=world.early or is_early)
        do = getattr(self, f"_{ask.kind}")
        after, reply = do(world, *ask.detail)
        return after, reply

    def is_late(self, world: World, waits_for: Callable[[Process], str | None]) -> bool:
        """Return whether a process is about to get an answer, which takes no longer than this."""
        sent_before_ms = world.now_ms + TICK_MS - self._answers_within_ms
        over = {run.id for run in world.runs if run.posted_ms < sent_before_ms}
        return bool(over) and any(waits_for(process) in over for process in world.processes)

    def tick(self, world: World, *, silent: bool = False) -> World:
        """Let a lease's time pass; processes that run have renewed theirs at its end.

        Where the store is *silent* all the while, none has.
        """
        now_ms = world.now_ms + TICK_MS
        store, processes = world.store, []
        for process in world.processes:
            until_ms = process.until_ms
            if not (silent or process.paused or process.gone) and until_ms:
                keys, args = (KEYS.lease,), (process.token, 2 * TICK_MS)
                store, renewed = self.scripts.run(store, world.now_ms, self._renew, keys, args)
                until_ms = now_ms + TICK_MS if renewed else 0
            elif until_ms:
                until_ms = until_ms if until_ms > now_ms else RENEWING
            is_still = process.paused
            processes.append(
                process._replace(
                    until_ms=until_ms,
                    lapsed=process.lapsed or is_still,
                    stalled=process.stalled or is_still,
                )
            )
        store = freeze(dict(store), now_ms)
        return world._replace(now_ms=now_ms, store=store, processes=tuple(processes))

    def invalidate(self, world: World, text: str) -> World:
        """Run the invalidation script."""
        keys = (KEYS.entry, KEYS.generation, KEYS.failure, KEYS.failures, KEYS.stale)
        args = (1000 * TICK_MS,)
        store, _ = self.scripts.run(world.store, world.now_ms, text, keys, args)
        return world._replace(store=store, generation=world.generation + 1)

    def fail_over(self, world: World) -> Iterator[World]:
        """Yield the world with each of the stores that the replica may be at."""
        after = world.spend("failover")
        for store in dict.fromkeys(world.behind):
            there = freeze(dict(store), world.now_ms)
            yield after._replace(store=there, behind=(there,))

    def _script(self, world: World, index: int, ask: Ask) -> tuple[World, Any]:
        text, keys, args = ask.detail
        process, name = world.processes[index], name_of(ask)
        store, reply = self._run(world, text, keys, args)
        after = world._replace(store=store)
        if (
            name == "begin"
            and reply[0] == b"leader"
            and world.begun[-1:] != ((process.token, world.generation),)
        ):
            after = after._replace(begun=(*world.begun, (process.token, world.generation)))
        elif name in ("commit", "release"):
            after = after.with_process(index, process._replace(until_ms=0))
        record = text_of(store, KEYS.record)
        is_own = record is not None and process.token.encode() in record
        if name in ("record", "commit") and is_own and record != text_of(world.store, KEYS.record):
            after = after._replace(wrote=max(world.wrote, world.place_of(process.token)))
        if name == "commit" and text_of(store, KEYS.entry) != text_of(world.store, KEYS.entry):
            after = after._replace(overwritten=world.place_of(process.token) < world.wrote)
        bought = _page(args[6]) if name == "commit" else None
        if bought is not None:  # else it was adopted from the archive
            ticket = ledger_id(bought["purchase_id"], bought["attempt"])
            # The second call of one whose reply was lost may come after an invalidation.
            is_first = ticket not in world.brought
            is_refused = reply == b"lost" and is_first and self._has_ticket(world, bought)
            after = after._replace(
                brought=tuple(sorted({*world.brought, ticket})),
                refused=world.refused or is_refused,
            )
        return after, reply

    def _run(
        self, world: World, text: str, keys: tuple[str, ...], args: tuple[Any, ...]
    ) -> tuple[Store, Any]:
        """Run a script beside the keys of the processes that are alive, where it reads one."""
        alive = [
            key
            for key in keys
            for process in world.processes
            if key == _heartbeat(process.token) and not is_gone(world, process_of(process.token))
        ]
        values = {**dict(world.store), **{key: Value(b"", None) for key in alive}}
        store = freeze(values, world.now_ms) if alive else world.store
        store, reply = self.scripts.run(store, world.now_ms, text, keys, args)
        return tuple(each for each in store if each[0] not in alive) if alive else store, reply

    def _is_early(self, world: World, process: Process, purchase_id: str) -> bool:
        """Say whether another process may still bring the answer that *process* gives up."""
        within_ms = ms(self._rules.answers_within)
        may_come = any(
            run.purchase_id == purchase_id and world.now_ms <= run.posted_ms + within_ms
            for run in world.runs
        )
        buyers = [p for p in world.processes if p.program == purchase_id.partition("-")[0]]
        return may_come and any(
            buyer is not process and buyer.until_ms != 0 and not (buyer.gone or buyer.stalled)
            for buyer in buyers
        )

    def _has_ticket(self, world: World, bought: dict[str, Any]) -> bool:
        """Say whether the purchase that was *bought* is still the latest of all."""
        if self._rules.gives_run_ids or self._rules.honours_key:
            return False  # a successor collects its answer
        latest = _page(text_of(world.store, KEYS.record))
        is_latest = latest is None or all(
            bought[name] == latest[name] for name in ("purchase_id", "attempt")
        )
        return is_latest and text_of(world.store, KEYS.entry) is None

    def _gone(self, world: World, name: str) -> tuple[World, bool]:
        return world, is_gone(world, name)

    def _answer(self, world: World, run_id: str) -> tuple[World, str]:
        return world, run_id

    def _zadd(
        self,
        world: World,
        key: str,
        scores: tuple[tuple[str, float], ...],
        only_known: bool,  # noqa: FBT001 - the detail of an Ask
    ) -> tuple[World, None]:
        members = sorted_set(world.store, key)
        members.update((m, s) for m, s in scores if m in members or not only_known)
        return self._with_set(world, key, members), None

    def _zrem(self, world: World, key: str, gone: tuple[str, ...]) -> tuple[World, None]:
        members = {m: s for m, s in sorted_set(world.store, key).items() if m not in gone}
        return self._with_set(world, key, members), None

    def _with_set(self, world: World, key: str, members: dict[str, float]) -> World:
        values = dict(world.store)
        values.pop(key, None)
        if members:
            values[key] = Value(tuple(sorted(members.items())), None)
        return world._replace(store=freeze(values, world.now_ms))

    def _zrange(self, world: World, key: str, end: float) -> tuple[World, tuple[bytes, ...]]:
        members = sorted_set(world.store, key).items()
        found = sorted((score, member) for member, score in members if score <= end)
        return world, tuple(member.encode() for _, member in found)

    def _mget(self, world: World, *keys: str) -> tuple[World, tuple[bytes | None, ...]]:
        return world, tuple(text_of(world.store, key) for key in keys)

    def _confirm(self, world: World, *keys: str) -> tuple[World, tuple[bytes | None, ...]]:
        """Return once the replica has everything."""
        confirmed = world._replace(behind=(world.store,)) if world.left.failover else world
        return confirmed, tuple(text_of(world.store, key) for key in keys)

    def _ledger(
        self, world: World, purchase_id: str, outcome: str, run_id: str, answer: str
    ) -> tuple[World, tuple[bool, int | None]]:
        entry = (purchase_id, outcome, run_id, answer)
        known = {each[0]: each for each in world.ledger}
        if purchase_id in known:
            if known[purchase_id][1] != "uncertain" or outcome == "uncertain":
                return world, (False, None)
            known[purchase_id] = entry
            return world._replace(ledger=tuple(known.values())), (False, 0)
        if any(run_id == run != "" for _, _, run, _ in world.ledger):
            return world, (False, None)
        return world._replace(ledger=(*world.ledger, entry)), (True, None)

    def _purchases(self, world: World) -> tuple[World, tuple[tuple[str, str], ...]]:
        return world, tuple((known, run_id) for known, _, run_id, _ in world.ledger)

    def _archive(self, world: World, purchase_id: str) -> tuple[World, str | None]:
        answers = {known: answer for known, _, _, answer in world.ledger}
        return world, answers.get(purchase_id) or None

    def _sleep(self, world: World, _: int) -> tuple[World, None]:
        return world, None

    def _follow(self, world: World, name: str) -> tuple[World, bool]:
        return world, text_of(world.store, KEYS.lease) is not None and is_gone(world, name)


def is_ready(world: World, process: Process, ask: Ask) -> bool:
    """Say whether what *process* waits for can happen now."""
    if ask.kind == "sleep":
        return world.now_ms >= process.asked_ms + int(ask.detail[0])
    if ask.kind == "follow":
        # A notice, the end of the lease, or that its leader is gone wakes it.
        return text_of(world.store, KEYS.lease) is None or is_gone(world, ask.detail[0])
    return True


def is_gone(world: World, name: str) -> bool:
    """Say whether the process called *name* in its tokens may be found gone.

    The project asks for a heartbeat that has lapsed for four leases; here one is enough. That
    no process could renew anything is no proof.
    """
    return any(
        (process.gone or process.lapsed) and process_of(process.token) == name
        for process in world.processes
    )


@cache
def _heartbeat(token: str) -> str:
    return process_key(process_of(token))


def ledger_id(purchase_id: str, attempt: int) -> str:
    """Return under which id an attempt enters the ledger."""
    return purchase_id if attempt == 1 else f"{purchase_id}.{attempt}"


def _page(record: bytes | None) -> dict[str, Any] | None:
    return orjson.loads(record) if record else None


def noted(world: World) -> bool:
    """Say whether a sweeper would find anything."""
    given_up = {run_id for run_id, *_ in world.orphans}
    owed = any(run.id in given_up and run.charged for run in world.runs)
    return owed or bool(sorted_set(world.store, RECORDED))
