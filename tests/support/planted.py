"""Rules of the purchase core that proofs take away, to see that they notice it.

Production knows nothing of this: `planted_worker` is a worker that has it done to itself.
"""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator import app as bootstrap
from orchestrator.database import open_engine
from orchestrator.infra.redis_client import load_script
from orchestrator.memo import MemoOptions, store
from orchestrator.memo.follower import Processes
from orchestrator.memo.store import Keys, Records
from orchestrator.purchasing.books import Books
from orchestrator.surfsense import Accepted, SendGuard, WorkspaceSeller

JsonObject = dict[str, Any]

#: SQLite's own limit of a database.
_MOST_PAGES = 4_294_967_294


class Fault(StrEnum):
    """The rule that is taken away."""

    LEASE = "a lookup leads although another flight holds the lease"
    RECORD = "no purchase record is written"
    FOLLOW = "a buyer that lives is followed no longer than its lease"
    SILENCE = "a silent store counts as the end of all processes"
    BARRED = "after a buyer's death its company is bought again"
    GUARD = "a POST leaves although its send guard refuses"


def _ignore_lease() -> None:
    def load(redis: Redis, package: str, *names: str) -> AsyncScript:
        script = load_script(redis, package, *names)
        if names != ("begin",):
            return script
        source = str(script.script)
        changed = source.replace("if holder and holder ~= token then", "if false then")
        assert changed != source
        return redis.register_script(changed)

    setattr(store, "load_script", load)  # noqa: B010 - mypy would see an export


def _write_no_record() -> None:
    async def write(
        _records: Records, _keys: Keys, _token: str, _record: JsonObject, **_options: object
    ) -> bool:
        return True

    setattr(Records, "write", write)  # noqa: B010 - mypy refuses to assign to a method


def _follow_no_longer_than_the_lease() -> None:
    write = Records.write

    async def write_without_hold(
        records: Records,
        keys: Keys,
        token: str,
        record: JsonObject,
        *,
        hold: timedelta = timedelta(0),
        writer: str | None = None,
    ) -> bool:
        del hold
        return await write(records, keys, token, record, writer=writer)

    setattr(Records, "write", write_without_hold)  # noqa: B010 - (as above)


def _take_silence_for_death() -> None:
    setattr(Processes, "_is_steady", lambda _processes, _now: True)  # noqa: B010 - (as above)


def _bar_nothing() -> None:
    setattr(Books, "is_over", lambda _purchaser, _flight, _record: True)  # noqa: B010 - (as above)


def _guard_nothing() -> None:
    def open_for_good(guard: SendGuard, may_leave: Callable[[], bool]) -> None:
        del may_leave
        guard.may_leave = lambda: True
        guard.has_left = False

    setattr(SendGuard, "__init__", open_for_good)  # noqa: B010 - (as above)


def _store_patiently(seconds: float) -> None:
    patience = timedelta(seconds=seconds)
    setattr(bootstrap, "MemoOptions", partial(MemoOptions, commit_patience=patience))  # noqa: B010 - (as above)


def _stop_before_post(sign: Path) -> None:
    submit = WorkspaceSeller.submit

    async def stop_and_submit(
        seller: WorkspaceSeller, company: str, *, purchase_id: str
    ) -> Accepted:
        with suppress(FileExistsError):
            os.close(os.open(sign, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGSTOP)
        return await submit(seller, company, purchase_id=purchase_id)

    setattr(WorkspaceSeller, "submit", stop_and_submit)  # noqa: B010 - (as above)


def _fill_the_disk_while(sign: Path) -> None:
    def limit(connection: DBAPIConnection, _entry: object, _proxy: object) -> None:
        cursor = connection.cursor()
        # SQLite takes it for at least the pages that there are.
        cursor.execute(f"PRAGMA max_page_count = {1 if sign.exists() else _MOST_PAGES}")
        cursor.close()

    def open_limited(url: str) -> AsyncEngine:
        engine = open_engine(url)
        event.listen(engine.sync_engine.pool, "checkout", limit)
        return engine

    setattr(bootstrap, "open_engine", open_limited)  # noqa: B010 - (as above)


_PLANT: dict[Fault, Callable[[], None]] = {
    Fault.LEASE: _ignore_lease,
    Fault.RECORD: _write_no_record,
    Fault.FOLLOW: _follow_no_longer_than_the_lease,
    Fault.SILENCE: _take_silence_for_death,
    Fault.BARRED: _bar_nothing,
    Fault.GUARD: _guard_nothing,
}


def plant(environment: Mapping[str, str]) -> None:
    """Alter this process as *environment* says.

    `PLANTED_FAULT` takes a rule away. With `STOPS_BEFORE_POST`, a file that is not there yet, the
    first process that buys stops itself by SIGSTOP between a purchase's record and its POST.
    While the file that `DATABASE_FULL_WHILE` names exists, its SQLite database has no room to grow.
    `COMMIT_PATIENCE_S` shortens the time for which callers wait for a Redis that is unavailable.
    """
    if "PLANTED_FAULT" in environment:
        _PLANT[Fault(environment["PLANTED_FAULT"])]()
    if "STOPS_BEFORE_POST" in environment:
        _stop_before_post(Path(environment["STOPS_BEFORE_POST"]))
    if "DATABASE_FULL_WHILE" in environment:
        _fill_the_disk_while(Path(environment["DATABASE_FULL_WHILE"]))
    if "COMMIT_PATIENCE_S" in environment:
        _store_patiently(float(environment["COMMIT_PATIENCE_S"]))
