"""Whether the servers behind this one answer, said in bounded time even where they hang."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from time import monotonic
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy import text

from orchestrator.app import Runtime
from orchestrator.database import DatabaseUnavailable, reading

from .errors import documented

log = structlog.get_logger(__name__)

#: Seconds that a server has to answer before it counts as disconnected.
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
        found = await asyncio.gather(*(_timed(self._probes[part]) for part in parts))
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


async def _timed(probe: Probe) -> PartHealth:
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
router = APIRouter(tags=["health"])


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
