"""Asks the broker whether it is there, and its workers whether they listen."""

import asyncio
from collections.abc import Collection
from typing import Final

from celery import Celery
from kombu.exceptions import OperationalError

from orchestrator.doctor.address import shown
from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.messaging import create_app
from orchestrator.settings import Settings

#: Seconds that a connection to the broker may take.
CONNECT_S: Final = 3
#: Seconds in which workers may answer; all of them are waited for.
ANSWER_S: Final = 1.0


async def check_delivery(settings: Settings) -> list[Finding]:
    """Connect to the broker, and ping the workers behind it."""
    return await asyncio.to_thread(_ask, create_app(settings), shown(settings.broker_url))


def _ask(app: Celery, where: str) -> list[Finding]:
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_S)
        workers = app.control.inspect(timeout=ANSWER_S).ping() or {}
    except (OperationalError, OSError):
        fix = "Start the broker, or correct CELERY_BROKER_URL (unset, it is that of REDIS_URL)."
        return [
            fault("broker", f"{where} cannot be reached", fix),
            warning("workers", "unknown, since the broker could not be asked", fix),
        ]
    finally:
        app.close()
    return [ok("broker", f"{where} takes messages"), judge_workers(sorted(workers))]


def judge_workers(names: Collection[str]) -> Finding:
    """Judge the *names* of the workers that have answered. Pure."""
    if not names:
        fix = "Start one: `celery -A orchestrator.celery_app worker --pool threads`."
        return warning("workers", "none listens, so accepted jobs wait", fix)
    return ok("workers", f"{len(names)} listening: {', '.join(names)}")
