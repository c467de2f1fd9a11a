"""What the modelled classes talk to, besides Redis: each stops with an `Ask` or does nothing."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self, cast

import orjson

from orchestrator.memo import LeaseLost, store
from orchestrator.memo.store import Keys
from orchestrator.purchasing import ArchivedAnswer, LedgerChange, LedgerEntry
from orchestrator.purchasing.intents import PurchaseRecord
from orchestrator.surfsense import Accepted, Found, NotSent, send_guard
from tests.model.programs import Ask

PRICE = 7


class Seller:
    """Connects, asks its send guard and posts, as the socket does."""

    protocol = "model"
    price_micros = PRICE

    def __init__(self, *, gives_run_ids: bool, answers_within: timedelta) -> None:
        self.gives_run_ids = gives_run_ids
        self.answers_within = answers_within

    async def submit(self, company: str, *, purchase_id: str) -> Any:
        """Sell, if the send guard agrees once connected."""
        await Ask("connect")
        guard = send_guard.get()
        assert guard is not None
        if not guard.may_leave():
            raise NotSent(company)
        guard.has_left = True
        reply = await Ask("post", (purchase_id,))
        if self.gives_run_ids:
            return Accepted(reply)
        return _found(await Ask("answer", (reply,)))

    async def collect(self, run_id: str, *, company: str) -> Found:
        """Return the answer of a run."""
        del company
        return _found(await Ask("collect", (run_id,)))

    async def look(self, run_id: str, *, company: str) -> Found | None:
        """Return the answer of a run that has one by now."""
        del company
        run = await Ask("look", (run_id,))
        return None if run is None else _found(run)

    async def find(self, company: str, *, submitted_after: Any, exclude: Any = ()) -> str | None:
        """Return the run that is listed."""
        del company
        after_ms = round(submitted_after.timestamp() * 1000)
        return cast("str | None", await Ask("find", (after_ms, tuple(sorted(exclude)))))


def _found(run: str) -> Found:
    return Found({"run": run}, PRICE, cost_estimated=False)


class Budget:
    """Allows everything: reservations have tests of their own."""

    async def reserve(self, *_: Any, **__: Any) -> None:
        """Allow it."""

    async def settle(self, *_: Any, **__: Any) -> None:
        """Accept it."""

    async def release(self, *_: Any, **__: Any) -> None:
        """Accept it."""


class Ledger:
    """Knows each purchase once, and each run."""

    async def settle(self, ledger_entry: LedgerEntry, answer: Any = None) -> LedgerChange:
        """Enter it, or resolve what is entered as uncertain."""
        run = "" if answer is None else answer["answer"]["run"]
        detail = (
            ledger_entry.purchase_id,
            ledger_entry.outcome.value,
            ledger_entry.run_id or "",
            run,
        )
        return LedgerChange(*cast("tuple[bool, int | None]", await Ask("ledger", detail)))

    async def has(self, purchase_id: str) -> bool:
        """Say whether it was entered under its own id."""
        return purchase_id in {known.purchase_id for known in await self.purchases_of("acme")}

    async def purchases_of(self, company_key: str) -> list["_Purchase"]:
        """Return what it has."""
        del company_key
        known = await Ask("purchases", ())
        return [_Purchase(*each) for each in cast("tuple[tuple[str, str], ...]", known)]


class Archive:
    """Has the answers of the purchases that the ledger has."""

    async def of(self, purchase_ids: Sequence[str]) -> dict[str, ArchivedAnswer]:
        """Return the answer of one purchase."""
        (purchase_id,) = purchase_ids
        run = await Ask("archive", (purchase_id,))
        if run is None:
            return {}
        payload = {"answer": {"run": run}}
        as_of = datetime.fromtimestamp(0, UTC)
        answer = ArchivedAnswer(purchase_id, "acme", "found", "surfsense", as_of, payload)
        return {purchase_id: answer}


class _Purchase(NamedTuple):
    purchase_id: str
    run_id: str


class Confirmations:
    """Stands in for those of `Records`: one record at a time, since there is one company."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def confirm(self, keys: Keys, token: str) -> None:
        """Have a record confirmed."""
        (record,) = await store.read_durable(self._redis, [keys.record])
        if not store.is_of(token, record):
            raise LeaseLost(keys.entry)


class Connection:
    """What `read_durable` asks of a server, as one `Ask`: its replica acknowledges at once.

    A connection ends with its primary, and what is asked by it with an error, so nothing that is
    confirmed was read elsewhere.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Keep nothing."""

    async def watch(self, _: str) -> None:
        """Stay with one server."""

    async def mget(self, names: Sequence[str]) -> Any:
        """Ask for everything."""
        return await Ask("confirm", tuple(names))

    async def set(self, *_: Any, **__: Any) -> None:
        """Change nothing that is read."""

    async def waitaof(self, *_: int) -> tuple[int, int]:
        """Confirm."""
        return 1, 1


class Processes:
    """Stands in for the class of the same name: the explorer knows who is gone."""

    async def is_gone(self, process: str) -> bool:
        """Return whether *process* has crashed, or has stood still for long."""
        return bool(await Ask("gone", (process,)))


class NoOrphans:
    """Without interruptions: an overtaken leader has a successor that finds its run."""

    async def add(self, record: PurchaseRecord) -> None:
        """Forget it: the model shows that nothing is lost for that."""

    async def of(self, company_key: str) -> list[PurchaseRecord]:
        """Know of none."""
        del company_key
        return []

    async def list_due(self, limit: int) -> list[PurchaseRecord]:
        """Know of none."""
        del limit
        return []


class OrphanedRuns:
    """Remembers runs that were given up; all of them are always due."""

    async def add(self, record: PurchaseRecord) -> None:
        """Remember it."""
        await Ask("orphan", (record.run_id, orjson.dumps(record.to_json())))

    async def of(self, company_key: str) -> list[PurchaseRecord]:
        """Return all of them."""
        del company_key
        records = cast("tuple[bytes, ...]", await Ask("orphans"))
        return [PurchaseRecord.from_json(orjson.loads(record)) for record in records]

    async def list_due(self, limit: int) -> list[PurchaseRecord]:
        """Return all of them."""
        del limit
        return await self.of("acme")

    async def look_again(self, record: PurchaseRecord, after: timedelta) -> None:
        """Put nothing off."""

    async def drop(self, record: PurchaseRecord) -> None:
        """Forget it."""
        await Ask("forget_orphan", (record.run_id,))


class NeverAbandoned:
    """No caller gives up."""

    possible = staticmethod(nullcontext)
