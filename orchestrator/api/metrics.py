"""What Prometheus scrapes: how much waits in each lane. Read anew at each scrape, by any API."""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Response

from orchestrator.jobs import LaneBacklog

from .dependencies import RuntimeOfApp
from .errors import documented

router = APIRouter(tags=["health"])

#: Of the text format, which every version of Prometheus reads.
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        **documented(
            HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
        HTTPStatus.OK.value: {
            "description": "Gauges in Prometheus' text format.",
            "content": {"text/plain": {"example": 'emasai_waiting_chunks{lane="pipeline"} 7'}},
        },
    },
)
async def metrics(runtime: RuntimeOfApp) -> Response:
    """Say how many chunks wait in each lane and since when: what autoscaling goes by.

    All servers of this API say the same: it is the fleet's backlog, read from the job records.
    """
    lanes = await runtime.backlog.lanes()
    return Response("".join(_exposed(lanes)), media_type=MEDIA_TYPE)


def _exposed(lanes: Iterable[LaneBacklog]) -> Iterator[str]:
    of_lane = {backlog.lane: backlog for backlog in lanes}
    yield from _gauge(
        "emasai_waiting_chunks",
        "Chunks that no worker has taken yet.",
        {lane: backlog.chunks for lane, backlog in of_lane.items()},
    )
    yield from _gauge(
        "emasai_waiting_jobs",
        "Jobs with such chunks.",
        {lane: backlog.jobs for lane, backlog in of_lane.items()},
    )
    yield from _gauge(
        "emasai_oldest_waiting_seconds",
        "Time since the oldest of those jobs was accepted, 0 without one.",
        {lane: backlog.oldest.total_seconds() for lane, backlog in of_lane.items()},
    )
    yield from _gauge(
        "emasai_held_chunks",
        "Chunks that workers have in hand.",
        {lane: backlog.held for lane, backlog in of_lane.items()},
    )


def _gauge(name: str, about: str, of_lane: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} gauge\n"
    for lane, value in of_lane.items():
        yield f'{name}{{lane="{lane}"}} {value}\n'
