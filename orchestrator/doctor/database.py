"""Checks the schema, hand-overs, budgets, purchases without an answer, the pace gate and caches."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Final

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.app import caps_of, pace_of
from orchestrator.cache import HitRate, hit_rates
from orchestrator.database import (
    DatabaseForbids,
    DatabaseUnavailable,
    SchemaState,
    SchemaTooNew,
    current_state,
    using_engine,
)
from orchestrator.doctor import SEE_OTHERS, Diagnosis, fault, ok, warning
from orchestrator.gateway import COMPARED, DIVERGED
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.infra.clock import utc_now
from orchestrator.infra.counters import Counters
from orchestrator.infra.redis_client import StoreUnavailable, open_redis
from orchestrator.leads import HandOverState, Outbox
from orchestrator.purchasing import Account, Budget, Costs, Ledger, UncertainCost, accounts_of
from orchestrator.settings import ConfigurationError, Settings
from orchestrator.surfsense import SurfSenseAccount, open_http
from orchestrator.surfsense.pace import Breaker, PaceState

_CHECK: Final = "database"
_HANDOVER: Final = "handover"


async def check_database(settings: Settings) -> list[Diagnosis]:
    """Read the schema's revision, and change nothing."""
    try:
        state = await current_state(settings.database_url.get_secret_value())
    except DatabaseForbids as error:
        fix = "Run `emasai db upgrade` with DATABASE_OWNER_URL, which grants the role its rights."
        return [fault(_CHECK, f"does not let its role {error.operation}", fix)]
    except DatabaseUnavailable:
        fix = "Start the server, or correct DATABASE_URL."
        return [fault(_CHECK, "does not answer", fix)]
    except ConfigurationError as error:
        fix = "Correct DATABASE_URL."
        return [fault(_CHECK, problem, fix) for problem in error.problems]
    return [judge_schema(state)]


def judge_schema(state: SchemaState) -> Diagnosis:
    """Judge the revision of a database. Pure."""
    match state.mismatch:
        case None:
            return ok(_CHECK, f"answers, its schema is current ({state.head})")
        case SchemaTooNew():
            what = f"has revision {state.current}, newer than this program's {state.head}"
            fix = "Install the version that migrated it, or restore the backup made before it."
            return fault(_CHECK, what, fix)
        case _:
            has = "no tables yet" if state.current is None else f"revision {state.current}"
            what = f"has {has}, this program needs revision {state.head}"
            return fault(_CHECK, what, "Run `emasai db upgrade` once.")


@contextlib.asynccontextmanager
async def usable_engine(settings: Settings) -> AsyncIterator[AsyncEngine | None]:
    """Open the database; yield None where `check_database` reports that it cannot be used.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    url = settings.database_url.get_secret_value()
    async with contextlib.AsyncExitStack() as stack:
        engine = None
        with contextlib.suppress(ConfigurationError):
            if (await current_state(url)).is_current:
                engine = await stack.enter_async_context(using_engine(url))
        yield engine


async def check_outbox(settings: Settings) -> list[Diagnosis]:
    """Count the hand-overs in each state; an unusable database has a diagnosis of its own."""
    try:
        async with usable_engine(settings) as engine:
            if engine is None:
                return []
            counts = await Outbox(engine, utc_now).counts()
    except DatabaseUnavailable:
        return []
    return [judge_outbox(counts, has_webhook=settings.webhook_url is not None)]


def judge_outbox(counts: Mapping[HandOverState, int], *, has_webhook: bool) -> Diagnosis:
    """Judge the number of hand-overs in each state. Pure."""
    dead, pending = counts.get(HandOverState.DEAD, 0), counts.get(HandOverState.PENDING, 0)
    if dead:
        fix = (
            "`emasai handover list --state dead` says why; fix the receiver, then run "
            "`emasai handover retry`."
        )
        return warning(_HANDOVER, f"{dead} given up, {pending} pending", fix)
    if pending and not has_webhook:
        fix = "Set EMASAI_WEBHOOK_URL and EMASAI_WEBHOOK_SECRET for the workers."
        return warning(_HANDOVER, f"{pending} pending, and no webhook is configured", fix)
    return ok(_HANDOVER, f"{pending} pending, none given up")


#: The period in which uncertain purchases are reported.
RECENT: Final = timedelta(hours=24)
#: Share of hits below which a cache is hardly worth having.
LOW: Final = 0.5
#: Lookups below which a hit rate says nothing.
ENOUGH: Final = 20
#: Days over which hit rates are counted.
DAYS: Final = 7

_BUDGET: Final = "budget"
_REQUEUE: Final = (
    "`emasai jobs failed --reason answer_lost` lists them, and `emasai jobs requeue --reason "
    "answer_lost` buys them once more; compare `emasai costs` with the seller's bill."
)
_DIVERGED: Final = (
    "Look for Cache-Status `deferred` in answers to writes, for failovers of the gateway's Redis, "
    "and for services that change leads past the API; the copies are dropped already."
)
_TOP_UP: Final = "Top the workspace's owner up; calls go on within a minute."
_SLOWER: Final = (
    "If that comes again, other clients use the workspace, too: lower EMASAI_POSTS_PER_MINUTE."
)
_RAISE: Final = (
    "Raise the cap (EMASAI_CAP_TENANT_MICROS, EMASAI_CAP_DAY_MICROS, EMASAI_CAP_GLOBAL_MICROS) "
    "if more may be bought; stored results are served in any case."
)


async def check_budgets(settings: Settings) -> list[Diagnosis]:
    """Read the accounts that a purchase would use now, and the recent uncertain purchases."""
    now = utc_now()
    accounts = accounts_of(tenant=settings.tenant, day=now.date())
    try:
        async with usable_engine(settings) as engine:
            if engine is None:
                return []  # a diagnosis of `check_database`
            async with open_redis(settings.redis_jobs_url) as client:
                budget = Budget(client, Ledger(engine, utc_now), caps_of(settings))
                states = {name: await budget.account(name) for name in accounts}
            doubt = await Costs(engine).uncertain(now - RECENT)
    except (StoreUnavailable, DatabaseUnavailable):
        return [warning(_BUDGET, "unknown: Redis or the database is unavailable", SEE_OTHERS)]
    return [*judge_budgets(states), *judge_doubt(doubt)]


def judge_budgets(states: Mapping[str, Account]) -> list[Diagnosis]:
    """Judge each account that has a cap. Pure."""
    diagnoses = []
    for name, state in states.items():
        if state.cap_micros is None:
            continue
        used, cap = state.used_micros / MICROS_PER_USD, state.cap_micros / MICROS_PER_USD
        check, what = f"{_BUDGET} {name}", f"${used:,.2f} of ${cap:,.2f} used"
        is_past = state.is_past_soft_cap
        diagnoses.append(warning(check, what, _RAISE) if is_past else ok(check, what))
    return diagnoses or [ok(_BUDGET, "has no cap")]


def judge_doubt(recent: UncertainCost) -> list[Diagnosis]:
    """Judge what purchases without an answer may have cost. Pure."""
    if not recent.purchases:
        return []
    are = f"{recent.purchases} purchase{' is' if recent.purchases == 1 else 's are'}"
    what = (
        f"{are} uncertain in the last {RECENT // timedelta(hours=1)} h: "
        f"${recent.micros / MICROS_PER_USD:,.4f} may have been charged without an answer"
    )
    return [warning("purchases", what, _REQUEUE)]


async def check_pace(settings: Settings) -> list[Diagnosis]:
    """Read the gate that paid calls pass."""
    try:
        url, key = settings.surfsense_url.get_secret_value(), settings.surfsense_api_key
        async with (
            open_redis(settings.redis_jobs_url) as client,
            open_http(url, api_key=key, timeout=settings.surfsense_timeout) as http,
        ):
            account = SurfSenseAccount(http, workspace=settings.surfsense_workspace_id)
            pace = pace_of(settings, client, account)
            if pace is None:
                return []
            state = await pace.state()
    except StoreUnavailable:
        return [warning("pace", "unknown: Redis is unavailable", SEE_OTHERS)]
    if state is None:
        return [warning("pace", "unknown: SurfSense does not say which workspace", SEE_OTHERS)]
    return [judge_pace(state)]


def judge_pace(state: PaceState) -> Diagnosis:
    """Judge whether calls may leave. Pure."""
    rate = f"{state.left_lately} of {state.per_minute:.0f} calls in the last minute"
    if not state.has_credit:
        said = f" ({state.refusal})" if state.refusal else ""
        return fault("pace", f"nothing is bought: there is no credit{said}", _TOP_UP)
    if state.breaker is Breaker.OPEN:
        failures = f"SurfSense has failed {state.failures} times in a row; {rate}"
        return warning("pace", failures, "One call at a time tries it again: see its status.")
    if state.limited_for:
        held = f"a 429 holds all calls for {state.limited_for.total_seconds():.0f} s more; {rate}"
        return warning("pace", held, _SLOWER)
    return ok("pace", rate)


async def check_hit_rates(settings: Settings) -> list[Diagnosis]:
    """Read the fleet's counters of the last days."""
    async with open_redis(settings.redis_jobs_url) as client:
        try:
            counts = await Counters(client).read(DAYS)
            return [*judge_hit_rates(counts), *judge_comparisons(counts)]
        except (RedisError, OSError):
            return [warning("hit rate", "unknown: Redis is unavailable", SEE_OTHERS)]


def judge_hit_rates(counts: Mapping[str, int]) -> list[Diagnosis]:
    """Judge each cache that was read, by the names and totals of the counters. Pure."""
    rates = hit_rates(counts)
    if not rates:
        return [ok("hit rate", f"no lookups in the last {DAYS} days")]
    return [_judge_rate(rate) for rate in rates]


def judge_comparisons(counts: Mapping[str, int]) -> list[Diagnosis]:
    """Judge what was compared of cached leads and opportunities with the database. Pure."""
    compared, diverged = counts.get(COMPARED, 0), counts.get(DIVERGED, 0)
    if not compared:
        return []
    if diverged:
        what = f"{diverged} of {compared:,} cached leads were not the database's ({DAYS} days)"
        return [fault("cache", what, _DIVERGED)]
    return [ok("cache", f"{compared:,} cached leads compared with the database: none is older")]


def _judge_rate(rate: HitRate) -> Diagnosis:
    check = f"hit rate {rate.kind}"
    if rate.lookups < ENOUGH:
        return ok(check, f"{rate.hits} of {rate.lookups} lookups; too few to judge")
    what = f"{rate.share:.0%} of {rate.lookups:,} lookups in the last {DAYS} days"
    if rate.share < LOW:
        fix = (
            "Look for keys that are invalidated or expire before they are read again "
            "(REDIS_TTL, bulk invalidations), or for lookups that never repeat."
        )
        return warning(check, what, fix)
    return ok(check, what)
