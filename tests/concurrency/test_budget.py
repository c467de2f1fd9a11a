"""Caps under many processes."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from redis.asyncio import Redis

from orchestrator.embedded.valkey import Valkey
from orchestrator.spend import Budget
from tests.support.books import HandwrittenBooks
from tests.support.budget_process import ACCOUNTS, caps

_ROOT = Path(__file__).parents[2]
PRICE, CAP = 46_500, 300 * 46_500


async def _start(server: Valkey, name: str) -> Process:
    arguments = (f"{server.url}/3", name, "200", str(PRICE), str(CAP))
    command = (sys.executable, "-m", "tests.support.budget_process", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_caps_hold_under_eight_processes(shared_valkey: Valkey, jobs_redis: Redis) -> None:
    """Eight processes with 200 purchases each hold and spend no more than the narrowest cap.

    The accounts of tenant, day and installation stay equal, and one process alone warns.
    """
    budget = Budget(jobs_redis, HandwrittenBooks(), caps(CAP))
    processes = await asyncio.gather(*(_start(shared_valkey, f"p{n}") for n in range(8)))

    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    states = [await budget.account(name) for name in ACCOUNTS]
    allowed = sum(int(stdout.splitlines()[-1]) for stdout, _ in outputs)
    warnings = sum(stdout.count(b"budget.soft_cap_reached") for stdout, _ in outputs)
    assert len({(state.spent_micros, state.held_micros) for state in states}) == 1
    assert states[0].used_micros <= CAP
    assert CAP - states[0].used_micros < PRICE
    assert warnings == 1
    assert 300 <= allowed <= 600  # half of what settles gives back half of its price
