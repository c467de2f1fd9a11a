"""Builds the programs of the model out of the project's classes: a lookup, and a sweep."""

import re
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from orchestrator.enrichment import Freshness, Purchaser
from orchestrator.enrichment.attempt import SEND_WITHIN
from orchestrator.enrichment.journal import Order, Page, Purpose
from orchestrator.enrichment.settlement import Settlement
from orchestrator.enrichment.strays import Strays
from orchestrator.enrichment.sweeper import Sweeper
from orchestrator.memo import (
    Abandonment,
    Failure,
    LeaseLost,
    LoadFailed,
    Memo,
    MemoError,
    MemoOptions,
    Notes,
    NotShared,
)
from orchestrator.memo.decision import Failed, Following, Fresh, Leading, read_beginning
from orchestrator.memo.flight import Loader
from orchestrator.memo.keys import Keys
from orchestrator.memo.leader import Leader
from orchestrator.memo.options import store_errors
from orchestrator.memo.scripts import Scripts
from orchestrator.spend import Budget, Ledger, PurchaseRecord
from orchestrator.surfsense import (
    Accepted,
    EnrichmentError,
    Found,
    NotSent,
    Seller,
    is_permitted,
)
from tests.model.programs import Ask, Facts, Keeping, Program, ms

#: The unit of time: a lease. A leader that lives renews it within every tick.
TICK = timedelta(seconds=5)
#: A run is listed by then.
GRACE = TICK * 2
KEYS = Keys("surfsense:acme")
PRICE = 7
_NAME = re.compile(r"-- (\w+)\(KEYS")
_ORDER = Order("Acme", "acme", Purpose(None, "t"))


class Rules(NamedTuple):
    """Which seller there is, what takes how long, and what is broken on purpose.

    `lua` has for a script's name a text in it and what stands there instead.
    """

    gives_run_ids: bool = True
    fresh_for: timedelta = TICK * 100
    send_within: timedelta = SEND_WITHIN
    lua: tuple[tuple[str, str, str], ...] = ()


class _Script:
    def __init__(self, text: str) -> None:
        self._text = text

    async def __call__(self, keys: list[str], args: list[Any]) -> Any:
        return await Ask("script", (self._text, tuple(keys), tuple(args)))


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

    async def pexpire(self, *_: Any) -> None:
        """Do nothing: the list of notes stays."""

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


class _Seller:
    protocol = "model"
    price_micros = PRICE

    def __init__(self, *, gives_run_ids: bool) -> None:
        self.gives_run_ids = gives_run_ids

    async def submit(self, company: str, *, purchase_id: str) -> Any:
        await Ask("connect")
        if not is_permitted():
            raise NotSent(company)
        reply = await Ask("post", (purchase_id,))
        return Accepted(reply) if self.gives_run_ids else _found(reply)

    async def collect(self, run_id: str, *, company: str) -> Found:
        del company
        return _found(await Ask("collect", (run_id,)))

    async def find(self, company: str, *, submitted_after: Any, exclude: Any = ()) -> str | None:
        del company
        after_ms = round(submitted_after.timestamp() * 1000)
        return cast("str | None", await Ask("find", (after_ms, tuple(sorted(exclude)))))


def _found(run: str) -> Found:
    return Found({"run": run}, PRICE, cost_estimated=False)


class _Budget:
    """Allows everything: reservations have tests of their own."""

    async def reserve(self, *_: Any, **__: Any) -> None:
        """Allow it."""

    async def settle(self, *_: Any, **__: Any) -> None:
        """Accept it."""

    async def release(self, *_: Any, **__: Any) -> None:
        """Accept it."""


class _Ledger:
    async def settle(self, record: PurchaseRecord) -> bool:
        detail = (record.purchase_id, record.outcome.value, record.run_id or "")
        return bool(await Ask("ledger", detail))

    async def purchases_of(self, company_key: str) -> list["_Purchase"]:
        del company_key
        known = await Ask("purchases", ())
        return [_Purchase(*each) for each in cast("tuple[tuple[str, str], ...]", known)]


class _Purchase(NamedTuple):
    purchase_id: str
    run_id: str


class _Codec:
    """Shares every failure for one tick."""

    def encode(self, error: Exception) -> Failure | None:
        return Failure({"failed": type(error).__name__}, TICK)

    def decode(self, record: Any, retry_in: timedelta) -> Exception:
        del retry_in
        return LoadFailed(KEYS.entry, record["failed"])

    def postponed(self, error: Exception, retry_in: timedelta) -> None:
        """Nobody asks."""

    def may_serve_stale(self, error: Exception) -> bool:
        del error
        return False


class _Strays:
    """There are none: whoever is overtaken is followed by somebody who finds its run."""

    async def add(self, page: Page) -> None:
        """Forget it: the model shows that nothing is lost for that."""

    async def of(self, company_key: str) -> list[Page]:
        del company_key
        return []


class _NeverAbandoned:
    """Nobody gives up."""

    possible = staticmethod(nullcontext)


class _Memo:
    """`Memo._fly` and `Memo.get` without what is local to one process."""

    def __init__(self, redis: Any, facts: Facts) -> None:
        options = MemoOptions(
            lease=TICK,
            note_ttl=TICK * 1000,
            generation_ttl=TICK * 1000,
            commit_patience=timedelta(0),
        )
        self._scripts = Scripts(redis)
        self.notes = Notes(redis, self._scripts, options)
        self._leader = Leader(redis, self._scripts, self.notes, _Codec(), options)
        self._leader._renewal = Keeping(facts)  # type: ignore[assignment] # noqa: SLF001 - the explorer renews
        self._facts = facts

    async def get(self, key: str, load: Loader) -> str:
        keys = Keys(key)
        token = f"<{self._facts.prefix}>.1"
        while True:
            asked_at = self._facts.monotonic()
            with store_errors("begin"):
                reply = await self._scripts.begin(
                    keys=[keys.entry, keys.lease, keys.generation, keys.note, keys.failure],
                    args=[token, ms(TICK), 0],
                )
            beginning = read_beginning(keys.entry, reply)
            match beginning:
                case Fresh():
                    return "fresh"
                case Failed(record):
                    raise LoadFailed(keys.entry, record["failed"])
                case Following():
                    await Ask("follow")
                case Leading():
                    landing = await self._leader.lead(
                        *(keys, token, beginning, load),
                        asked_at=asked_at,
                        abandonment=cast("Abandonment", _NeverAbandoned()),
                    )
                    return f"{landing.outcome.source.value}, stored: {landing.stored}"


class _Parts(NamedTuple):
    memo: _Memo
    purchaser: Purchaser
    settlement: Settlement


@lru_cache(maxsize=1)  # made once for all replays: what a flight knows is in its coroutine
def _parts(rules: Rules, facts: Facts) -> _Parts:
    settlement = Settlement(
        cast("Budget", _Budget()), cast("Ledger", _Ledger()), price_micros=PRICE, protocol="model"
    )
    strays = cast("Strays", _Strays())
    purchaser = Purchaser(
        cast("Seller", _Seller(gives_run_ids=rules.gives_run_ids)),
        settlement,
        strays,
        freshness=Freshness(rules.fresh_for, rules.fresh_for),
        max_in_flight=1,
        reconcile_grace=GRACE,
        send_within=rules.send_within,
    )
    return _Parts(_Memo(cast("Redis", _Redis(rules.lua)), facts), purchaser, settlement)


def program(rules: Rules, name: str) -> Program:
    """Return the program called *name*: a sweep if it begins with S, else a lookup."""
    return _sweep(rules, name) if name.startswith("S") else _lookup(rules, name)


def _lookup(rules: Rules, name: str) -> Callable[[Facts], Coroutine[Any, Any, str]]:
    async def run(facts: Facts) -> str:
        parts = _parts(rules, facts)
        facts.prefix = name

        async def load(flight: Any) -> Any:
            return await parts.purchaser.buy(flight, _ORDER)

        try:
            return await parts.memo.get(KEYS.entry, load)
        except (EnrichmentError, MemoError, NotShared, LeaseLost) as error:
            return f"{type(error).__name__}"

    return run


def _sweep(rules: Rules, name: str) -> Callable[[Facts], Coroutine[Any, Any, str]]:
    async def run(facts: Facts) -> str:
        parts = _parts(rules, facts)
        facts.prefix = name
        sweeper = Sweeper(
            cast("Memo", parts.memo),
            parts.purchaser,
            parts.settlement,
            cast("Strays", _Strays()),
            gives_run_ids=rules.gives_run_ids,
            patience=timedelta(0),
            look_again=timedelta(0),
        )
        try:
            return f"looked at {await sweeper.sweep()}"
        except MemoError as error:
            return f"{type(error).__name__}"

    return run
