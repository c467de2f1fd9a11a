"""What Prometheus scrapes: the fleet's numbers, read anew at each scrape, by any API."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from orchestrator.app import Runtime
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.purchasing import Account, Scope, day_account

from .dependencies import RuntimeOfApp
from .errors import documented
from .metric_families import (
    UNDELIVERED,
    Family,
    budget_families,
    count_families,
    doubt_families,
    handover_families,
    lane_families,
    worker_families,
)

T = TypeVar("T")
router = APIRouter(tags=["health"])

#: How long a scrape waits for what autoscaling does not need.
PATIENCE: Final = timedelta(seconds=2)


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        **documented(
            HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
        HTTPStatus.OK.value: {
            "description": "Metrics in Prometheus' text format, or OpenMetrics if asked for.",
            "content": {"text/plain": {"example": 'emasai_waiting_chunks{lane="pipeline"} 7.0'}},
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
        _unless_away(runtime.jobs.workers.alive(), worker_families),
        _unless_away(runtime.purchasing.counters.read(1), count_families),
        _unless_away(_accounts(runtime), budget_families),
        _unless_away(runtime.purchasing.costs.uncertain(_midnight(runtime)), doubt_families),
        _unless_away(runtime.leads.outbox.counts(UNDELIVERED), handover_families),
    )
    # A registry of this answer's own: nothing is kept between scrapes, and nothing of the process.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read([*lane_families(lanes), *chain.from_iterable(others)]))
    encode, media_type = choose_encoder(accept)
    return Response(encode(registry), media_type=media_type)


async def _unless_away(
    reading: Awaitable[T], told: Callable[[T], Iterable[Family]]
) -> Sequence[Family]:
    """Return how what is read is *told*; nothing where its server is unavailable or slow."""
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            found = await reading
    except (StoreUnavailable, DatabaseUnavailable, RedisError, OSError):
        return ()
    return list(told(found))


async def _accounts(runtime: Runtime) -> dict[str, Account]:
    """Return what was ever spent, and today, by scope: names with dates would be new series."""
    names = {Scope.GLOBAL: Scope.GLOBAL.value, Scope.DAY: day_account(runtime.clock().date())}
    return {scope: await runtime.purchasing.budget.account(name) for scope, name in names.items()}


def _midnight(runtime: Runtime) -> datetime:
    return datetime.combine(runtime.clock().date(), time.min, UTC)


class _Read(Collector):
    """What was read for one answer."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Yield each."""
        yield from self._families
