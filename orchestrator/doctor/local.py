"""What can be examined on this machine alone: Python, the policy file, the data folder."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from orchestrator.app import load_policy
from orchestrator.doctor.finding import Finding, fault, ok
from orchestrator.settings import ConfigurationError, Settings

OLDEST_PYTHON: Final = (3, 11)


async def check_python() -> list[Finding]:
    """Examine the interpreter that runs this."""
    return [judge_python(sys.version_info[:3])]


def judge_python(version: tuple[int, ...]) -> Finding:
    """Judge an interpreter by its *version*. Pure."""
    text = ".".join(map(str, version))
    if version < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return fault("python", f"is {text}", f"Install Python {wanted} or later.")
    return ok("python", f"is {text}")


async def check_policy(settings: Settings) -> list[Finding]:
    """Read the policy that the agent would judge by."""
    try:
        policy = load_policy(settings)
    except ConfigurationError as error:
        fix = "Correct the file that EMASAI_POLICY_FILE names, or unset it."
        return [fault("policy", problem, fix) for problem in error.problems]
    return [ok("policy", f"is valid, version {policy.version}")]


async def check_folder(folder: Path) -> list[Finding]:
    """Try to write where the embedded stack keeps its data."""
    return [await asyncio.to_thread(_try_to_write, folder)]


def _try_to_write(folder: Path) -> Finding:
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return ok("folder", f"{folder} can be written")
    except OSError as error:
        fix = f"Make {nearest} a folder that you may write to, or choose another one."
        return fault("folder", f"{folder} cannot be written ({error.strerror})", fix)
