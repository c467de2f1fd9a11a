"""`emasai run FILE` with 2,000 leads at the limit of the workspace: who fails, what is refused.

Real workers, the real command, and the sandbox's real world behind a limit that counts as SurfSense
does. The time that it takes is what the limit allows, if the machine is fast enough.
"""

import asyncio
import csv
import signal
import subprocess
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from bench.measure import QUICK_REPEATS, console, grid, judge
from orchestrator.infra.redis_client import open_redis
from tests.integration.surfsense.sandbox_process import SandboxProcess
from tests.support.async_waiting import eventually
from tests.support.installation import Installation, running_installation
from tests.support.loopback import loopback

LEADS, FEW_LEADS = 2_000, 100
#: Calls a minute, on both sides.
LIMIT: Final = 1_200
WORKERS: Final = 2
#: After which the command is ended.
LONGEST: Final = timedelta(minutes=30)


async def main(repeats: int) -> None:
    """Run the file, and hold its results against the ledger and the seller's bill."""
    leads = FEW_LEADS if repeats <= QUICK_REPEATS else LEADS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = ("--world", "real", "--catalogue-size", str(leads), "--rate-limit", str(LIMIT))
        sandbox = SandboxProcess(folder, *world)
        try:
            await _measure(folder, sandbox)
        finally:
            sandbox.stop()


async def _measure(folder: Path, sandbox: SandboxProcess) -> None:
    file, ours = folder / "leads.csv", folder / "ours"
    leads = _write_leads(file, sandbox)
    ours.mkdir()
    variables = {
        "SURFSENSE_URL": sandbox.url,
        "EMASAI_PRICE_MICROS": "17000",
        "EMASAI_POSTS_PER_MINUTE": str(LIMIT),
        "EMASAI_LEASE_S": "5",
    }
    async with running_installation(
        ours, protocol="workspace", variables=variables
    ) as installation:
        for number in range(WORKERS):
            installation.start_worker(f"worker{number}")
        begun = perf_counter()
        code = await _run(installation, file)
        seconds = perf_counter() - begun
        with file.with_suffix(".out.csv").open(encoding="utf-8-sig") as results:
            statuses = Counter(row["emasai_status"] for row in csv.DictReader(results))
        await _until_settled(installation, sandbox)
        _show(leads, seconds, statuses, sandbox.bill(), code, await _was_refused(installation))


def _write_leads(file: Path, sandbox: SandboxProcess) -> int:
    """Write what leads know of each company of the world; return how many there are."""
    rows = loopback.get(f"{sandbox.url}/__catalogue", timeout=60).raise_for_status().json()
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        known = ("website", "country", "city", "phone")
        writer.writerow(("company", "contact", "email", *known))
        for number, row in enumerate(rows):
            mail = f"ana{number}@{row.get('email_domain', 'gmail.com')}"
            facts = (row.get(field, "") for field in known)
            writer.writerow((row["company"], "Ana", mail, *facts))
    return len(rows)


async def _run(installation: Installation, file: Path) -> int | None:
    """Return the exit code of the command; None if it was ended."""
    command = installation.start_command("run", str(file), "--json")
    try:
        return await asyncio.to_thread(command.wait, LONGEST.total_seconds())
    except subprocess.TimeoutExpired:
        command.send_signal(signal.SIGTERM)
        return None


async def _until_settled(installation: Installation, sandbox: SandboxProcess) -> None:
    async def agree() -> bool:
        spent = (await installation.parts.purchasing.ledger.opening_balance("global")).spent_micros
        return bool(spent == sandbox.bill()["total_micros"])

    await eventually(agree, "the ledger is the bill", within_s=90)


async def _was_refused(installation: Installation) -> bool:
    """Return whether a 429 has moved the schedule of the gate."""
    async with open_redis(f"{installation.valkey.url}/3") as redis:
        return await redis.hget("pace1:1", "not_before") is not None


def _show(
    leads: int,
    seconds: float,
    statuses: Counter[str],
    bill: dict[str, Any],
    code: int | None,
    was_refused: bool,  # noqa: FBT001 - what `_was_refused` returned
) -> None:
    columns = ("leads", "minutes", "charged purchases", "a minute", "spent", "results")
    table = grid(f"emasai run FILE, {LIMIT:,} calls a minute, {WORKERS} workers", columns)
    table.add_row(
        f"{leads:,}",
        f"{seconds / 60:.1f}",
        f"{bill['purchases']:,}",
        f"{bill['purchases'] / seconds * 60:,.0f}",
        f"${bill['total_micros'] / 1_000_000:,.2f}",
        ", ".join(f"{status} {count:,}" for status, count in statuses.most_common()),
    )
    console.print(table)
    judge("the command ends with 0", [code == 0])
    judge("every lead has a judgement", [statuses["failed"] == 0, statuses.total() == leads])
    judge("no call is refused", [not was_refused])
