"""Whether the servers behind this one answer, and the numbers that Prometheus scrapes.

Both answer in bounded time even where a server hangs. The numbers are the fleet's, read anew at
each scrape, by any API.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from http import HTTPStatus
from importlib.metadata import version
from itertools import chain
from time import monotonic
from typing import Annotated, Final, Literal, TypeVar

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy import text

from orchestrator.app import Runtime
from orchestrator.cache import hit_rates
from orchestrator.database import DatabaseUnavailable, reading
from orchestrator.gateway import COMPARED, DIVERGED
from orchestrator.infra.counters import REFUSED
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import LaneBacklog
from orchestrator.leads import HandOverState
from orchestrator.messaging import Heartbeat, WorkerState
from orchestrator.messaging.app import TASK_ENRICH, TASK_RUN_PIPELINE
from orchestrator.purchasing import Account, Scope, UncertainCost, day_account
from orchestrator.surfsense.pace import Breaker, PaceState

from .errors import documented
from .requests import RuntimeOfApp

log = structlog.get_logger(__name__)

#: Seconds that a server has to answer before it counts as disconnected, or is left out of metrics.
PATIENCE_S = 2.0

Connection = Literal["connected", "disconnected"]


class Health(BaseModel):
    """As the platform documents it."""

    status: Literal["healthy", "unhealthy"]
    database: Connection
    redis: Connection


#: The servers by name; `redis` is the one of the memo.
Part = Literal["database", "redis", "redis_jobs", "redis_gateway"]


class PartHealth(BaseModel):
    """One server; `latency_ms` is null where it does not answer."""

    state: Connection
    latency_ms: float | None


class HealthDetail(Health):
    """The same, and every server. `workers` are those alive, null where that cannot be read."""

    version: str
    parts: dict[Part, PartHealth]
    workers: int | None


class Liveness(BaseModel):
    """An answer at all."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether requests for work can be accepted; `away` names the servers that do not answer."""

    status: Literal["ready", "not_ready"]
    away: list[Part]


class Probe:
    """Asks one server; at most once at a time, however many want to know.

    A question to a server that hangs may take long to give up, even when it is cancelled, so
    the caller does not wait for its end.
    """

    def __init__(self, part: str, ask: Callable[[], Awaitable[object]]) -> None:
        self._part = part
        self._ask = ask
        self._asking: asyncio.Task[bool] | None = None

    async def look(self) -> Connection:
        """Say whether the server answers within `PATIENCE_S`."""
        asking = self._asking
        if asking is None or asking.done():
            name = f"health {self._part}"
            asking = self._asking = asyncio.create_task(self._answers(), name=name)
        await asyncio.wait({asking}, timeout=PATIENCE_S)
        answered = asking.done() and not asking.cancelled() and asking.result()
        return "connected" if answered else "disconnected"

    async def aclose(self) -> None:
        """End a question under way."""
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking

    async def _answers(self) -> bool:
        try:
            await self._ask()
        except (RedisError, DatabaseUnavailable, OSError) as error:
            log.warning("health.part_away", part=self._part, error=type(error).__name__)
            return False
        return True


class HealthChecks:
    """The servers that this one works with, and whether they answer."""

    def __init__(self, runtime: Runtime) -> None:
        async def select_one() -> None:
            async with reading(runtime.backends.engine, "check its health") as connection:
                await connection.execute(text("SELECT 1"))

        backends = runtime.backends
        self._probes: dict[Part, Probe] = {
            "database": Probe("database", select_one),
            "redis": Probe("redis", backends.memo_redis.ping),
            "redis_jobs": Probe("redis_jobs", backends.jobs_redis.ping),
            "redis_gateway": Probe("redis_gateway", backends.gateway_redis.ping),
        }
        self._workers = runtime.jobs.workers

    async def check(self) -> Health:
        """Ask database and Redis at the same time."""
        return _health(await self._look_at("database", "redis"))

    async def ready(self) -> Readiness:
        """Ask everything without which a request for work is refused."""
        found = await self._look_at("database", "redis", "redis_jobs")
        away = [part for part, said in found.items() if said.state == "disconnected"]
        return Readiness(status="not_ready" if away else "ready", away=away)

    async def detail(self) -> HealthDetail:
        """Ask all servers, each with the time that it took, and count the workers."""
        parts, workers = await asyncio.gather(self._look_at(*self._probes), self._count_workers())
        about = version("emasai-orchestrator")
        return HealthDetail(**dict(_health(parts)), version=about, parts=parts, workers=workers)

    async def _look_at(self, *parts: Part) -> dict[Part, PartHealth]:
        found = await asyncio.gather(*(_time_probe(self._probes[part]) for part in parts))
        return dict(zip(parts, found, strict=True))

    async def _count_workers(self) -> int | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return len(await self._workers.alive())
        except (RedisError, OSError):
            return None

    async def aclose(self) -> None:
        """End questions under way."""
        for probe in self._probes.values():
            await probe.aclose()


async def _time_probe(probe: Probe) -> PartHealth:
    began = monotonic()
    state = await probe.look()
    latency_ms = round((monotonic() - began) * 1000, 1) if state == "connected" else None
    return PartHealth(state=state, latency_ms=latency_ms)


def _health(parts: Mapping[Part, PartHealth]) -> Health:
    database, redis = parts["database"].state, parts["redis"].state
    is_healthy = database == redis == "connected"
    return Health(status="healthy" if is_healthy else "unhealthy", database=database, redis=redis)


async def _checks(request: Request) -> HealthChecks:  # as `requests._runtime`
    checks: HealthChecks = request.app.state.checks
    return checks


ChecksOfApp = Annotated[HealthChecks, Depends(_checks)]
#: What any caller may ask, and what needs a key where there is one.
router = APIRouter(tags=["health"])
keyed = APIRouter(tags=["health"])


@router.get(
    "/health",
    summary="Health",
    responses=documented()
    | {HTTPStatus.SERVICE_UNAVAILABLE.value: {"model": HealthDetail | Health}},
)
async def health(
    checks: ChecksOfApp,
    response: Response,
    *,
    detail: Annotated[
        Literal["0", "1"], Query(description="1 for every server; needs a key where there is one.")
    ] = "0",
) -> HealthDetail | Health:
    """Say whether the database and Redis answer; 503 if one of them does not.

    With `detail=1` also which of the servers answers how fast, and how many workers there are.
    """
    state = await (checks.detail() if detail == "1" else checks.check())
    if state.status == "unhealthy":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return state


@router.get("/health/live", summary="Liveness")
async def live() -> Liveness:
    """Say that this process answers; it asks no other. Restart the process if it does not."""
    return Liveness()


@router.get(
    "/health/ready",
    summary="Readiness",
    responses={HTTPStatus.SERVICE_UNAVAILABLE.value: {"model": Readiness}},
)
async def ready(checks: ChecksOfApp, response: Response) -> Readiness:
    """Say whether work can be accepted; 503 while a backend is unavailable. Do not restart."""
    state = await checks.ready()
    if state.away:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return state


T = TypeVar("T")

Family = GaugeMetricFamily | CounterMetricFamily

#: By the name of a metric: its label, and what it is.
_GAUGES: Final = {
    "emasai_waiting_chunks": ("lane", "Chunks that no worker has taken yet."),
    "emasai_waiting_jobs": ("lane", "Jobs with such chunks."),
    "emasai_oldest_waiting_seconds": (
        "lane",
        "Time since the oldest of those jobs was accepted, 0 without one.",
    ),
    "emasai_held_chunks": ("lane", "Chunks that workers have in hand."),
    "emasai_workers": ("state", "Workers that have given a sign of life lately."),
    "emasai_loop_failures": (
        "loop",
        "Failed rounds of background loops, of the workers that live.",
    ),
    "emasai_held_micro_usd": ("account", "Micro-USD held for purchases under way."),
    "emasai_left_micro_usd": (
        "account",
        "Micro-USD that may still be spent, where there is a cap.",
    ),
    "emasai_uncertain_purchases": (
        "account",
        "Purchases since midnight UTC whose answer was lost.",
    ),
    "emasai_uncertain_micro_usd": ("account", "Micro-USD that those purchases may have cost."),
    "emasai_handovers": ("state", "Hand-overs that wait (pending), or were given up (dead)."),
    "emasai_pace_calls_per_minute": ("what", "Paid calls to SurfSense a minute."),
    "emasai_pace_wait_seconds": (
        "what",
        "After which a new call may leave, and how long the last 429 holds all calls.",
    ),
    "emasai_pace_open": (
        "what",
        "1 while calls may leave: the breaker is closed, there is credit.",
    ),
}
_COUNTERS: Final = {
    "emasai_refused": ("what", "Messages and tasks that workers have refused since midnight UTC."),
    "emasai_cache_comparisons": (
        "result",
        "Cached leads and opportunities compared with the database since midnight UTC.",
    ),
    "emasai_spent_micro_usd": ("account", "Micro-USD spent: charged, or uncertain."),
}
#: What workers may refuse: a message that is none, or a documented task by its arguments.
REFUSALS: Final = ("message", TASK_ENRICH, TASK_RUN_PIPELINE)
#: States of hand-overs that a person may have to look into.
UNDELIVERED: Final = (HandOverState.PENDING, HandOverState.DEAD)


@keyed.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        **documented(),
        HTTPStatus.OK.value: {
            "description": "Metrics in Prometheus' text format, or OpenMetrics if asked for.",
            "content": {
                "text/plain": {"example": 'emasai_waiting_chunks{lane="pipeline"} 7.0'},
                "application/openmetrics-text": {},
            },
        },
    },
)
async def metrics(
    runtime: RuntimeOfApp, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Say what waits in each lane, who works, and what is spent and owed.

    All servers of this API say the same: it is the fleet's. What cannot be read at the moment is
    left out, except for the lanes, which autoscaling goes by: without them the answer is 503.
    """
    midnight = datetime.combine(runtime.clock().date(), time.min, UTC)
    lanes = await runtime.jobs.backlog.lanes()
    others = await asyncio.gather(
        _unless_unavailable(runtime.jobs.workers.alive(), worker_families),
        _unless_unavailable(runtime.purchasing.counters.read(1), count_families),
        _unless_unavailable(_accounts(runtime), budget_families),
        _unless_unavailable(runtime.purchasing.costs.uncertain(midnight), doubt_families),
        _unless_unavailable(runtime.leads.outbox.counts(UNDELIVERED), handover_families),
        _unless_unavailable(_pace(runtime), pace_families),
    )
    # A registry of this answer's own: nothing is kept between scrapes, and nothing of the process.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read([*lane_families(lanes), *chain.from_iterable(others)]))
    encode, media_type = choose_encoder(accept)
    return Response(encode(registry), media_type=media_type)


async def _unless_unavailable(
    reading: Awaitable[T], families: Callable[[T], Iterable[Family]]
) -> Sequence[Family]:
    """Return *families* of what is read; none where its backend is unavailable or slow."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await reading
    except (StoreUnavailable, DatabaseUnavailable, RedisError, OSError):
        return ()
    return list(families(found))


async def _accounts(runtime: Runtime) -> dict[str, Account]:
    """Return what was ever spent, and today, by scope: names with dates would be new series."""
    names = {Scope.GLOBAL: Scope.GLOBAL.value, Scope.DAY: day_account(runtime.clock().date())}
    return {scope: await runtime.purchasing.budget.account(name) for scope, name in names.items()}


async def _pace(runtime: Runtime) -> PaceState | None:
    pace = runtime.purchasing.pace
    return None if pace is None else await pace.state()


class _Read(Collector):
    """What was read for one answer."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Yield each."""
        yield from self._families


def lane_families(lanes: Sequence[LaneBacklog]) -> Iterator[Family]:
    """Yield what waits, with a value for every lane."""
    yield _family("emasai_waiting_chunks", {each.lane: each.chunks for each in lanes})
    yield _family("emasai_waiting_jobs", {each.lane: each.jobs for each in lanes})
    yield _family(
        "emasai_oldest_waiting_seconds", {each.lane: each.oldest.total_seconds() for each in lanes}
    )
    yield _family("emasai_held_chunks", {each.lane: each.held for each in lanes})


def worker_families(beats: Sequence[Heartbeat]) -> Iterator[Family]:
    """Yield how many workers there are, with a value for every state."""
    found = Counter(beat.state for beat in beats)
    yield _family("emasai_workers", {state: found[state] for state in WorkerState})
    failures = Counter[str]()
    for beat in beats:
        failures.update(beat.loop_failures)
    yield _family("emasai_loop_failures", failures)


def count_families(counts: Mapping[str, int]) -> Iterator[Family]:
    """Yield what was counted on a day: lookups, and what workers have refused."""
    family = CounterMetricFamily(
        "emasai_lookups", "Lookups since midnight UTC.", labels=["kind", "result"]
    )
    for rate in hit_rates(counts):
        family.add_metric([rate.kind, "hit"], rate.hits)
        family.add_metric([rate.kind, "miss"], rate.lookups - rate.hits)
    yield family
    yield _family("emasai_refused", {name: counts.get(f"{REFUSED}{name}", 0) for name in REFUSALS})
    yield from comparison_families(counts)


def comparison_families(counts: Mapping[str, int]) -> Iterator[Family]:
    """Yield how many cached leads and opportunities were compared with the database on a day."""
    diverged = counts.get(DIVERGED, 0)
    yield _family(
        "emasai_cache_comparisons",
        {"same": counts.get(COMPARED, 0) - diverged, "diverged": diverged},
    )


def budget_families(accounts: Mapping[str, Account]) -> Iterator[Family]:
    """Yield what is spent, held and left, by account; an account without a cap has nothing left."""
    yield _family(
        "emasai_spent_micro_usd", {name: account.spent_micros for name, account in accounts.items()}
    )
    yield _family(
        "emasai_held_micro_usd", {name: account.held_micros for name, account in accounts.items()}
    )
    yield _family(
        "emasai_left_micro_usd",
        {
            name: account.left_micros
            for name, account in accounts.items()
            if account.left_micros is not None
        },
    )


def doubt_families(today: UncertainCost) -> Iterator[Family]:
    """Yield what is uncertain of today's spending; the rest of it is charged."""
    yield _family("emasai_uncertain_purchases", {Scope.DAY: today.purchases})
    yield _family("emasai_uncertain_micro_usd", {Scope.DAY: today.micros})


def handover_families(counts: Mapping[HandOverState, int]) -> Iterator[Family]:
    """Yield how many hand-overs are `UNDELIVERED`, by state."""
    yield _family("emasai_handovers", {state: counts.get(state, 0) for state in UNDELIVERED})


def pace_families(state: PaceState | None) -> Iterator[Family]:
    """Yield how far the calls to SurfSense use its rate limit; nothing where there is none."""
    if state is None:
        return
    calls = {"allowed": state.per_minute, "left_lately": state.left_lately}
    yield _family("emasai_pace_calls_per_minute", calls)
    yield _family(
        "emasai_pace_wait_seconds",
        {"next": state.next_in.total_seconds(), "limited": state.limited_for.total_seconds()},
    )
    yield _family(
        "emasai_pace_open", {"breaker": state.breaker is Breaker.CLOSED, "credit": state.has_credit}
    )


def _family(name: str, values: Mapping[str, float]) -> Family:
    kind = CounterMetricFamily if name in _COUNTERS else GaugeMetricFamily
    label, about = (_GAUGES | _COUNTERS)[name]
    family = kind(name, about, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family
