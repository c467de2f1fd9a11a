"""Builds the programs of the model out of the project's classes: a lookup, and a sweep."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from orchestrator.infra.redis_client import StoreUnavailable, store_errors
from orchestrator.infra.slots import Slots
from orchestrator.memo import (
    Abandonment,
    Durability,
    Failure,
    LoadFailed,
    Memo,
    MemoError,
    MemoOptions,
    NotShared,
    Records,
)
from orchestrator.memo.entry import Failed, Following, Fresh, Leading, read_begin_reply
from orchestrator.memo.flight import Leader, Loader
from orchestrator.memo.store import Keys, Scripts, process_of
from orchestrator.purchasing import (
    SEND_WITHIN,
    BillingContext,
    Books,
    Budget,
    EvidenceArchive,
    Freshness,
    Ledger,
    OrphanedRuns,
    Purchaser,
    PurchaseRequest,
    Sweeper,
)
from orchestrator.surfsense import (
    EnrichmentError,
    Seller,
)
from tests.model import stand_ins
from tests.model.programs import Ask, Facts, Keeping, Program

#: The unit of time: a lease. A leader that lives renews it within every tick.
TICK = timedelta(seconds=5)
#: A run is listed by then.
GRACE = TICK * 2
KEYS = Keys("surfsense:acme")
#: The ledger's instants are no part of the protocol: one for all.
_SETTLED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"-- (\w+)\(KEYS")
#: A coroutine of each local state may have a slot: they are of different worlds.
_ENDLESS = 1_000_000
#: Processes that look up on a person's request to buy again, both on the same one.
REQUESTERS = "XY"


class Rules(NamedTuple):
    """Which seller there is, what takes how long, and what is broken on purpose.

    `answers_within` is how long a seller without run ids may take to answer; the hold of an intent
    ends after that. `honours_key`: it charges once for all POSTs with one key. `lua` has for a
    script's name a text in it and what stands there instead. `has_orphans`: runs may be
    interrupted, so the leader that gives one up remembers it.
    """

    gives_run_ids: bool = True
    fresh_for: timedelta = TICK * 100
    send_within: timedelta = SEND_WITHIN
    answers_within: timedelta = TICK
    honours_key: bool = False
    lua: tuple[tuple[str, str, str], ...] = ()
    has_orphans: bool = False
    durability: Durability = Durability.NONE


class _Script:
    def __init__(self, text: str) -> None:
        self.text = text


async def _call(script: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Stand in for `ScriptBatcher.call`."""
    return await Ask("script", (script.text, tuple(keys), tuple(args)))


class _Redis:
    """A client whose every command is an `Ask`."""

    def __init__(self, lua: tuple[tuple[str, str, str], ...]) -> None:
        self._lua = lua

    def register_script(self, text: str) -> _Script:
        name = _NAME.match(text)
        for script, old, new in self._lua:
            if name is not None and name[1] == script:
                assert text.count(old) == 1, f"{script} has no single {old!r}"
                text = text.replace(old, new)
        return _Script(text)

    async def zadd(self, key: str, scores: Mapping[str, float], *, xx: bool = False) -> None:
        await Ask("zadd", (key, tuple(scores.items()), xx))

    async def zrem(self, key: str, *members: Any) -> None:
        names = tuple(m.decode() if isinstance(m, bytes) else m for m in members)
        await Ask("zrem", (key, names))

    async def zrange(self, key: str, start: str, end: float, **_: Any) -> Any:
        del start
        return await Ask("zrange", (key, end))

    async def mget(self, keys: list[str]) -> Any:
        return await Ask("mget", tuple(keys))

    def pipeline(self) -> stand_ins.Connection:
        return stand_ins.Connection()


class _Codec:
    """Shares every failure for one tick."""

    def encode(self, error: Exception) -> Failure | None:
        return Failure({"failed": type(error).__name__}, TICK)

    def decode(self, encoded: Any, retry_in: timedelta) -> Exception:
        del retry_in
        return LoadFailed(KEYS.entry, encoded["failed"])

    def postponed(self, error: Exception, retry_in: timedelta) -> None:
        """Do nothing: no caller asks."""

    def may_serve_stale(self, error: Exception) -> bool:
        del error
        return False


class _Memo:
    """`Memo._fly` and `Memo.get` without what is local to one process.

    A flight that was overtaken ends: that it begins again is what a retried lookup does.
    """

    def __init__(self, redis: Any, facts: Facts, durability: Durability) -> None:
        options = MemoOptions(
            lease=TICK,
            record_ttl=TICK * 1000,
            generation_ttl=TICK * 1000,
            commit_patience=timedelta(0),
            durability=durability,
        )
        self._scripts = Scripts(redis, options)
        self._scripts.call = _call  # no tasks here
        self.records = Records(redis, self._scripts, options, clock=facts.clock)
        alone = stand_ins.Confirmations(redis)
        self.records._confirmations = alone  # type: ignore[assignment] # noqa: SLF001 - no tasks here
        self._processes = stand_ins.Processes()
        self._leader = Leader(
            redis, self._scripts, self.records, _Codec(), options, clock=facts.clock
        )
        self._leader._renewal = Keeping(facts)  # type: ignore[assignment] # noqa: SLF001 - the explorer renews
        self._facts = facts

    async def get(self, key: str, load: Loader, *, patience: timedelta | None = None) -> str:
        del patience  # no caller gives up
        keys = Keys(key)
        token = f"<{self._facts.prefix}>.1"
        while True:
            asked_at = self._facts.monotonic()
            with store_errors("begin"):
                stored = await self._scripts.begin(keys, token)
            reply = read_begin_reply(keys.entry, stored)
            match reply:
                case Fresh():
                    return "fresh"
                case Failed(encoded):
                    raise LoadFailed(keys.entry, encoded["failed"])
                case Following(leader=leader):
                    if await Ask("follow", (process_of(leader),)):
                        await self.end_if_gone(key, leader)
                case Leading():
                    result = await self._leader.lead(
                        keys,
                        token,
                        reply,
                        load,
                        asked_at=asked_at,
                        abandonment=cast("Abandonment", stand_ins.NeverAbandoned()),
                    )
                    return f"{result.outcome.source.value}, stored: {result.stored}"

    async def end_if_gone(self, key: str, leader: str) -> bool:
        """Do as `Memo` does."""
        return await Memo.end_if_gone(cast("Memo", self), key, leader)


class _Parts(NamedTuple):
    memo: _Memo
    purchaser: Purchaser
    orphans: OrphanedRuns


@lru_cache(maxsize=1)  # made once for all replays: what a flight knows is in its coroutine
def _parts(rules: Rules, facts: Facts) -> _Parts:
    orphans = cast(
        "OrphanedRuns", stand_ins.OrphanedRuns() if rules.has_orphans else stand_ins.NoOrphans()
    )
    seller = stand_ins.Seller(
        gives_run_ids=rules.gives_run_ids, answers_within=rules.answers_within
    )
    books = Books(
        cast("Seller", seller),
        cast("Budget", stand_ins.Budget()),
        cast("Ledger", stand_ins.Ledger()),
        cast("EvidenceArchive", stand_ins.Archive()),
        freshness=Freshness(rules.fresh_for, rules.fresh_for),
        honours_key=rules.honours_key,
        clock=lambda: _SETTLED_AT,
    )
    purchaser = Purchaser(
        books, orphans, slots=Slots(_ENDLESS), reconcile_grace=GRACE, send_within=rules.send_within
    )
    memo = _Memo(cast("Redis", _Redis(rules.lua)), facts, rules.durability)
    return _Parts(memo, purchaser, orphans)


def is_alike(name: str, other: str) -> bool:
    """Say whether the programs of two processes are the same but for the names."""
    kinds = [(each[0] == "S", each[0] in REQUESTERS) for each in (name, other)]
    return kinds[0] == kinds[1]


def program(rules: Rules, name: str) -> Program:
    """Return the program called *name*: a sweep if it begins with S, else a lookup."""
    return _sweep(rules, name) if name.startswith("S") else _lookup(rules, name)


def _lookup(rules: Rules, name: str) -> Callable[[Facts], Coroutine[Any, Any, str]]:
    async def run(facts: Facts) -> str:
        parts = _parts(rules, facts)
        facts.prefix = name
        again = "again" if name[0] in REQUESTERS else None
        request = PurchaseRequest("Acme", "acme", BillingContext(None, "t", buy_again=again))

        async def load(flight: Any) -> Any:
            return await parts.purchaser.buy(flight, request)

        try:
            result = await parts.memo.get(KEYS.entry, load)
        except (EnrichmentError, MemoError, NotShared, StoreUnavailable) as error:
            result = f"{type(error).__name__}"
        await facts.finish()
        return result

    return run


def _sweep(rules: Rules, name: str) -> Callable[[Facts], Coroutine[Any, Any, str]]:
    async def run(facts: Facts) -> str:
        parts = _parts(rules, facts)
        facts.prefix = name
        sweeper = Sweeper(
            cast("Memo", parts.memo),
            parts.purchaser,
            parts.orphans,
            clock=facts.clock,
            patience=timedelta(0),
            look_again=timedelta(0),
        )
        try:
            return f"looked at {await sweeper.sweep() + await sweeper.recheck()}"
        except (MemoError, StoreUnavailable) as error:
            return f"{type(error).__name__}"

    return run
