"""Turns due watches into jobs. Runs in every worker, and is harmless in any number.

The order is what makes it so: taken from the due set (one scheduler has it), claimed in SQL
under a job id that is new (one run a watch), then submitted under that id. Killed before the
claim, or before the job is accepted, the watch becomes due again when the lease is over;
killed after that, the job is found and left alone.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Final, Protocol

import structlog

from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.background import Loop
from orchestrator.infra.clock import Clock
from orchestrator.jobs import Job, JobKind, JobRecords, JobState, Lane, NewJob, Origin

from .model import Action, RunEnd, Watch, WatchKind, action_for, new_watch
from .watches import DueSet, RefreshPolicy, Watches

log = structlog.get_logger(__name__)

#: Watches that are taken up together.
BATCH: Final = 500
#: How often each worker looks. Nothing is due to the second.
PERIOD: Final = timedelta(seconds=5)


class Submit(Protocol):
    """The one way in for work: `dispatch.submit`, bound to its runtime."""

    async def __call__(self, new: NewJob, *, job_id: str | None = None) -> Job:
        """Accept *new* durably and announce it."""


class Scheduler:
    """Looks for due watches every `PERIOD`."""

    def __init__(
        self,
        watches: Watches,
        due: DueSet,
        policy: RefreshPolicy,
        records: JobRecords,
        index: CompanyIndex,
        clock: Clock,
        *,
        batch: int = BATCH,
    ) -> None:
        self._watches = watches
        self._due = due
        self._policy = policy
        self._records = records
        self._index = index
        self._clock = clock
        self._batch = batch

    def loop(self, submit: Submit) -> Loop:
        """Return the loop that every worker runs."""
        return Loop("scheduler", partial(self.tick, submit), PERIOD)

    async def tick(self, submit: Submit) -> int:
        """Enqueue every company that is due; return how many.

        Raises:
            StoreUnavailable, DatabaseUnavailable: What was taken becomes due again.
        """
        await self._due.rebuild(self._watches.instants)
        enqueued = 0
        while ids := await self._due.take(self._batch):
            enqueued += await self._act(ids, submit)
            if len(ids) < self._batch:
                break
        return enqueued

    async def _act(self, ids: Collection[uuid.UUID], submit: Submit) -> int:
        watches = await self._watches.of(ids)
        jobs = await self._states({w.job_id for w in watches.values() if w.job_id})
        worth = await self._worth_refreshing(
            {w.company_key for w in watches.values() if w.kind is WatchKind.DERIVED}
        )
        now = self._clock()
        chosen: defaultdict[Action, list[Watch]] = defaultdict(list)
        gone = []
        for watch_id in ids:
            watch = watches.get(watch_id)
            state = None if watch is None or watch.job_id is None else jobs[watch.job_id]
            action = action_for(
                watch,
                now,
                is_running=state is not None and not state.is_final,
                was_cancelled=state is JobState.CANCELLED,
                is_worth=watch is not None
                and (watch.kind is not WatchKind.DERIVED or watch.company_key in worth),
            )
            if watch is None or action is Action.FORGET:
                gone.append(watch_id)
            else:
                chosen[action].append(watch)
        await self._due.drop(gone)
        await self._due.put({watch.id: watch.next_at for watch in chosen[Action.WAIT]})
        await self._rejudge(chosen[Action.REJUDGE], submit)
        for rule in chosen[Action.EXPAND]:
            await self._expand(rule)
        await self._postpone(chosen[Action.SKIP], "not_worth_it")
        await self._end(chosen[Action.END])
        return await self._enqueue(chosen[Action.RUN], submit)

    async def _states(self, job_ids: Collection[str]) -> dict[str, JobState | None]:
        """Return the state of each job, None for one that is not there."""
        ids = sorted(job_ids)
        return dict(zip(ids, await self._records.states(ids), strict=True))

    async def _worth_refreshing(self, company_keys: Collection[str]) -> set[str]:
        """Return those of *company_keys* that are worth a look, also by what gave way to them."""
        all_of = {key: await self._index.merged_keys(key) for key in company_keys}
        worth = await self._policy.among(set(chain.from_iterable(all_of.values())))
        return {key for key, keys in all_of.items() if worth.intersection(keys)}

    async def _enqueue(self, due: Collection[Watch], submit: Submit) -> int:
        enqueued = 0
        for tenant, watches in _by_tenant(due).items():
            job_id = uuid.uuid4().hex
            # None of them runs, as far as is known; begun elsewhere since, it has another job.
            ended = {watch.job_id for watch in watches if watch.job_id}
            begun = await self._watches.begin([watch.id for watch in watches], job_id, ended)
            items = tuple(watch.item for watch in watches if watch.id in begun)
            if items:
                await submit(_job(JobKind.REFRESH, items, tenant), job_id=job_id)
                log.info("schedule.enqueued", job_id=job_id, companies=len(items))
            enqueued += len(items)
        return enqueued

    async def _rejudge(self, changed: Collection[Watch], submit: Submit) -> None:
        """Have the agents look at the leads of companies whose evidence is another now.

        On the evidence that is kept: nothing is bought for it.
        """
        for tenant, watches in _by_tenant(changed).items():
            keys = [await self._index.merged_keys(watch.company_key) for watch in watches]
            leads = await self._policy.leads_of(set(chain.from_iterable(keys)))
            if leads:
                await submit(_job(JobKind.REJUDGE, tuple(map(str, leads)), tenant))
        # After the jobs are accepted: killed in between, they are asked again, with no effect.
        await self._watches.rejudged([watch.id for watch in changed])
        await self._due.put({watch.id: watch.next_at for watch in changed})

    async def _expand(self, rule: Watch) -> None:
        """Watch the companies that have got an opportunity since."""
        now = self._clock()
        found: dict[uuid.UUID, Watch] = {}
        for company_key, name in (await self._policy.with_opportunities()).items():
            key, *_ = await self._index.merged_keys(company_key)
            watch = new_watch(
                name,
                tenant=rule.tenant,
                every=rule.every,
                now=now,
                kind=WatchKind.DERIVED,
                company_key=key,
            )
            found[watch.id] = watch
        known = await self._watches.of(found)
        new = [watch for watch in found.values() if watch.id not in known]
        await self._watches.derive(rule, new)
        await self._due.put({watch.id: watch.next_at for watch in new})
        await self._postpone([rule], None)

    async def _end(self, cancelled: Collection[Watch]) -> None:
        """End runs whose job was cancelled: who cancels does not want them a moment later."""
        ends = [RunEnd(watch, watch.job_id or "", "cancelled") for watch in cancelled]
        instants = await asyncio.gather(*(self._watches.end(end) for end in ends))
        ended = zip(cancelled, instants, strict=True)
        await self._due.put({watch.id: at for watch, at in ended if at is not None})

    async def _postpone(self, watches: Collection[Watch], outcome: str | None) -> None:
        if watches:
            await self._due.put(await self._watches.postpone(watches, outcome))


def _job(kind: JobKind, items: tuple[str, ...], tenant: str) -> NewJob:
    return NewJob(kind, items, tenant, lane=Lane.REFRESH, origin=Origin.SCHEDULE)


def _by_tenant(watches: Collection[Watch]) -> dict[str, list[Watch]]:
    grouped: defaultdict[str, list[Watch]] = defaultdict(list)
    for watch in watches:
        grouped[watch.tenant].append(watch)
    return grouped
