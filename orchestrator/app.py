"""The composition root: the only place where the parts meet.

Worker, API, CLI and tests all call `build` and get the same object graph; tests substitute
the clock or the notifier. Nothing here runs at import.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Pipeline
from agents.cdao import CdaoAgent, PolicyError, default_policy, parse_policy
from orchestrator.cache import TTL_S, Cache, Kind
from orchestrator.database import DatabaseUnavailable, database_time, open_engine, require_current
from orchestrator.evidence.waterfall import DEFAULT_CEILING_MICROS
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites, Repairs
from orchestrator.gateway import Comparison, Persons, Records
from orchestrator.handlers import (
    CompanyHandler,
    LeadHandler,
    RefreshHandler,
    Rejudge,
    ResultReader,
)
from orchestrator.identity.index import CompanyIndex, IdentityDecisions
from orchestrator.infra.background import Pruner, Supervisor
from orchestrator.infra.clock import TOLERANCE, Clock, ServerClock, ahead_of, utc_now
from orchestrator.infra.counters import Counters
from orchestrator.infra.redis_client import open_redis, redis_time
from orchestrator.infra.slots import Slots
from orchestrator.jobs import (
    CHUNK_ITEMS,
    Backlog,
    ChunkRunner,
    Failures,
    IdempotencyKeys,
    Intake,
    JobKind,
    JobList,
    JobRecords,
    JobResults,
    Notifier,
    PoisonTracker,
)
from orchestrator.leads import LeadStore, Outbox, OutboxRelay, open_webhook
from orchestrator.memo import Durability, Memo, MemoOptions
from orchestrator.messaging import CeleryNotifier, Workers, create_app
from orchestrator.purchasing import (
    SEND_WITHIN,
    TTL_JITTER,
    Books,
    Budget,
    Caps,
    Costs,
    Enricher,
    EnrichmentFailures,
    EvidenceArchive,
    EvidenceReader,
    Freshness,
    Ledger,
    OrphanedRuns,
    Purchaser,
    Questions,
    Research,
    ReuseStatistics,
    StepOffers,
    Sweeper,
)
from orchestrator.schedule import DueSet, RefreshPolicy, Scheduler, Watches
from orchestrator.settings import ConfigurationError, Settings, webhook_key
from orchestrator.surfsense import (
    EnrichSeller,
    Http,
    RunTimeouts,
    Seller,
    SurfSenseAccount,
    WorkspaceApi,
    WorkspaceSeller,
    open_http,
)
from orchestrator.surfsense.pace import Pace, Rate

log = structlog.get_logger(__name__)

#: How long "no such company", and any lasting refusal of SurfSense, is believed: to ask again costs
#: money, and a company that was missing by mistake is found the same hour.
NOT_FOUND_TTL: Final = timedelta(minutes=30)
#: How long a hand-over is listed after its delivery; an undelivered one always is.
HANDOVERS_KEPT: Final = timedelta(days=90)
#: Seconds that the comparison of clocks may take at the start.
COMPARE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Backends:
    """The connections to the database and to the Redis databases."""

    engine: AsyncEngine
    memo_redis: Redis
    jobs_redis: Redis
    gateway_redis: Redis


@dataclass(frozen=True, slots=True)
class Identities:
    """Which company a name means, and what people have decided about that."""

    index: CompanyIndex
    decisions: IdentityDecisions


@dataclass(frozen=True, slots=True)
class Purchasing:
    """Lookups, what they cost, and what was bought.

    `price_micros` is the most that one company costs, `pace` None where there is no rate limit.
    """

    enricher: Enricher
    memo: Memo
    price_micros: int
    pace: Pace | None
    budget: Budget
    ledger: Ledger
    costs: Costs
    archive: EvidenceArchive
    questions: Questions
    reuse: ReuseStatistics
    counters: Counters


@dataclass(frozen=True, slots=True)
class Jobs:
    """Accepted work: its records, its results, and the workers that do it."""

    intake: Intake
    records: JobRecords
    results: ResultReader
    job_list: JobList
    failures: Failures
    backlog: Backlog
    idempotency: IdempotencyKeys
    workers: Workers
    notifier: Notifier


@dataclass(frozen=True, slots=True)
class Leads:
    """Leads, the agents that judge them, and what was handed over."""

    store: LeadStore
    pipeline: Pipeline
    rejudge: Rejudge
    outbox: Outbox

    @property
    def policy_version(self) -> str:
        """Identity of the rules by which leads are judged."""
        return self.pipeline.version


@dataclass(frozen=True, slots=True)
class Gateway:
    """Leads and opportunities as other services read and write them, and the cache around them."""

    records: Records
    persons: Persons
    cache: Cache
    repairs: Repairs
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which leads and companies are looked at again, and when."""

    watches: Watches
    due: DueSet


@dataclass(frozen=True, slots=True)
class Worker:
    """What runs in worker processes only, and in commands that buy.

    `account` is what purchases by `workspace` rest on; None by `enrich`.
    """

    account: SurfSenseAccount | None
    runner: ChunkRunner
    purchaser: Purchaser
    sweeper: Sweeper
    scheduler: Scheduler
    pruners: tuple[Pruner, ...]
    relay: OutboxRelay | None
    supervisor: Supervisor

    def drain(self) -> None:
        """Begin no further item and no further purchase; those under way are completed."""
        self.runner.drain()
        self.purchaser.drain()


@dataclass(frozen=True, slots=True)
class Runtime:
    """The object graph of one process, bound to one event loop; callers take the parts they use."""

    settings: Settings
    clock: Clock
    backends: Backends
    identity: Identities
    purchasing: Purchasing
    jobs: Jobs
    leads: Leads
    gateway: Gateway
    schedule: Schedule
    worker: Worker

    @property
    def clock_ahead(self) -> timedelta:
        """By how much this machine's clock is ahead of the Redis server's."""
        return self.clock.ahead if isinstance(self.clock, ServerClock) else timedelta(0)

    async def follow_clock(self) -> None:
        """Compare this machine's clock with the server's, and log if it has gone wrong.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        await _follow(self.clock, self.backends.jobs_redis)


def load_pipeline(settings: Settings) -> Pipeline:
    """Return the agents that judge leads, in order; an agent is added here.

    The CDAO's policy is `EMASAI_POLICY_FILE`, or the one that is shipped.

    Raises:
        ConfigurationError: A policy file cannot be read or is invalid.
    """
    if settings.policy_file is None:
        return Pipeline((CdaoAgent(default_policy()),))
    try:
        policy = parse_policy(settings.policy_file.read_text("utf-8"))
    except OSError as error:
        problem = f"EMASAI_POLICY_FILE: {settings.policy_file} cannot be read ({error.strerror})"
        raise ConfigurationError((problem,)) from error
    except PolicyError as error:
        problems = tuple(f"{settings.policy_file}: {problem}" for problem in error.problems)
        raise ConfigurationError(problems) from error
    return Pipeline((CdaoAgent(policy),))


def caps_of(settings: Settings) -> Caps:
    """Return the caps that hold for every purchase."""
    return Caps(
        tenant_micros=settings.cap_tenant_micros,
        day_micros=settings.cap_day_micros,
        global_micros=settings.cap_global_micros,
        refresh_day_micros=settings.cap_refresh_day_micros,
    )


def company_ceiling(settings: Settings) -> int:
    """Return what one company may cost by `workspace`, in micro-USD."""
    is_set = "price_micros" in settings.model_fields_set
    return settings.price_micros if is_set else DEFAULT_CEILING_MICROS


def _gateway(
    engine: AsyncEngine, fence: Fence, cache: Cache, counters: Counters, clock: Clock
) -> Gateway:
    writes = FencedWrites(engine, fence, clock)
    records, persons = Records(engine, fence, writes, clock), Persons(engine, writes, clock)
    repairs = Repairs(engine, fence, clock)
    return Gateway(records, persons, cache, repairs, Comparison(records, counters))


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    notifier: Notifier,
    clock: Clock | None = None,
    supervisor: Supervisor | None = None,
    chunk_items: int = CHUNK_ITEMS,
) -> AsyncIterator[Runtime]:
    """Open every connection lazily, wire the parts, and close all of it at the end.

    The database is never migrated here (`emasai db upgrade` does that). On leaving, flights
    under way end before their connections are closed.

    Args:
        settings: Of the installation, or of the embedded stack.
        notifier: Announces accepted work; stays the caller's to close.
        clock: The Redis server's unless given.
        supervisor: Of the process's loops; one of its own unless given.
        chunk_items: Items of a job that a worker takes at a time.

    Raises:
        ConfigurationError: The policy file or the database URL is unfit.
        DatabaseUnavailable: The database cannot be reached.
        SchemaTooOld, SchemaTooNew: The database has the schema of another version.
    """
    pipeline = load_pipeline(settings)
    database_url = settings.database_url.get_secret_value()
    supervisor = supervisor or Supervisor()
    clock = clock or ServerClock()
    async with AsyncExitStack() as stack:
        engine = open_engine(database_url)
        stack.push_async_callback(engine.dispose)
        await require_current(engine)
        memo_redis = _redis(stack, settings.redis_memo_url)
        jobs_redis = _redis(stack, settings.redis_jobs_url)
        gateway_redis = _redis(stack, settings.redis_gateway_url)
        await _compare_clocks(clock, jobs_redis, engine)
        http = await stack.enter_async_context(
            open_http(
                settings.surfsense_url.get_secret_value(),
                api_key=settings.surfsense_api_key,
                timeout=settings.surfsense_timeout,
            )
        )
        ledger, reuse = Ledger(engine, clock), ReuseStatistics(engine)
        stack.push_async_callback(reuse.aclose)
        budget = Budget(jobs_redis, ledger, caps_of(settings))
        account = SurfSenseAccount(http, workspace=settings.surfsense_workspace_id, clock=clock)
        seller = open_seller(settings, http, account, clock=clock)
        archive = EvidenceArchive(engine)
        books = Books(
            seller,
            budget,
            ledger,
            archive,
            freshness=Freshness(settings.redis_ttl, NOT_FOUND_TTL, TTL_JITTER),
            honours_key=settings.honours_idempotency_key,
            clock=clock,
        )
        pace = pace_of(settings, jobs_redis, account)
        if pace is not None:
            stack.push_async_callback(pace.aclose)
        orphans = OrphanedRuns(memo_redis, clock=clock)
        durability = Durability(settings.intent_durability)
        purchaser = Purchaser(
            books,
            orphans,
            slots=Slots(settings.max_in_flight),
            send_within=SEND_WITHIN + durability.patience,
            pace=pace,
        )
        memo = Memo(
            memo_redis,
            failures=EnrichmentFailures(settings.failure_ttl, NOT_FOUND_TTL),
            options=MemoOptions(
                lease=settings.lease,
                stale_for=settings.stale_for,
                durability=durability,
                record_ttl=max(MemoOptions().record_ttl, 2 * settings.redis_ttl),
            ),
            supervisor=supervisor,
            clock=clock,
        )
        sweeper = Sweeper(memo, purchaser, orphans, clock=clock)
        counters = Counters(jobs_redis)
        stack.push_async_callback(counters.aclose)
        stack.push_async_callback(memo.aclose)
        index, questions = (
            CompanyIndex(engine, clock),
            Questions(memo_redis, entries_live=settings.redis_ttl + settings.stale_for),
        )
        costs, research, price_micros = Costs(engine), None, seller.price_micros
        if settings.surfsense_protocol == "workspace":
            price_micros = company_ceiling(settings)
            offers = StepOffers(account, costs, clock)
            research = Research(memo, purchaser, offers, questions, ceiling_micros=price_micros)
        enricher = Enricher(memo, purchaser, counters, reuse, index, research=research)
        fence = Fence(gateway_redis, ttl=timedelta(seconds=TTL_S[Kind.LEAD]))
        store = LeadStore(engine, clock, writes=FencedWrites(engine, fence, clock))
        outbox = Outbox(engine, clock)
        pruners = (
            Pruner("evidence", archive, clock, keep=timedelta(days=settings.evidence_days)),
            Pruner("handovers", outbox, clock, keep=HANDOVERS_KEPT),
        )
        records = JobRecords(jobs_redis, ttl=settings.job_ttl)
        evidence = EvidenceReader(archive, memo)
        rejudge = Rejudge(store, evidence, index, pipeline, clock)
        watches, due = Watches(engine, clock), DueSet(jobs_redis)
        runner = ChunkRunner(
            records,
            PoisonTracker(jobs_redis, ttl=settings.job_ttl),
            {
                JobKind.ENRICH: CompanyHandler(enricher),
                JobKind.PIPELINE: LeadHandler(store, enricher, pipeline, clock),
                JobKind.REJUDGE: rejudge,
                JobKind.REFRESH: RefreshHandler(watches, due, evidence, index, enricher),
            },
            notifier,
            purchases=purchaser.slots,
            supervisor=supervisor,
            clock=clock,
        )
        stack.push_async_callback(runner.aclose)
        yield Runtime(
            settings,
            clock,
            Backends(engine, memo_redis, jobs_redis, gateway_redis),
            Identities(index, IdentityDecisions(engine, clock)),
            Purchasing(
                enricher=enricher,
                memo=memo,
                price_micros=price_micros,
                pace=pace,
                budget=budget,
                ledger=ledger,
                costs=costs,
                archive=archive,
                questions=questions,
                reuse=reuse,
                counters=counters,
            ),
            Jobs(
                intake=Intake(jobs_redis, ttl=settings.job_ttl, chunk_items=chunk_items),
                records=records,
                results=ResultReader(JobResults(jobs_redis), evidence),
                job_list=JobList(jobs_redis),
                failures=Failures(jobs_redis),
                backlog=Backlog(jobs_redis),
                idempotency=IdempotencyKeys(jobs_redis),
                workers=Workers(jobs_redis),
                notifier=notifier,
            ),
            Leads(store, pipeline, rejudge, outbox),
            _gateway(
                engine,
                fence,
                Cache(memo_redis, gateway_redis, counters, default_ttl=settings.redis_ttl),
                counters,
                clock,
            ),
            Schedule(watches, due),
            Worker(
                account=account if settings.surfsense_protocol == "workspace" else None,
                runner=runner,
                purchaser=purchaser,
                sweeper=sweeper,
                scheduler=Scheduler(watches, due, RefreshPolicy(engine), records, index, clock),
                pruners=pruners,
                relay=await _open_relay(stack, settings, outbox, clock),
                supervisor=supervisor,
            ),
        )


@asynccontextmanager
async def connect_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Build the runtime of a process that announces work through Celery's broker; see `build`."""
    async with (
        aclosing(CeleryNotifier(create_app(settings))) as notifier,
        build(settings, notifier=notifier) as runtime,
    ):
        yield runtime


async def _compare_clocks(clock: Clock, redis: Redis, engine: AsyncEngine) -> None:
    """Set *clock* by Redis, and log if the database has another time; neither must answer."""
    try:
        async with asyncio.timeout(COMPARE_S):
            await _follow(clock, redis)
            if engine.dialect.name != "sqlite":
                ahead = await ahead_of(partial(database_time, engine), clock)
                if ahead:
                    log.warning("clock.servers_differ", redis_ahead_s=ahead.total_seconds())
    except (RedisError, DatabaseUnavailable, OSError) as error:
        log.warning("clock.not_compared", error=type(error).__name__)


async def _follow(clock: Clock, redis: Redis) -> None:
    if isinstance(clock, ServerClock) and abs(await clock.follow(partial(redis_time, redis))) > (
        TOLERANCE
    ):
        log.warning("clock.is_wrong", ahead_s=clock.ahead.total_seconds())


async def _open_relay(
    stack: AsyncExitStack, settings: Settings, outbox: Outbox, clock: Clock
) -> OutboxRelay | None:
    """Return what delivers the outbox; None where no webhook is configured."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    key, url = webhook_key(settings.webhook_secret), settings.webhook_url.get_secret_value()
    return OutboxRelay(outbox, await stack.enter_async_context(open_webhook(url, key, clock)))


def open_seller(
    settings: Settings, http: Http, account: SurfSenseAccount, *, clock: Clock = utc_now
) -> Seller:
    """Return the seller of `SURFSENSE_PROTOCOL`, which sends through *http* and closes nothing.

    *account* is what `workspace` buys by.
    """
    timeout = settings.surfsense_timeout
    match settings.surfsense_protocol:
        case "enrich":
            return EnrichSeller(
                http, price_micros=settings.price_micros, answers_within=timeout, clock=clock
            )
        case "workspace":
            return WorkspaceSeller(
                WorkspaceApi(http, workspace_id=account.workspace_id, clock=clock),
                prices=lambda: account.prices,
                timeouts=RunTimeouts(accept=min(RunTimeouts().accept, timeout), answer=timeout),
            )


def pace_of(settings: Settings, redis: Redis, account: SurfSenseAccount) -> Pace | None:
    """Return the gate that all buyers of the workspace pass; by `enrich` there is none.

    *account* knows its number, and whether there is credit again after a 402.
    """
    if settings.surfsense_protocol != "workspace":
        return None
    return Pace(
        redis,
        workspace=account.workspace_id,
        rate=Rate(settings.posts_per_minute),
        has_credit=account.has_credit,
    )


def _redis(stack: AsyncExitStack, url: str) -> Redis:
    client = open_redis(url)
    stack.push_async_callback(client.aclose)
    return client
