"""What Prometheus scrapes: the fleet's numbers, read anew at each scrape, by any API."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from orchestrator.app import Runtime
from orchestrator.cache import hit_rates
from orchestrator.database import DatabaseUnavailable
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

T = TypeVar("T")
router = APIRouter(tags=["health"])

#: How long a scrape waits for what autoscaling does not need.
PATIENCE: Final = timedelta(seconds=2)
Family = GaugeMetricFamily | CounterMetricFamily

#: What workers may refuse: a message that is none, or a documented task by its arguments.
REFUSALS: Final = ("message", TASK_ENRICH, TASK_RUN_PIPELINE)
#: States of hand-overs that a person may have to look into.
UNDELIVERED: Final = (HandOverState.PENDING, HandOverState.DEAD)


@router.get(
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
    lanes = await runtime.jobs.backlog.lanes()
    others = await asyncio.gather(
        _unless_unavailable(runtime.jobs.workers.alive(), worker_families),
        _unless_unavailable(runtime.purchasing.counters.read(1), count_families),
        _unless_unavailable(_accounts(runtime), budget_families),
        _unless_unavailable(runtime.purchasing.costs.uncertain(_midnight(runtime)), doubt_families),
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
        async with asyncio.timeout(PATIENCE.total_seconds()):
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


def _midnight(runtime: Runtime) -> datetime:
    return datetime.combine(runtime.clock().date(), time.min, UTC)


class _Read(Collector):
    """What was read for one answer."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Yield each."""
        yield from self._families


def lane_families(lanes: Sequence[LaneBacklog]) -> Iterator[Family]:
    """Yield what waits, with a value for every lane."""
    yield _gauge(
        "emasai_waiting_chunks",
        "Chunks that no worker has taken yet.",
        "lane",
        {each.lane: each.chunks for each in lanes},
    )
    yield _gauge(
        "emasai_waiting_jobs",
        "Jobs with such chunks.",
        "lane",
        {each.lane: each.jobs for each in lanes},
    )
    yield _gauge(
        "emasai_oldest_waiting_seconds",
        "Time since the oldest of those jobs was accepted, 0 without one.",
        "lane",
        {each.lane: each.oldest.total_seconds() for each in lanes},
    )
    yield _gauge(
        "emasai_held_chunks",
        "Chunks that workers have in hand.",
        "lane",
        {each.lane: each.held for each in lanes},
    )


def worker_families(beats: Sequence[Heartbeat]) -> Iterator[Family]:
    """Yield how many workers there are, with a value for every state."""
    found = Counter(beat.state for beat in beats)
    yield _gauge(
        "emasai_workers",
        "Workers that have given a sign of life lately.",
        "state",
        {state: found[state] for state in WorkerState},
    )
    failures = Counter[str]()
    for beat in beats:
        failures.update(beat.loop_failures)
    yield _gauge(
        "emasai_loop_failures",
        "Failed rounds of background loops, of the workers that live.",
        "loop",
        failures,
    )


def count_families(counts: Mapping[str, int]) -> Iterator[Family]:
    """Yield what was counted on a day: lookups, and what workers have refused."""
    family = CounterMetricFamily(
        "emasai_lookups", "Lookups since midnight UTC.", labels=["kind", "result"]
    )
    for rate in hit_rates(counts):
        family.add_metric([rate.kind, "hit"], rate.hits)
        family.add_metric([rate.kind, "miss"], rate.lookups - rate.hits)
    yield family
    yield _counter(
        "emasai_refused",
        "Messages and tasks that workers have refused since midnight UTC.",
        "what",
        {name: counts.get(f"{REFUSED}{name}", 0) for name in REFUSALS},
    )
    yield from comparison_families(counts)


def comparison_families(counts: Mapping[str, int]) -> Iterator[Family]:
    """Yield how many cached leads and opportunities were compared with the database on a day."""
    diverged = counts.get(DIVERGED, 0)
    yield _counter(
        "emasai_cache_comparisons",
        "Cached leads and opportunities compared with the database since midnight UTC.",
        "result",
        {"same": counts.get(COMPARED, 0) - diverged, "diverged": diverged},
    )


def budget_families(accounts: Mapping[str, Account]) -> Iterator[Family]:
    """Yield what is spent, held and left, by account; an account without a cap has nothing left."""
    yield _counter(
        "emasai_spent_micro_usd",
        "Micro-USD spent: charged, or uncertain.",
        "account",
        {name: account.spent_micros for name, account in accounts.items()},
    )
    yield _gauge(
        "emasai_held_micro_usd",
        "Micro-USD held for purchases under way.",
        "account",
        {name: account.held_micros for name, account in accounts.items()},
    )
    yield _gauge(
        "emasai_left_micro_usd",
        "Micro-USD that may still be spent, where there is a cap.",
        "account",
        {
            name: account.left_micros
            for name, account in accounts.items()
            if account.left_micros is not None
        },
    )


def doubt_families(today: UncertainCost) -> Iterator[Family]:
    """Yield what is uncertain of today's spending; the rest of it is charged."""
    yield _gauge(
        "emasai_uncertain_purchases",
        "Purchases since midnight UTC whose answer was lost.",
        "account",
        {Scope.DAY: today.purchases},
    )
    yield _gauge(
        "emasai_uncertain_micro_usd",
        "Micro-USD that those purchases may have cost.",
        "account",
        {Scope.DAY: today.micros},
    )


def handover_families(counts: Mapping[HandOverState, int]) -> Iterator[Family]:
    """Yield how many hand-overs are `UNDELIVERED`, by state."""
    yield _gauge(
        "emasai_handovers",
        "Hand-overs that wait (pending), or were given up (dead).",
        "state",
        {state: counts.get(state, 0) for state in UNDELIVERED},
    )


def pace_families(state: PaceState | None) -> Iterator[Family]:
    """Yield how far the calls to SurfSense use its rate limit; nothing where there is none."""
    if state is None:
        return
    calls = {"allowed": state.per_minute, "left_lately": state.left_lately}
    yield _gauge("emasai_pace_calls_per_minute", "Paid calls to SurfSense a minute.", "what", calls)
    yield _gauge(
        "emasai_pace_wait_seconds",
        "After which a new call may leave, and how long the last 429 holds all calls.",
        "what",
        {"next": state.next_in.total_seconds(), "limited": state.limited_for.total_seconds()},
    )
    yield _gauge(
        "emasai_pace_open",
        "1 while calls may leave: the breaker is closed, there is credit.",
        "what",
        {"breaker": state.breaker is Breaker.CLOSED, "credit": state.has_credit},
    )


def _gauge(name: str, about: str, label: str, values: Mapping[str, float]) -> Family:
    return _filled(GaugeMetricFamily(name, about, labels=[label]), values)


def _counter(name: str, about: str, label: str, values: Mapping[str, float]) -> Family:
    return _filled(CounterMetricFamily(name, about, labels=[label]), values)


def _filled(family: Family, values: Mapping[str, float]) -> Family:
    for of, value in values.items():
        family.add_metric([of], value)
    return family
