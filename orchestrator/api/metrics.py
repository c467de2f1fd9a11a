"""What Prometheus scrapes: how much waits in each lane. Read anew at each scrape, by any API."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from orchestrator.jobs import LaneBacklog

from .dependencies import RuntimeOfApp
from .errors import documented

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        **documented(
            HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
        HTTPStatus.OK.value: {
            "description": "Gauges in Prometheus' text format, or OpenMetrics if asked for.",
            "content": {"text/plain": {"example": 'emasai_waiting_chunks{lane="pipeline"} 7.0'}},
        },
    },
)
async def metrics(
    runtime: RuntimeOfApp, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Say how many chunks wait in each lane and since when: what autoscaling goes by.

    All servers of this API say the same: it is the fleet's backlog, read from the job records.
    """
    # A registry of this answer's own: nothing is kept between scrapes, and nothing of the process.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Lanes(await runtime.backlog.lanes()))
    encode, media_type = choose_encoder(accept)
    return Response(encode(registry), media_type=media_type)


class _Lanes(Collector):
    """The gauges of one look at all lanes."""

    def __init__(self, lanes: Sequence[LaneBacklog]) -> None:
        self._lanes = {backlog.lane: backlog for backlog in lanes}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge, with a value for every lane."""
        lanes = self._lanes.items()
        yield _gauge(
            "emasai_waiting_chunks",
            "Chunks that no worker has taken yet.",
            {lane: backlog.chunks for lane, backlog in lanes},
        )
        yield _gauge(
            "emasai_waiting_jobs",
            "Jobs with such chunks.",
            {lane: backlog.jobs for lane, backlog in lanes},
        )
        yield _gauge(
            "emasai_oldest_waiting_seconds",
            "Time since the oldest of those jobs was accepted, 0 without one.",
            {lane: backlog.oldest.total_seconds() for lane, backlog in lanes},
        )
        yield _gauge(
            "emasai_held_chunks",
            "Chunks that workers have in hand.",
            {lane: backlog.held for lane, backlog in lanes},
        )


def _gauge(name: str, about: str, of_lane: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=["lane"])
    for lane, value in of_lane.items():
        family.add_metric([lane], value)
    return family
