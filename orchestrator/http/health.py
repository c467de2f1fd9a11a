"""Whether the servers behind this one answer, said in bounded time even where they hang."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy import text

from orchestrator.app import Runtime
from orchestrator.database import DatabaseUnavailable, reading

log = structlog.get_logger(__name__)

#: Seconds that a server has to answer before it counts as disconnected.
PATIENCE_S = 2.0

Connection = Literal["connected", "disconnected"]


class Health(BaseModel):
    """As the platform documents it."""

    status: Literal["healthy", "unhealthy"]
    database: Connection
    redis: Connection


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
    """The servers without which nothing works."""

    def __init__(self, runtime: Runtime) -> None:
        async def select_one() -> None:
            async with reading(runtime.backends.engine, "check its health") as connection:
                await connection.execute(text("SELECT 1"))

        self._database = Probe("database", select_one)
        self._redis = Probe("redis", runtime.backends.memo_redis.ping)

    async def check(self) -> Health:
        """Ask both at the same time."""
        database, redis = await asyncio.gather(self._database.look(), self._redis.look())
        healthy = database == redis == "connected"
        status: Literal["healthy", "unhealthy"] = "healthy" if healthy else "unhealthy"
        return Health(status=status, database=database, redis=redis)

    async def aclose(self) -> None:
        """End questions under way."""
        await self._database.aclose()
        await self._redis.aclose()


def _checks(request: Request) -> HealthChecks:
    checks: HealthChecks = request.app.state.checks
    return checks


router = APIRouter(tags=["health"])


@router.head("/health", include_in_schema=False)
@router.get(
    "/health",
    summary="Health",
    responses={HTTPStatus.SERVICE_UNAVAILABLE.value: {"model": Health}},
)
async def health(checks: Annotated[HealthChecks, Depends(_checks)], response: Response) -> Health:
    """Say whether the database and Redis answer; 503 if one of them does not."""
    state = await checks.check()
    if state.status == "unhealthy":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return state
