"""Runs all checks at once, each in bounded time; one that fails is itself a finding."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from orchestrator.doctor.budgets import check_budgets
from orchestrator.doctor.clocks import check_clocks
from orchestrator.doctor.database import check_database
from orchestrator.doctor.delivery import check_delivery
from orchestrator.doctor.finding import Finding, fault, ok
from orchestrator.doctor.hit_rates import check_hit_rates
from orchestrator.doctor.local import check_folder, check_policy, check_python
from orchestrator.doctor.outbox import check_outbox
from orchestrator.doctor.redis_check import check_redis
from orchestrator.doctor.surfsense import check_surfsense
from orchestrator.doctor.workers import check_workers
from orchestrator.settings import ConfigurationError, Settings, load

log = structlog.get_logger(__name__)
Check = Callable[[], Awaitable[list[Finding]]]

#: Seconds that one check may take.
PATIENCE_S: Final = 12.0


async def examine(settings: Settings | None = None, *, folder: Path | None = None) -> list[Finding]:
    """Examine the installation; return findings check by check, in a fixed order.

    Args:
        settings: Read from the environment unless given; what is wrong with them is found,
            not raised, and then only what needs no settings is examined.
        folder: Where the embedded stack keeps its data; None for a real installation.
    """
    checks: dict[str, Check] = {"python": check_python}
    if folder is not None:
        checks["folder"] = partial(check_folder, folder)
    findings: list[Finding] = []
    try:
        settings = settings or load()
    except ConfigurationError as error:
        fix = "Set or correct it as `.env.example` explains."
        findings = [fault("settings", problem, fix) for problem in error.problems]
    else:
        findings = [ok("settings", "are complete")]
        checks |= _checks_of(settings)
    results = await asyncio.gather(*(_bounded(name, check) for name, check in checks.items()))
    return findings + [finding for result in results for finding in result]


def _checks_of(settings: Settings) -> dict[str, Check]:
    return {
        name: partial(check, settings)
        for name, check in {
            "policy": check_policy,
            "database": check_database,
            "redis": check_redis,
            "clock": check_clocks,
            "broker": check_delivery,
            "workers": check_workers,
            "handover": check_outbox,
            "surfsense": check_surfsense,
            "hit rate": check_hit_rates,
            "budget": check_budgets,
        }.items()
    }


async def _bounded(name: str, check: Check) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check()
    except TimeoutError:
        fix = "Look at the load and the log of what was asked, then ask again."
        return [fault(name, f"gave no answer within {PATIENCE_S:.0f} seconds", fix)]
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
        # Without the message: a foreign one may quote a URL with its password.
        log.warning("doctor.check_failed", check=name, error=type(error).__name__)
        fix = "Mend what the other findings name first, then ask again."
        return [fault(name, f"could not be examined ({type(error).__name__})", fix)]
