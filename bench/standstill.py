"""Faults without a death: a worker stands still, Valkey is silent, or a worker is killed.

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
from tests.support.planted import Fault

PROTOCOLS = ("enrich", "workspace")
#: Seconds for which a worker stands still, and Valkey is silent.
STILL_S = 8.0
#: Seconds for which Valkey is silent and a worker stands still at once: beyond four leases of 2 s.
BOTH_S = 10.0


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
    seeds=(1, 2),
    ordeal=Ordeal(
        seed=0,
        companies=150,
        workers=3,
        max_in_flight=15,
        answer=Span(10, 30),
        seconds=90,
        strikes=15,
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
    """Have a worker stand still while it buys."""
    worker = await installation.first_to_buy()
    worker.send(signal.SIGSTOP)
    await asyncio.sleep(STILL_S)
    worker.send(signal.SIGCONT)


async def silence_valkey(installation: Installation) -> None:
    """Have Valkey take connections and answer nothing while a worker buys."""
    await installation.first_to_buy()
    installation.signal_valkey(signal.SIGSTOP)
    await asyncio.sleep(STILL_S)
    installation.signal_valkey(signal.SIGCONT)


async def do_both(installation: Installation) -> None:
    """Have Valkey silent and a worker stand still at once, and the worker for longer.

    No process could renew its key meanwhile, so the worker's is missing when Valkey is
    back: it must not be taken for dead before it has had the time that others have.
    """
    worker = await installation.first_to_buy()
    worker.send(signal.SIGSTOP)
    installation.signal_valkey(signal.SIGSTOP)
    await asyncio.sleep(BOTH_S)
    installation.signal_valkey(signal.SIGCONT)
    await asyncio.sleep(BOTH_S / 2)
    worker.send(signal.SIGCONT)


async def stand_still_before_post(installation: Installation) -> None:
    """Let a worker go on that has stopped itself between a purchase's record and its POST."""
    worker = await installation.first_to_stand_still()
    await asyncio.sleep(2 * STILL_S)
    worker.send(signal.SIGCONT)


async def kill_worker(installation: Installation) -> None:
    """Kill a worker with `kill -9` while it buys; the other one goes on alone."""
    worker = await installation.first_to_buy()
    worker.process.kill()
    worker.process.wait()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to an installation.

    `lease_s` is its workers' lease; a process is called gone after four of them. Where
    `nobody_dies`, every answer is had in the end.
    """

    name: str
    happen: Callable[[Installation], Awaitable[None]]
    lease_s: float = 5
    nobody_dies: bool = True


STAND_STILL = Scenario(f"stand-still {STILL_S:g} s", stand_still)
SILENT = Scenario(f"Valkey silent {STILL_S:g} s", silence_valkey)
BOTH = Scenario(f"both, {BOTH_S:g} s, lease 2 s", do_both, lease_s=2)
KILLED = Scenario("kill -9", kill_worker, nobody_dies=False)
#: Long enough to be called gone, with a POST that has yet to leave.
BEFORE_POST = Scenario("stand-still before a POST", stand_still_before_post, lease_s=1)
SCENARIOS = (STAND_STILL, SILENT, BOTH, KILLED)


async def main(repeats: int) -> None:
    """Go through the scenarios and the seeds, and print what came of each."""
    plan = SHORT if repeats <= QUICK_REPEATS else LONG
    reports = [
        await run_scenario(scenario, protocol, plan)
        for scenario in SCENARIOS
        for protocol in PROTOCOLS
    ]
    for seed in plan.seeds:
        reports += [await _run_ordeal(seed, protocol, plan.ordeal) for protocol in PROTOCOLS]
    _show(reports, plan)


async def run_scenario(
    scenario: Scenario, protocol: str, plan: Plan, *, fault: Fault | None = None
) -> Report:
    """Have two workers buy while *scenario* happens to them, with a rule taken away."""
    altered: dict[str, str] = {} if fault is None else {"PLANTED_FAULT": fault}
    variables = {
        "EMASAI_LEASE_S": f"{scenario.lease_s:g}",
        "EMASAI_MAX_IN_FLIGHT": str(plan.companies),
        "EMASAI_SURFSENSE_TIMEOUT_S": f"{plan.answer_s + STILL_S + 10:g}",
    }
    with tempfile.TemporaryDirectory() as folder:
        if scenario is BEFORE_POST:
            altered["STOPS_BEFORE_POST"] = f"{folder}/stopped"
        app = "tests.support.planted_worker" if altered else "orchestrator.celery_app"
        async with running_installation(
            Path(folder), protocol=protocol, variables=variables
        ) as installation:
            installation.seller.behave(Behaviour(plan.answer_s, plan.answer_s))
            await installation.start_crew(2, app=app, **altered)
            began = monotonic()
            await installation.submit([f"Quieta {number}" for number in range(plan.companies)])
            await scenario.happen(installation)
            (job,) = await installation.until_all_jobs_ended(within_s=60 + 10 * plan.answer_s)
            seconds = monotonic() - began
            faults = await installation.faults_of_the_books(within_s=75)
            if scenario.nobody_dies:
                statuses = await installation.statuses_of(job)
                faults += [
                    f"{n} {status}" for status, n in statuses.items() if status != "enriched"
                ]
                faults += [f"{each} is uncertain" for each in installation.audit().uncertain]
            return Report(scenario.name, protocol, installation.audit(), faults, seconds)


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
