"""A cap under many processes."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from redis.asyncio import Redis

from orchestrator.embedded.valkey import Valkey
from orchestrator.spend import Budget

_ROOT = Path(__file__).parents[2]
PRICE, CAP = 46_500, 300 * 46_500


async def _start(server: Valkey, name: str) -> Process:
    arguments = (f"{server.url}/3", name, "200", str(PRICE))
    command = (sys.executable, "-m", "tests.support.budget_process", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_a_cap_holds_under_eight_processes(shared_valkey: Valkey, jobs_redis: Redis) -> None:
    """Eight processes with 200 purchases each never hold and spend more than the cap together."""
    budget = Budget(jobs_redis)
    await budget.set_cap("shared", CAP)
    processes = await asyncio.gather(*(_start(shared_valkey, f"p{n}") for n in range(8)))

    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    account = await budget.account("shared")
    allowed = sum(int(stdout) for stdout, _ in outputs)
    assert account.spent_micros + account.held_micros <= CAP
    assert CAP - (account.spent_micros + account.held_micros) < PRICE
    assert 300 <= allowed <= 600  # half of what settles gives back half of its price
