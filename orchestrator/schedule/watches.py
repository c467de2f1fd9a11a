"""Watches in SQL, which is the truth about them: what is watched, what became of it, what is due.

A run is claimed here by a compare-and-set on `job_id`, so that whatever Redis forgets, and
however many schedulers there are, a watch has one run at a time.

Which watches are due is answered by Redis in one step, from a sorted set in DB 3. It is an index
and no truth: whatever is missing from it is added by the next rebuild from SQL, and whatever stands
in it too early is looked at and put back.
"""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import structlog
from redis.asyncio import Redis
from sqlalchemy import RowMapping, and_, delete, func, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import (
    DatabaseUnavailable,
    free_rows,
    in_chunks,
    insert_into,
    reading,
    writing,
)
from orchestrator.database.schema import (
    decisions,
    leads,
    opportunities,
    purchases,
    servings,
    watches,
)
from orchestrator.infra.batching import Batcher
from orchestrator.infra.clock import Clock
from orchestrator.infra.redis_client import DAMAGE, StoreRefused, load_script, store_errors

from .model import RunEnd, Watch, WatchKind, next_instant

log = structlog.get_logger(__name__)

#: Rows of one statement: one names its parameters twice, and SQLite takes 999.
CHUNK: Final = 400


class Watches:
    """What is watched. One per event loop; every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock
        self._ender = Batcher(self._end_all, shared=DatabaseUnavailable)

    async def add(self, new: Sequence[Watch]) -> None:
        """Store *new* watches, or give those that are there already their new period.

        A company that a person names keeps its watch: no rule removes it any more.
        """
        async with writing(self._engine, "add watches") as connection:
            for rows in _rows(new):
                insert = insert_into(watches, connection)
                changes = {
                    name: insert.excluded[name]
                    for name in ("kind", "company", "every_s", "paused", "next_at")
                }
                statement = insert.on_conflict_do_update(index_elements=["id"], set_=changes)
                await connection.execute(statement, rows)

    async def derive(self, rule: Watch, found: Sequence[Watch]) -> None:
        """Store watches that *rule* has found, unless they are there already.

        Atomic: Nothing is stored for a rule that was removed since it was read.
        """
        its = select(watches.c.id).where(watches.c.id == rule.id).with_for_update()
        async with writing(self._engine, "derive watches") as connection:
            if await connection.scalar(its) is None:
                return
            for rows in _rows(found):
                statement = insert_into(watches, connection).on_conflict_do_nothing()
                await connection.execute(statement, rows)

    async def of(self, ids: Collection[UUID]) -> dict[UUID, Watch]:
        """Return the watches of *ids* by id; what was removed is left out."""
        found: dict[UUID, Watch] = {}
        async with reading(self._engine, "read watches") as connection:
            for chunk in in_chunks(sorted(set(ids)), CHUNK):
                rows = await connection.execute(select(watches).where(watches.c.id.in_(chunk)))
                found.update((watch.id, watch) for watch in _readable(rows.mappings()))
        return found

    async def of_tenant(self, tenant: str) -> list[Watch]:
        """Return the watches of *tenant*, the next due first."""
        statement = (
            select(watches)
            .where(watches.c.tenant == tenant)
            .order_by(watches.c.next_at, watches.c.company_key)
        )
        async with reading(self._engine, "read watches") as connection:
            return list(_readable((await connection.execute(statement)).mappings()))

    async def page(self, tenant: str, *, after: UUID | None, limit: int) -> list[Watch]:
        """Return *limit* watches of *tenant* behind the id *after*, in the order of their ids."""
        its = select(watches).where(watches.c.tenant == tenant)
        if after is not None:
            its = its.where(watches.c.id > after)
        statement = its.order_by(watches.c.id).limit(limit)
        async with reading(self._engine, "read watches") as connection:
            return list(_readable((await connection.execute(statement)).mappings()))

    async def instants(self) -> AsyncIterator[dict[UUID, datetime]]:
        """Yield when each watch that is not paused is due, some at a time."""
        last = UUID(int=0)
        while True:
            statement = (
                select(watches.c.id, watches.c.next_at)
                .where(watches.c.id > last, ~watches.c.paused)
                .order_by(watches.c.id)
                .limit(CHUNK)
            )
            async with reading(self._engine, "read watches") as connection:
                page = {row.id: row.next_at for row in await connection.execute(statement)}
            if not page:
                return
            yield page
            last = max(page)

    async def pause(self, ids: Collection[UUID], *, paused: bool) -> None:
        """Pause *ids*, or go on with them."""
        await self._change("pause watches", ids, {"paused": paused})

    async def remove(self, ids: Collection[UUID]) -> None:
        """Remove *ids*, with a rule all that it has found; runs in flight end without an effect."""
        c = watches.c
        rules: list[str] = []
        async with writing(self._engine, "remove watches") as connection:
            for chunk in in_chunks(sorted(set(ids)), CHUNK):
                removed = delete(watches).where(c.id.in_(chunk)).returning(c.kind, c.tenant)
                rows = await connection.execute(removed)
                rules += [tenant for kind, tenant in rows if kind == WatchKind.RULE]
            # Also what it has found since *ids* were read: `derive` waits for the rule's row.
            its = delete(watches).where(c.tenant.in_(rules), c.kind == WatchKind.DERIVED)
            await connection.execute(its)

    async def begin(self, ids: Collection[UUID], job_id: str, ended: Collection[str]) -> set[UUID]:
        """Claim a run of *ids* for the job *job_id*; return those that it got.

        Atomic: Of several claims, one gets a watch. None gets one that is paused, not due, or
            has a run that is not among the jobs that have *ended*, nor waits for one that is being
            changed: that one is due again when the lease of its scheduler is over.
        """
        c = watches.c
        free = or_(c.job_id.is_(None), c.job_id.in_(sorted(ended)))
        begun: set[UUID] = set()
        async with writing(self._engine, "begin runs") as connection:
            for chunk in in_chunks(sorted(set(ids)), CHUNK):
                its = c.id.in_(chunk) & free & ~c.paused & (c.next_at <= self._clock())
                taken = c.id.in_(free_rows(c.id, its, c.id))
                statement = update(watches).where(taken).values(job_id=job_id).returning(c.id)
                begun.update((await connection.scalars(statement)).all())
        return begun

    async def end(self, ended: RunEnd) -> datetime | None:
        """Store how a run *ended*; return when to look at its watch again.

        Concurrent calls share a transaction.

        Returns:
            The instant; None if the watch was removed, or the run is not its own any more: then
            nothing changed.
        """
        return await self._ender.submit(ended)

    async def postpone(
        self, skipped: Collection[Watch], outcome: str | None
    ) -> dict[UUID, datetime]:
        """Give *skipped* their next instant without a run; None leaves their outcome."""
        now = self._clock()
        instants = {watch.id: next_instant(watch, now) for watch in skipped}
        async with writing(self._engine, "postpone watches") as connection:
            for watch in sorted(skipped, key=lambda watch: watch.id):
                changes: dict[str, Any] = {"next_at": instants[watch.id]}
                if outcome is not None:
                    changes["outcome"] = outcome
                statement = update(watches).where(
                    watches.c.id == watch.id, watches.c.job_id.is_(None)
                )
                await connection.execute(statement.values(changes))
        return instants

    async def rejudged(self, ids: Collection[UUID]) -> None:
        """Note that the agents were asked about *ids* again."""
        await self._change("note a judgement", ids, {"rejudge": False})

    async def _change(self, operation: str, ids: Collection[UUID], values: dict[str, Any]) -> None:
        async with writing(self._engine, operation) as connection:
            for chunk in in_chunks(sorted(set(ids)), CHUNK):
                statement = update(watches).where(watches.c.id.in_(chunk)).values(values)
                await connection.execute(statement)

    async def _end_all(self, batch: Sequence[RunEnd]) -> list[datetime | None]:
        now = self._clock()
        async with writing(self._engine, "end runs") as connection:
            return [await _end(connection, ended, now) for ended in batch]


async def _end(connection: AsyncConnection, ended: RunEnd, now: datetime) -> datetime | None:
    at = next_instant(ended.watch, now, ended.outcome)
    values: dict[str, Any] = {
        "job_id": None,
        "next_at": at,
        "ran_at": now,
        "outcome": ended.outcome,
        "spent_micros": watches.c.spent_micros + ended.cost_micros,
    }
    if ended.digest is not None:
        values["digest"] = ended.digest
    if ended.has_changed:
        values["rejudge"] = True
    is_its_own = and_(watches.c.id == ended.watch.id, watches.c.job_id == ended.job_id)
    done = await connection.execute(update(watches).where(is_its_own).values(values))
    if done.rowcount == 0:
        return None
    return now if ended.has_changed else at


def _readable(rows: Iterable[RowMapping]) -> Iterator[Watch]:
    """Yield the watches of *rows*; one that a newer program has written harms no other."""
    for row in rows:
        try:
            yield _watch(row)
        except (ValueError, OverflowError):
            log.warning("watch.unreadable", watch=str(row["id"]))


def _watch(row: RowMapping) -> Watch:
    names = [name for name in Watch.__dataclass_fields__ if name not in ("kind", "every")]
    return Watch(
        **{name: row[name] for name in names},
        kind=WatchKind(row["kind"]),
        every=timedelta(seconds=row["every_s"]),
    )


def _row(watch: Watch) -> dict[str, Any]:
    row = asdict(watch)
    every: timedelta = row.pop("every")
    return {**row, "every_s": every // timedelta(seconds=1)}


def _rows(new: Sequence[Watch]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows chunk by chunk, in one order for all, so that transactions do not deadlock."""
    in_order = sorted(new, key=lambda watch: watch.id)
    return ([_row(watch) for watch in chunk] for chunk in in_chunks(in_order, CHUNK))


class RefreshPolicy:
    """Asks the store and the ledger. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Read the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine

    async def among(self, company_keys: Collection[str]) -> set[str]:
        """Return those of *company_keys* that are worth a refresh.

        Those with an opportunity, and those whose last purchase has answered another lookup
        since.
        """
        found: set[str] = set()
        async with reading(self._engine, "see what is worth a refresh") as connection:
            for chunk in in_chunks(sorted(set(company_keys)), CHUNK):
                sold = select(opportunities.c.company_key).where(
                    opportunities.c.company_key.in_(chunk)
                )
                latest = (
                    select(
                        purchases.c.company_key,
                        func.max(purchases.c.settled_at).label("settled_at"),
                    )
                    .where(purchases.c.company_key.in_(chunk))
                    .group_by(purchases.c.company_key)
                    .subquery()
                )
                is_latest = (purchases.c.company_key == latest.c.company_key) & (
                    purchases.c.settled_at == latest.c.settled_at
                )
                read = (
                    select(purchases.c.company_key)
                    .join(latest, is_latest)
                    .join(servings, servings.c.purchase_id == purchases.c.purchase_id)
                )
                found.update((await connection.scalars(union(sold, read))).all())
        return found

    async def with_opportunities(self) -> dict[str, str]:
        """Return the keys of companies that have an opportunity, each with a name of it."""
        statement = (
            select(opportunities.c.company_key, func.min(leads.c.company).label("company"))
            .join(opportunities, opportunities.c.lead_id == leads.c.id)
            .group_by(opportunities.c.company_key)
        )
        async with reading(self._engine, "read companies with opportunities") as connection:
            rows = await connection.execute(statement)
            return {row.company_key: row.company for row in rows}

    async def leads_of(self, company_keys: Collection[str]) -> list[UUID]:
        """Return the leads of *company_keys* that the agents have judged before."""
        found: set[UUID] = set()
        async with reading(self._engine, "read a company's leads") as connection:
            for chunk in in_chunks(sorted(set(company_keys)), CHUNK):
                statement = select(decisions.c.lead_id).where(decisions.c.company_key.in_(chunk))
                found.update((await connection.scalars(statement.distinct())).all())
        return sorted(found)


T = TypeVar("T")

DUE: Final = "schedule1:due"
BUILT: Final = "schedule1:built"

#: After which what a scheduler took, and did not put elsewhere, is given out again. Longer
#: than a batch takes to enqueue, on a busy machine too.
LEASE: Final = timedelta(minutes=5)
#: How long the set is remembered after its last use.
TTL: Final = timedelta(days=2)
#: How often what may be missing from it is added again.
REBUILD: Final = timedelta(hours=1)
#: Members that one command adds.
MOST: Final = 1000

_MS: Final = timedelta(milliseconds=1)


class DueSet:
    """The due set of one installation. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, *, lease: timedelta = LEASE) -> None:
        self._redis = redis
        self._lease = lease
        self._take = load_script(redis, "orchestrator.schedule", "take")

    async def take(self, limit: int) -> list[UUID]:
        """Take up to *limit* watches that are due; no other scheduler gets them for a lease."""

        async def take() -> list[bytes]:
            args = [limit, self._lease // _MS, TTL // _MS]
            return cast("list[bytes]", await self._take(keys=[DUE], args=args))

        taken = await self._run_step("take due watches", take)
        watches = {member: _watch_id(member) for member in taken}
        if strange := [member for member, watch in watches.items() if watch is None]:
            # Something else has written them; the set is an index, and nothing is lost with them.
            log.warning("schedule.strangers_dropped", count=len(strange))
            with store_errors("drop watches"):
                await self._redis.zrem(DUE, *strange)
        return [watch for watch in watches.values() if watch is not None]

    async def put(self, instants: Mapping[UUID, datetime]) -> None:
        """Look at each of the watches at its instant, and not before."""
        await self._add(instants, only_new=False)

    async def drop(self, watches: Collection[UUID]) -> None:
        """Look at *watches* no more."""
        if watches:
            with store_errors("drop watches"):
                await self._redis.zrem(DUE, *map(str, watches))

    async def rebuild(self, stored: Callable[[], AsyncIterator[Mapping[UUID, datetime]]]) -> bool:
        """Add what is *stored* and missing, if that was not done for an hour.

        Whatever is in the set already stays as it is: it may be under way. The mark is set at
        the end, so that a rebuild that was killed counts for nothing.
        """
        with store_errors("find the due set"):
            if await self._redis.exists(BUILT, DUE) == len((BUILT, DUE)):
                return False
        async for instants in stored():
            await self._add(instants, only_new=True)
        with store_errors("rebuild the due set"):
            await self._redis.set(BUILT, "1", px=REBUILD)
        return True

    async def _add(self, instants: Mapping[UUID, datetime], *, only_new: bool) -> None:
        pairs = [(str(watch), at.timestamp() * 1000) for watch, at in instants.items()]
        for start in range(0, len(pairs), MOST):
            some = dict(pairs[start : start + MOST])
            await self._run_step("put watches", partial(self._write, some, only_new=only_new))

    async def _write(self, instants: Mapping[str, float], *, only_new: bool) -> None:
        async with self._redis.pipeline(transaction=True) as both:
            both.zadd(DUE, dict(instants), nx=only_new)
            both.pexpire(DUE, TTL)
            await both.execute()

    async def _run_step(self, operation: str, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step; if something else stands in the place of the set, drop that before."""
        try:
            with store_errors(operation):
                return await step()
        except StoreRefused as refused:
            if refused.reason not in DAMAGE:
                raise
        log.error("schedule.due_set_dropped")
        with store_errors(operation):
            await self._redis.unlink(DUE, BUILT)
            return await step()


def _watch_id(member: bytes) -> UUID | None:
    try:
        return UUID(member.decode())
    except ValueError:
        return None
