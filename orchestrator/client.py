"""The Python front door: everything that commands and HTTP do, for services in Python.

It calls the functions that the other entry points call, under the same bounds. `sync` is the same
for callers without an event loop.
"""

import asyncio
import contextlib
import re
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Sized,
)
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, Generic, ParamSpec, Self, TypeVar, cast
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from agents.case import Lead
from orchestrator.app import Runtime, connect_runtime
from orchestrator.database import DatabaseUnavailable
from orchestrator.dispatch import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    RequeueReport,
    Terms,
    command,
    requeue_all,
    submit_stream,
    wait_for,
)
from orchestrator.handlers import (
    CompanyResult,
    FailedItem,
    ItemResult,
    LeadResult,
    RejudgedLead,
    list_failed_items,
)
from orchestrator.identity import Mention
from orchestrator.infra import bounds
from orchestrator.infra.logs import use_in_library
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import (
    Command,
    FailureFilter,
    Job,
    JobFilter,
    JobGone,
    JobKind,
    JobState,
    Lane,
    NewJob,
    NotNow,
    Origin,
    lane_of,
)
from orchestrator.leadfile import Level, checked_mention, lead_from, read_lead
from orchestrator.leads import OnConflict
from orchestrator.lookup import (
    CompanyHistory,
    billing_context,
    forget,
    look_up_all,
    read_evidence,
    read_history,
)
from orchestrator.purchasing import EvidenceShown
from orchestrator.settings import load, warn_of_removed_settings

P = ParamSpec("P")
T = TypeVar("T")
#: What the results of a job are.
R = TypeVar("R", bound=ItemResult)

#: A company: its name, or a mapping with `company`, and `website`, `country`, `city` and `phone`
#: if known.
CompanyLike = str | Mapping[str, object] | Mention
#: A lead: the id of a stored one, or a whole one, with English or Spanish names of its fields.
LeadLike = UUID | Lead | Mapping[str, object]

#: Items of a submission that are checked and stored at a time.
_TOGETHER: Final = 500
#: Rows of a running job that are looked at for their results at a time.
_WINDOW: Final = 200
_JOB_ID: Final = re.compile("[0-9a-f]{32}")
_KEY: Final = TypeAdapter(bounds.IdempotencyKey | None)
_COST: Final = TypeAdapter(bounds.CostMicros | None)
_INSTANT: Final = TypeAdapter(AwareDatetime | None)
_TENANT: Final = TypeAdapter(bounds.Tenant | None)
_DEADLINE: Final = TypeAdapter(bounds.Deadline | None)
_RESULTS: Final[dict[JobKind, type[ItemResult]]] = {
    JobKind.PIPELINE: LeadResult,
    JobKind.REJUDGE: RejudgedLead,
}


class InvalidRequest(ValueError):
    """An argument that no entry point accepts; `problems` are sentences that say what to do."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """Return all sentences."""
        return "\n".join(self.problems)


class JobHandle(Generic[R]):
    """A job, by its id. `job` is its record as it was last read."""

    def __init__(self, runtime: Runtime, job: Job) -> None:
        self._runtime = runtime
        self.job = job

    @property
    def id(self) -> str:
        """Its id, by which every entry point knows it."""
        return self.job.job_id

    async def refresh(self) -> Job:
        """Read and return the job's record: its state, and how many of its rows are done.

        Raises:
            JobGone: It is remembered no more.
            StoreUnavailable: Redis is unavailable.
        """
        job = await self._runtime.jobs.records.job(self.id)
        if job is None:
            raise JobGone(self.id)
        self.job = job
        return job

    async def wait(self, timeout: timedelta | None = None) -> Job:  # noqa: ASYNC109 - of the job's work, which goes on
        """Wait until the job has ended, and return its record.

        Giving up, or being cancelled, changes nothing for the job.

        Raises:
            TimeoutError: It has not ended within *timeout*.
            JobGone: It is remembered no more.
            StoreUnavailable: Redis is unavailable.
        """
        ended = await wait_for(self._runtime, self.job, timeout)
        if ended is None:
            raise TimeoutError(f"job {self.id} has not ended yet")
        self.job = ended
        return ended

    async def results(self, *, start: int = 0, evidence: bool = True) -> AsyncIterator[R]:
        """Yield the result of each row, in the order of the request, as they become available.

        The next row without a result is waited for until the job has ended; then the rows that
        have none are left out.

        Args:
            start: Number of the first row, from 0.
            evidence: Whether companies' results have their evidence, most of what is read.

        Raises:
            JobGone: It is remembered no more.
            StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable.
        """
        reader, model = self._runtime.jobs.results, _RESULTS.get(self.job.kind, CompanyResult)
        pause_s = FIRST_PAUSE_S
        while True:
            ended = (await self.refresh()).state.is_final
            stop = self.job.total
            if not ended:  # up to the first gap, found without evidence
                window = range(start, min(start + _WINDOW, stop))
                known = await reader.some(self.job, window, with_evidence=False)
                stop = next((number for number in window if number not in known), window.stop)
            if stop > start:
                pause_s = FIRST_PAUSE_S
                rows = reader.rows(self.job, start=start, stop=stop, with_evidence=evidence)
                async with contextlib.aclosing(rows):  # type: ignore[type-var]  # it is a generator
                    async for number, result in rows:
                        yield cast("R", model.model_validate(result))
                        start = number + 1
            if ended or start >= self.job.total:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def failed(
        self, *, codes: Iterable[str] = (), since: datetime | None = None
    ) -> AsyncIterator[FailedItem]:
        """Yield the items that have failed, with the reason and whether a retry may help."""
        wanted = FailureFilter(self.id, frozenset(codes), since=_check("since", _INSTANT, since))
        async for _, items in list_failed_items(self._runtime.jobs.failures, wanted):
            for item in items:
                yield item

    async def pause(self) -> Job:
        """Begin no further item; those under way are completed."""
        return await self._command(Command.PAUSE)

    async def resume(self) -> Job:
        """Continue a paused job."""
        return await self._command(Command.RESUME)

    async def cancel(self) -> Job:
        """End the job for good; rows without a result get none."""
        return await self._command(Command.CANCEL)

    async def _command(self, wanted: Command) -> Job:
        job = await command(self._runtime, self.id, wanted)
        if job is None:
            raise JobGone(self.id)
        self.job = job
        return job


class Orchestrator:
    """Looks companies up, judges leads, and follows jobs. One belongs to one event loop.

    Every method may raise `StoreUnavailable` or `DatabaseUnavailable`; repeating the call is safe,
    and buys nothing twice.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Work with *runtime*, which is the caller's to close; see `from_env`."""
        self.runtime = runtime

    @classmethod
    @contextlib.asynccontextmanager
    async def from_env(cls, **variables: object) -> AsyncIterator[Self]:
        """Open the installation that the environment configures; close it at the end.

        Closing waits for purchases in flight.

        Args:
            variables: Settings by variable name that win over the environment.

        Raises:
            ConfigurationError: A setting is missing or wrong.
            DatabaseUnavailable: The database cannot be reached.
            SchemaMismatch: The database has the schema of another version.
        """
        settings = load(**variables)
        use_in_library(settings.log_level)
        warn_of_removed_settings()
        async with connect_runtime(settings) as runtime:
            yield cls(runtime)

    async def enrich(
        self,
        company: CompanyLike,
        *,
        tenant: str | None = None,
        max_cost_micros: int | None = None,
        deadline: datetime | None = None,
        buy_again: bool = False,
        patience: timedelta | None = None,
    ) -> CompanyResult:
        """Look one company up, in this process; it is bought if nothing fresh is known.

        Args:
            company: Its name, or a mapping with `company`, `website`, `country` and `city`.
            tenant: Whose money is spent; `EMASAI_TENANT` by default.
            max_cost_micros: What this call may spend, in millionths of a US dollar.
            deadline: Aware; a lookup that has not begun by then fails.
            buy_again: Whether to buy although an earlier purchase, whose answer was lost, may have
                been charged.
            patience: The longest wait; a lookup that takes longer still completes, once.

        Raises:
            InvalidRequest: An argument is out of bounds.
        """
        (result,) = await self.enrich_all(
            [company],
            tenant=tenant,
            max_cost_micros=max_cost_micros,
            deadline=deadline,
            buy_again=buy_again,
            patience=patience,
        )
        return result

    async def enrich_all(
        self,
        companies: Iterable[CompanyLike],
        *,
        tenant: str | None = None,
        max_cost_micros: int | None = None,
        deadline: datetime | None = None,
        buy_again: bool = False,
        patience: timedelta | None = None,
    ) -> list[CompanyResult]:
        """Look some companies up side by side, as `enrich`; for many, `submit` a job.

        *max_cost_micros* is for all of them together.
        """
        _check_several(companies)
        mentions = [_mention(number, each) for number, each in enumerate(companies)]
        if not mentions:
            return []
        terms = _terms(tenant, max_cost_micros, deadline, buy_again=buy_again)
        context = await billing_context(self.runtime, terms)
        try:
            reports = await look_up_all(self.runtime, mentions, terms, context, patience)
        except NotNow as error:
            if isinstance(error.__cause__, StoreUnavailable | DatabaseUnavailable):
                raise error.__cause__ from None
            raise
        complete = await self.runtime.jobs.results.complete([each.result for each in reports])
        return [CompanyResult.model_validate(result) for result in complete]

    async def submit(
        self,
        companies: Iterable[CompanyLike] | AsyncIterable[CompanyLike],
        *,
        tenant: str | None = None,
        max_cost_micros: int | None = None,
        deadline: datetime | None = None,
        buy_again: bool = False,
        idempotency_key: str | None = None,
        about: str | None = None,
    ) -> JobHandle[CompanyResult]:
        """Accept a job that looks companies up; workers do it.

        It may have a million rows: they are read some at a time. Equal work that is not finished is
        the same job; for a day, so is work under the same *idempotency_key*.

        Args:
            companies: As for `enrich`; names that cannot be used get a result that says why.
            tenant: Whose money is spent; `EMASAI_TENANT` by default.
            max_cost_micros: What the job may spend, in millionths of a US dollar.
            deadline: Aware; items that have not begun by then fail.
            buy_again: As for `enrich`.
            idempotency_key: The caller's name for this request.
            about: In words, where the items come from; shown in lists of jobs.

        Raises:
            InvalidRequest: An argument is out of bounds; nothing was accepted.
            KeyReused: The key led to a job for other work.
            StoreFull: Redis has hardly any memory left; nothing was accepted.
        """
        terms = _terms(tenant, max_cost_micros, deadline, buy_again=buy_again)
        new = self._job(terms, JobKind.ENRICH, companies, about)

        async def items() -> AsyncIterator[Sequence[str]]:
            number = 0
            async for some in _blocks(companies):
                yield [_mention(number + n, each).text for n, each in enumerate(some)]
                number += len(some)

        return await self._submit(new, items(), idempotency_key)

    async def run_leads(
        self,
        leads: Iterable[LeadLike] | AsyncIterable[LeadLike],
        *,
        tenant: str | None = None,
        max_cost_micros: int | None = None,
        deadline: datetime | None = None,
        buy_again: bool = False,
        idempotency_key: str | None = None,
        about: str | None = None,
        on_conflict: OnConflict = OnConflict.REPLACE,
    ) -> JobHandle[LeadResult]:
        """Accept a job that runs leads past the agents; workers do it.

        Whole leads are stored first: the same person at the same company is the same lead, which
        what is given now updates (*on_conflict* says who wins); None erases nothing. The id of a
        `Lead` says who it is, if it was not made of its fields. The other arguments, and the
        errors, are those of `submit`.
        """
        terms = _terms(tenant, max_cost_micros, deadline, buy_again=buy_again)
        new = self._job(terms, JobKind.PIPELINE, leads, about)

        async def items() -> AsyncIterator[Sequence[str]]:
            number = 0
            async for some in _blocks(leads):
                read = [_lead(number + n, each) for n, each in enumerate(some)]
                whole = [each for each in read if isinstance(each, Lead)]
                store = self.runtime.leads.store
                imported = await store.import_leads(whole, on_conflict=on_conflict)
                ids = iter(imported.ids)
                yield [str(next(ids) if isinstance(each, Lead) else each) for each in read]
                number += len(some)

        return await self._submit(new, items(), idempotency_key)

    async def job(self, job_id: str) -> JobHandle[CompanyResult | LeadResult]:
        """Return a job by its id, whichever entry point accepted it.

        Raises:
            JobGone: There is no such job, or it is remembered no more.
        """
        # Other texts would name other keys of jobs.
        job = await self.runtime.jobs.records.job(job_id) if _JOB_ID.fullmatch(job_id) else None
        if job is None:
            raise JobGone(job_id)
        return JobHandle(self.runtime, job)

    async def jobs(
        self,
        *,
        state: JobState | None = None,
        lane: Lane | None = None,
        tenant: str | None = None,
    ) -> AsyncIterator[JobHandle[CompanyResult | LeadResult]]:
        """Yield jobs, newest first."""
        async for job in self.runtime.jobs.job_list.newest(JobFilter(state, lane, tenant)):
            yield JobHandle(self.runtime, job)

    async def requeue(
        self,
        *,
        job_id: str | None = None,
        codes: Iterable[str] = (),
        tenant: str | None = None,
        lane: Lane | None = None,
        since: datetime | None = None,
        max_cost_micros: int | None = None,
        deadline: datetime | None = None,
        dry_run: bool = False,
    ) -> RequeueReport:
        """Try failed items again: a new job for each old one, and each item once.

        Items that need a fix first, or that may have been charged, only if *codes* names their
        reason: `answer_lost` buys them once more. With *dry_run* nothing changes.

        Raises:
            InvalidRequest: Nothing says which items are meant, or an argument is out of bounds.
        """
        wanted = FailureFilter(
            job_id, frozenset(codes), tenant, lane, _check("since", _INSTANT, since)
        )
        if wanted == FailureFilter():
            raise InvalidRequest(("Give one of job_id, codes, tenant, lane and since.",))
        terms = _terms(None, max_cost_micros, deadline)
        return await requeue_all(self.runtime, wanted, terms, dry_run=dry_run)

    async def explain(self, company: CompanyLike) -> CompanyHistory:
        """Return all that is known of a company: key, purchases and their cost, decisions.

        *company* may be a company key, too. Costs nothing.

        Raises:
            InvalidRequest: It is no company's name.
        """
        return await read_history(self.runtime, _mention(0, company))

    async def evidence(self, company: CompanyLike) -> EvidenceShown | None:
        """Return what was found about a company, step by step; None if nothing is kept of it.

        With the price of each step, the bounds of the score after it, the sources that were looked
        at, and why the other steps were not bought. Costs nothing.

        Raises:
            InvalidRequest: It is no company's name.
        """
        return await read_evidence(self.runtime, _mention(0, company))

    async def forget(self, *companies: str) -> int:
        """Forget the stored results of companies, so that the next lookup buys; count them."""
        return await forget(self.runtime, companies)

    def _job(self, terms: Terms, kind: JobKind, items: object, about: str | None) -> NewJob:
        _check_several(items)
        lane = lane_of(len(items)) if isinstance(items, Sized) else None
        return terms.new_job(self.runtime, kind, origin=Origin.API, lane=lane, about=about)

    async def _submit(
        self, new: NewJob, items: AsyncIterator[Sequence[str]], key: str | None
    ) -> JobHandle[Any]:
        checked = _check("idempotency_key", _KEY, key)
        async with contextlib.aclosing(items):  # type: ignore[type-var]  # it is a generator
            job = await submit_stream(self.runtime, new, items, idempotency_key=checked)
        return JobHandle(self.runtime, job)


async def _blocks(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[list[T]]:
    """Yield *items* some at a time."""
    if not isinstance(items, AsyncIterable):
        each = iter(items)
        while some := list(islice(each, _TOGETHER)):
            yield some
            await asyncio.sleep(0)
        return
    block: list[T] = []
    async for item in items:
        block.append(item)
        if len(block) == _TOGETHER:
            yield block
            block = []
    if block:
        yield block


def _check_several(items: object) -> None:
    """Refuse one company or lead in place of several: its letters or fields would be bought."""
    if isinstance(items, str | bytes | Mapping | Mention | Lead | UUID):
        raise InvalidRequest(("Give a list, also for one company or lead.",))


def _mention(number: int, company: CompanyLike) -> Mention:
    if isinstance(company, Mention):
        company = {field: text for field, text in _fields_of(company) if text is not None}
    try:
        return checked_mention(company)
    except ValueError as error:
        raise InvalidRequest((f"companies[{number}] {error}",)) from None


def _fields_of(mention: Mention) -> Iterator[tuple[str, str | None]]:
    return zip(("company", "website", "country", "city", "phone"), mention, strict=True)


def _lead(number: int, lead: LeadLike) -> Lead | UUID:
    if isinstance(lead, Lead | UUID):
        return lead
    try:
        fields, problems = read_lead(lead)
    except ValueError as error:
        raise InvalidRequest((f"leads[{number}].{error}",)) from None
    faults = [each for each in problems if each.level is Level.ERROR]
    if fields is None or faults:
        raise InvalidRequest(
            tuple(f"leads[{number}].{each.field} {each.message}; {each.hint}" for each in faults)
        )
    return lead_from(fields)


def _terms(
    tenant: str | None,
    max_cost_micros: int | None,
    deadline: datetime | None,
    *,
    buy_again: bool = False,
) -> Terms:
    return Terms(
        _check("max_cost_micros", _COST, max_cost_micros),
        _check("deadline", _DEADLINE, deadline),
        _check("tenant", _TENANT, tenant),
        buy_again,
    )


def _check(name: str, bound: TypeAdapter[T], value: object) -> T:
    try:
        return bound.validate_python(value)
    except ValidationError as error:
        raise InvalidRequest((f"{name} {bounds.complaint_of(error.errors()[0])}",)) from None
