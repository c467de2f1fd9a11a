"""Asks the broker whether it is there, and what workers have taken and not answered."""

import asyncio
from datetime import timedelta
from typing import Final, cast

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator.doctor.address import shown
from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.infra.clock import utc_now
from orchestrator.infra.connections import open_redis
from orchestrator.messaging import VISIBILITY_TIMEOUT_S, create_app
from orchestrator.settings import Settings

#: Seconds that a connection to the broker may take.
CONNECT_S: Final = 3
#: How long a message may be in a worker's hands: it comes back before, if anybody looks.
LONGEST: Final = timedelta(seconds=VISIBILITY_TIMEOUT_S + 60)
#: Kombu's own: messages that were taken, by the instant (s).
_TAKEN: Final = "unacked_index"
_UNANSWERED: Final = "unanswered messages"


async def check_delivery(settings: Settings) -> list[Finding]:
    """Connect to the broker, and look for messages that got stuck."""
    broker = await asyncio.to_thread(_ask, create_app(settings), shown(settings.broker_url))
    if broker.fix is not None or not settings.has_redis_broker:
        return [broker]
    return [broker, *await _unanswered(settings.broker_url)]


def _ask(app: Celery, where: str) -> Finding:
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_S)
    except (OperationalError, OSError, RedisError):
        fix = "Start the broker, or correct CELERY_BROKER_URL (unset, it is that of REDIS_URL)."
        return fault("broker", f"{where} cannot be reached", fix)
    finally:
        app.close()
    return ok("broker", f"{where} takes messages")


async def _unanswered(url: str) -> list[Finding]:
    async with open_redis(url) as client:
        try:
            count = await client.zcard(_TAKEN)
            oldest = await client.zrange(_TAKEN, 0, 0, withscores=True)
        except (RedisError, OSError):
            return []  # a finding of its own
    first = cast("list[tuple[bytes, float]]", oldest)
    # By the clocks of this machine and of the worker's, as kombu does.
    age = timedelta(seconds=max(0.0, utc_now().timestamp() - first[0][1])) if first else None
    return [judge_unanswered(count, age)]


def judge_unanswered(count: int, oldest: timedelta | None) -> Finding:
    """Judge the messages that workers have taken, the first of them *oldest* ago. Pure."""
    if oldest is None or oldest <= LONGEST:
        what = f"{count}; one that stays so comes back after {VISIBILITY_TIMEOUT_S} s"
        return ok(_UNANSWERED, what)
    what = f"{count} messages, one for {oldest.total_seconds():.0f} s, and nobody hands them on"
    return warning(_UNANSWERED, what, "Start a worker: whichever runs does that.")
