"""Chaos: a big batch while workers and Valkey are killed and SurfSense misbehaves.

The leads' companies are of the sandbox's real world, where several steps are bought towards one.
What must hold however it goes: every lead ends with an outcome, a lead gets at most one
opportunity, no step is charged twice, and the ledger is the seller's bill to the micro-dollar.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from uuid import NAMESPACE_OID, uuid5

import sqlalchemy
from rich.table import Table

from agents.case import Lead
from bench.havoc import kill_at_random, read_bill
from bench.measure import QUICK_REPEATS, console, judge
from bench.site import running_site
from orchestrator.app import Runtime
from orchestrator.dispatch import submit
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.truth import catalogue_of
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import Job, JobKind, NewJob

#: How SurfSense behaves while it lasts.
BEHAVIOUR: dict[str, str | float] = {
    "world": "real",
    "latency_min_ms": 200,
    "latency_max_ms": 1500,
    "error_rate": 0.05,
    "reset_rate": 0.02,
    "timeout_rate": 0.02,
    "late_rate": 0.05,
    "late_ms": 3000,
    "poll_error_rate": 0.05,
}
#: How the fleet is set up: as it comes, but with patience that fits the faults' length. Leases
#: stay at their default: on a starved machine a shorter one is lost by leaders that still live.
VARIABLES = {
    "SURFSENSE_PROTOCOL": "workspace",
    "SURFSENSE_API_KEY": "ss_pat_chaos",
    "SURFSENSE_WORKSPACE_ID": "1",
    "EMASAI_SURFSENSE_TIMEOUT_S": "20",
    "EMASAI_FAILURE_TTL_S": "1",
    "EMASAI_POSTS_PER_MINUTE": "6000",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done, and what is done to it."""

    companies: int = 3000
    leads: int = 10_000
    workers: int = 4
    worker_kills: int = 20
    valkey_kills: int = 3
    seconds: float = 110
    max_in_flight: int = 12
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    statuses: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    companies_charged: int = 0
    charged_twice: dict[str, int] = field(default_factory=dict)
    opportunities: int = 0
    leads_with_two_opportunities: int = 0
    bill_micros: int = 0
    ledger_micros: int = 0
    uncertain: int = 0
    worker_kills: int = 0
    valkey_kills: int = 0
    seconds: float = 0


#: What `--quick` leaves of the plan.
SMALL = Plan(
    companies=60,
    leads=250,
    workers=2,
    worker_kills=3,
    valkey_kills=1,
    seconds=12,
    max_in_flight=10,
)


async def main(repeats: int) -> None:
    """Carry the plan out once, whole or small, and print what came of it."""
    plan = SMALL if repeats <= QUICK_REPEATS else Plan()
    outcome = await run_chaos(plan)
    console.print(_table(outcome))
    judge("most companies are bought", [outcome.companies_charged > plan.companies / 2])
    judge("every lead has an outcome", [outcome.pending == 0])
    judge("no lead with two opportunities", [outcome.leads_with_two_opportunities == 0])
    judge("no step is charged twice", [not outcome.charged_twice])
    judge("ledger is bill", [outcome.ledger_micros == outcome.bill_micros])


async def run_chaos(plan: Plan) -> Outcome:
    """Carry *plan* out on a stack of its own, and look at the books of both sides."""
    variables = {**VARIABLES, "EMASAI_MAX_IN_FLIGHT": str(plan.max_in_flight)}
    async with running_site(workers=plan.workers, variables=variables) as site:
        await site.behave(**BEHAVIOUR)
        return await _carry_out(plan, site.parts, site.stack)


async def _carry_out(plan: Plan, parts: Runtime, stack: EmbeddedStack) -> Outcome:
    began, outcome = monotonic(), Outcome()
    leads = _leads(plan)
    await parts.leads.store.import_leads(leads)
    new = NewJob(JobKind.PIPELINE, tuple(str(lead.id) for lead in leads), "chaos")
    job = await submit(parts, new)
    havoc = asyncio.create_task(
        kill_at_random(
            stack,
            workers=plan.worker_kills,
            valkeys=plan.valkey_kills,
            seconds=plan.seconds,
            seed=plan.seed,
        )
    )
    job = await _until_done(parts, job)
    kills = await havoc
    outcome.worker_kills, outcome.valkey_kills = kills.workers, kills.valkeys
    await _until_settled(parts)
    outcome.seconds = monotonic() - began
    async for _, result in parts.jobs.results.rows(job):
        outcome.statuses[result["status"]] += 1
    outcome.pending = job.total - outcome.statuses.total()
    _read_books(stack.home, outcome)
    return outcome


def _leads(plan: Plan) -> list[Lead]:
    dice = random.Random(plan.seed)  # noqa: S311 - a repeatable mix
    listed = catalogue_of(World(catalogue_size=2 * plan.companies))
    told_apart = [each for each in listed if each.keys() & {"website", "email_domain"}]
    companies = told_apart[: plan.companies]
    chosen = [*companies, *dice.choices(companies, k=plan.leads)]
    return [
        Lead(
            id=uuid5(NAMESPACE_OID, f"chaos {index}"),
            company=company["company"],
            contact="Ana",
            email=f"ana{index}@{company.get('email_domain', 'gmail.com')}",
            website=company.get("website"),
            country=company.get("country"),
            city=company.get("city"),
            phone=company.get("phone"),
        )
        for index, company in enumerate(chosen[: plan.leads])
    ]


async def _until_done(parts: Runtime, job: Job) -> Job:
    while not job.state.is_final:
        await asyncio.sleep(0.5)
        try:
            job = await parts.jobs.records.job(job.job_id) or job
        except StoreUnavailable:
            continue
    return job


async def _until_settled(parts: Runtime) -> None:
    """Wait until the sweepers have nothing left to do."""
    while await parts.backends.memo_redis.exists("memo1:noted"):  # noqa: ASYNC110 - in other processes
        await asyncio.sleep(1)


def _read_books(home: Path, outcome: Outcome) -> None:
    bill = read_bill(home)
    outcome.companies_charged = len(bill.companies)
    outcome.charged_twice = bill.charged_twice
    outcome.bill_micros = bill.micros
    engine = sqlalchemy.create_engine(f"sqlite:///{home / 'emasai.sqlite'}")
    with engine.connect() as connection:

        def number(statement: str) -> int:
            return int(connection.scalar(sqlalchemy.text(statement)) or 0)

        outcome.ledger_micros = number("SELECT sum(cost_micros) FROM purchases")
        outcome.uncertain = number("SELECT count(*) FROM purchases WHERE outcome = 'uncertain'")
        outcome.opportunities = number("SELECT count(*) FROM opportunities")
        outcome.leads_with_two_opportunities = number(
            "SELECT count(*) FROM (SELECT lead_id FROM opportunities "
            "GROUP BY lead_id HAVING count(*) > 1)"
        )
    engine.dispose()


def _table(outcome: Outcome) -> Table:
    table = Table(title="Chaos", title_justify="left", show_header=False)
    for name in Outcome.__dataclass_fields__:
        value = getattr(outcome, name)
        shown = dict(value) if isinstance(value, Counter) else value
        table.add_row(name.replace("_", " "), str(shown))
    return table
