"""Nobody dies, and still: a worker stands still, Valkey is silent, or a worker is killed.

Over both protocols, against a seller that charges whatever it has accepted, ignores
`Idempotency-Key`, and takes longer than every lease. What must hold: no company is charged
twice, and the seller's bill lies between what the ledger is sure of and what may be charged
besides; by `workspace` it is the ledger. Then the same seller under whatever a seed draws.
"""

import asyncio
import signal
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from bench.measure import QUICK_REPEATS, console, grid, judge
from tests.support.audit import Audit
from tests.support.havoc import Ordeal, Span, undergo
from tests.support.hostile_seller import Behaviour
from tests.support.installation import Installation, running_installation

PROTOCOLS = ("enrich", "workspace")
#: Seconds for which a worker stands still, and Valkey is silent.
STILL_S = 8.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is bought of a seller that takes so long, and by how many seeds it is tried."""

    companies: int
    answer_s: float
    seeds: tuple[int, ...]
    ordeal: Ordeal


LONG = Plan(
    companies=150,
    answer_s=25,
    seeds=(1, 2, 3, 4),
    ordeal=Ordeal(
        seed=0,
        companies=200,
        workers=3,
        max_in_flight=20,
        answer=Span(10, 30),
        seconds=150,
        strikes=20,
        still=Span(8, 30),
        away=Span(5, 60),
    ),
)
SHORT = Plan(companies=40, answer_s=12, seeds=(1,), ordeal=Ordeal(seed=0))


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one scenario."""

    name: str
    protocol: str
    books: Audit
    faults: list[str]
    seconds: float


async def stand_still(installation: Installation) -> None:
    """Have a worker stand still."""
    worker = installation.crew.members[0]
    worker.send(signal.SIGSTOP)
    await asyncio.sleep(STILL_S)
    worker.send(signal.SIGCONT)


async def silence_valkey(installation: Installation) -> None:
    """Have Valkey take connections and answer nothing."""
    installation.signal_valkey(signal.SIGSTOP)
    await asyncio.sleep(STILL_S)
    installation.signal_valkey(signal.SIGCONT)


async def kill_worker(installation: Installation) -> None:
    """Kill a worker with `kill -9`; the other one goes on alone."""
    worker = installation.crew.members[0]
    worker.process.kill()
    worker.process.wait()


SCENARIOS: dict[str, Callable[[Installation], Awaitable[None]]] = {
    f"stand-still {STILL_S:g} s": stand_still,
    f"Valkey silent {STILL_S:g} s": silence_valkey,
    "kill -9": kill_worker,
}


async def main(repeats: int) -> None:
    """Go through the scenarios and the seeds, and print what came of each."""
    plan = SHORT if repeats <= QUICK_REPEATS else LONG
    reports = [
        await run_scenario(name, protocol, plan) for name in SCENARIOS for protocol in PROTOCOLS
    ]
    for seed in plan.seeds:
        reports += [await _run_ordeal(seed, protocol, plan.ordeal) for protocol in PROTOCOLS]
    _show(reports, plan)


async def run_scenario(name: str, protocol: str, plan: Plan) -> Report:
    """Have two workers buy while the scenario of that *name* happens to them."""
    variables = {
        "EMASAI_LEASE_S": "5",
        "EMASAI_MAX_IN_FLIGHT": str(plan.companies),
        "EMASAI_SURFSENSE_TIMEOUT_S": str(plan.answer_s + STILL_S + 10),
    }
    with tempfile.TemporaryDirectory() as folder:
        async with running_installation(
            Path(folder), protocol=protocol, variables=variables
        ) as installation:
            installation.seller.behave(Behaviour(plan.answer_s, plan.answer_s))
            for worker in ("one", "two"):
                installation.start_worker(worker)
            began = monotonic()
            await installation.submit([f"Quieta {number}" for number in range(plan.companies)])
            await installation.until_orders(plan.companies // 2)
            await SCENARIOS[name](installation)
            await installation.until_all_jobs_ended(within_s=20 * plan.answer_s)
            seconds = monotonic() - began
            faults = await installation.faults_of_the_books(within_s=75)
            return Report(name, protocol, installation.audit(), faults, seconds)


async def _run_ordeal(seed: int, protocol: str, like: Ordeal) -> Report:
    ordeal = replace(like, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        async with running_installation(
            Path(folder), protocol=protocol, variables=ordeal.variables
        ) as installation:
            outcome = await undergo(installation, ordeal)
    return Report(f"seed {seed}", protocol, outcome.books, outcome.faults, outcome.seconds)


def _show(reports: list[Report], plan: Plan) -> None:
    table = grid(
        f"Purchases that take {plan.answer_s:g} s, $ by the seller's bill and by the ledger",
        (
            *("what happens", "protocol", "companies", "bill", "charged twice"),
            *("ledger", "uncertain", "seconds"),
        ),
    )
    for report in reports:
        books = report.books
        table.add_row(
            report.name,
            report.protocol,
            str(len(books.charges)),
            f"{books.bill.total() / 1e6:.4f}",
            str(len(books.charged_twice)),
            f"{books.charged.total() / 1e6:.4f}",
            f"{books.uncertain.total() / 1e6:.4f}",
            f"{report.seconds:.0f}",
        )
    console.print(table)
    for report in reports:
        for fault in report.faults:
            console.print(f"{report.name}, {report.protocol}: {fault}")
    judge("no company charged twice", [not report.books.charged_twice for report in reports])
    judge("charged <= bill <= charged + uncertain", [not report.faults for report in reports])
    known = [report.books for report in reports if report.protocol == "workspace"]
    judge("by workspace ledger is bill", [books.bill == books.charged for books in known])
