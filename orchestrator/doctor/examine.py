"""Runs all checks at once, each in bounded time; a check that fails is itself a diagnosis.

Checks that need nothing but this machine (Python, policy, data folder) are here, too.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from orchestrator.app import load_pipeline
from orchestrator.doctor import Diagnosis, fault, ok
from orchestrator.doctor.database import (
    check_budgets,
    check_database,
    check_hit_rates,
    check_outbox,
    check_pace,
)
from orchestrator.doctor.redis import check_redis
from orchestrator.doctor.surfsense import check_surfsense
from orchestrator.doctor.workers import check_broker, check_clocks, check_workers
from orchestrator.settings import ConfigurationError, Settings, load

log = structlog.get_logger(__name__)
Check = Callable[[], Awaitable[list[Diagnosis]]]

#: Seconds that one check may take.
PATIENCE_S: Final = 12.0
OLDEST_PYTHON: Final = (3, 11)


async def examine(
    settings: Settings | None = None, *, folder: Path | None = None
) -> list[Diagnosis]:
    """Examine the installation; return diagnoses check by check, in a fixed order.

    Args:
        settings: Read from the environment unless given; problems in them become diagnoses, and
            then only the checks that need no settings run.
        folder: Where the embedded stack keeps its data; None for a real installation.
    """
    checks: dict[str, Check] = {"python": check_python}
    if folder is not None:
        checks["folder"] = partial(check_folder, folder)
    try:
        settings = settings or load()
    except ConfigurationError as error:
        fix = "Set or correct it as `.env.example` explains."
        diagnoses = [fault("settings", problem, fix) for problem in error.problems]
    else:
        diagnoses = [ok("settings", "are complete")]
        checks |= {name: partial(check, settings) for name, check in _CHECKS.items()}
    results = await asyncio.gather(*(_run_bounded(name, check) for name, check in checks.items()))
    return diagnoses + [diagnosis for result in results for diagnosis in result]


async def _run_bounded(name: str, check: Check) -> list[Diagnosis]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check()
    except TimeoutError:
        fix = "Look at the load and the log of that service, then run the doctor again."
        return [fault(name, f"gave no answer within {PATIENCE_S:.0f} seconds", fix)]
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
        # Without the message: a foreign one may quote a URL with its password.
        log.warning("doctor.check_failed", check=name, error=type(error).__name__)
        fix = "Fix what the other checks report first, then run the doctor again."
        return [fault(name, f"could not be examined ({type(error).__name__})", fix)]


async def check_python() -> list[Diagnosis]:
    """Examine the interpreter of this process."""
    return [judge_python(sys.version_info[:3])]


def judge_python(version: tuple[int, ...]) -> Diagnosis:
    """Judge an interpreter by its *version*. Pure."""
    text = ".".join(map(str, version))
    if version < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return fault("python", f"is {text}", f"Install Python {wanted} or later.")
    return ok("python", f"is {text}")


async def check_policy(settings: Settings) -> list[Diagnosis]:
    """Read the policy by which the agent would judge."""
    try:
        pipeline = load_pipeline(settings)
    except ConfigurationError as error:
        fix = "Correct the file that EMASAI_POLICY_FILE names, or unset it."
        return [fault("policy", problem, fix) for problem in error.problems]
    return [ok("policy", f"is valid, version {pipeline.version}")]


async def check_folder(folder: Path) -> list[Diagnosis]:
    """Try to write to the folder of the embedded stack's data, or to where it would be created."""
    return [await asyncio.to_thread(_try_to_write, folder)]


def _try_to_write(folder: Path) -> Diagnosis:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return ok("folder", f"{folder} can be written")
    except OSError as error:
        fix = f"Make {nearest} a folder that you may write to, or choose another one."
        return fault("folder", f"{folder} cannot be written ({error.strerror})", fix)


_CHECKS: Final[dict[str, Callable[[Settings], Awaitable[list[Diagnosis]]]]] = {
    "policy": check_policy,
    "database": check_database,
    "redis": check_redis,
    "clock": check_clocks,
    "broker": check_broker,
    "workers": check_workers,
    "handover": check_outbox,
    "surfsense": check_surfsense,
    "hit rate": check_hit_rates,
    "budget": check_budgets,
    "pace": check_pace,
}
