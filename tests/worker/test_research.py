"""Companies researched step by step, while workers and Valkey stand still and are killed.

The sandbox sells all verbs about its invented world; its own bill says what was bought.
"""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.havoc import read_bill_at
from orchestrator.jobs import Job
from tests.integration.surfsense.sandbox_process import SandboxProcess
from tests.support.async_waiting import eventually
from tests.support.installation import Installation, running_installation

COMPANIES = 30
#: Longer than a lease, so that what stands still is overtaken.
STILL_S = 4.0
ENDED_WITHIN_S = 200


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """Run the sandbox with its real world; a step takes seconds."""
    options = ("--world", "real", "--latency-min-ms", "1500", "--latency-max-ms", "3000")
    process = SandboxProcess(tmp_path, *options)
    yield process
    process.stop()


@pytest.mark.timeout(600)
async def test_no_step_is_bought_twice_whatever_stands_still_or_dies(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    """Every company is answered, each of its steps is on the bill once, and the ledger agrees."""
    variables = {
        "SURFSENSE_URL": sandbox.url,
        "EMASAI_MAX_IN_FLIGHT": "6",
        "EMASAI_PRICE_MICROS": "17000",
    }
    companies = sandbox.catalogue()[:COMPANIES]
    ours = tmp_path / "ours"
    ours.mkdir()
    async with running_installation(
        ours, protocol="workspace", variables=variables
    ) as installation:
        await installation.start_crew(2)
        await installation.submit(companies)
        await _until_bought(sandbox, 5)
        await _strike(installation)
        await installation.until_all_jobs_ended(within_s=ENDED_WITHIN_S)
        # Asking again pays for nothing.
        bought = sandbox.bill()["purchases"]
        again = await installation.submit(companies)
        jobs = await installation.until_all_jobs_ended(within_s=ENDED_WITHIN_S)

        for job in jobs:
            assert await _failed(installation, job) == {}
        assert _costs(jobs, again) == 0
        assert sandbox.bill()["purchases"] == bought
        assert read_bill_at(sandbox.bill_path).charged_twice == {}
        await _until_settled(installation, sandbox)


async def _strike(installation: Installation) -> None:
    """Have a worker stand still, kill the other one, and silence Valkey for a while."""
    still, victim = installation.crew.members[:2]
    still.send(signal.SIGSTOP)
    await asyncio.sleep(STILL_S / 2)
    victim.process.kill()
    victim.process.wait()
    installation.start_worker("again")
    await asyncio.sleep(STILL_S / 2)
    still.send(signal.SIGCONT)
    installation.signal_valkey(signal.SIGSTOP)
    await asyncio.sleep(STILL_S)
    installation.signal_valkey(signal.SIGCONT)


async def _until_bought(sandbox: SandboxProcess, count: int) -> None:
    async def are_bought() -> bool:
        return int((await asyncio.to_thread(sandbox.bill))["purchases"]) >= count

    await eventually(are_bought, f"{count} steps are bought", within_s=120)


async def _until_settled(installation: Installation, sandbox: SandboxProcess) -> None:
    """Wait until the ledger has what the bill has: overtaken runs are settled a little later."""

    async def agree() -> bool:
        spent = (await installation.parts.purchasing.ledger.opening_balance("global")).spent_micros
        return bool(spent == sandbox.bill()["total_micros"])

    await eventually(agree, "the ledger is the bill", within_s=90)


async def _failed(installation: Installation, job: Job) -> dict[str, int]:
    statuses = await installation.statuses_of(job)
    answered = {"enriched", "unknown", "ambiguous ambiguous"}
    return {status: n for status, n in statuses.items() if status not in answered}


def _costs(jobs: list[Job], again: Job) -> int:
    (job,) = (each for each in jobs if each.job_id == again.job_id)
    return job.tally.get("spent_micros", 0)
