"""A buyer gets `kill -9` at every step of a purchase: what it costs, and how long others wait.

The whole purchase by the run-id protocol: real processes, Valkey, SQLite and the sandbox, whose
own bill counts the charges. The buyer dies by its own hand, so that it dies at that very step.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from bench.measure import console, grid, judge, summary
from bench.site import running_site
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.settings import load
from tests.support.buyer import BILLING, Buyer, Step, cue, open_buyer, start_buyer
from tests.support.children import Children, open_children
from tests.support.sandbox import charges, new_name

LEASE_S, UPSTREAM_S = 1.0, 1.0
#: Leases after which a buyer whose process key is not renewed counts as gone.
LEASES_UNTIL_GONE = 4
#: Beyond that and the upstream's time; the last pause between two looks at the run is part of it.
SLACK_S = 0.3
#: For which SurfSense may not list a run yet: one that lists at once, and the default.
GRACES_S = (0.2, 3.0)
FOLLOWERS = 20
#: Runs of a step: each starts a process.
MOST_RUNS = 3
#: Seconds that followers get to be there before the buyer goes on.
COMING_S = 0.1
STEPS = [step for step in Step if step is not Step.NEVER]


@dataclass(frozen=True, slots=True)
class Death:
    """What came of one; `last_s` counts from the death to the last follower served."""

    charges: int
    served: int
    last_s: float


async def main(repeats: int) -> None:
    """Measure every step with both graces."""
    async with running_site(workers=0, variables={}) as site:
        latency_ms = round(UPSTREAM_S * 1000)
        await site.behave(
            latency_min_ms=latency_ms,
            latency_max_ms=latency_ms,
            not_found_rate=0,
            ambiguous_rate=0,
        )
        for grace_s in GRACES_S:
            deaths = await _deaths(site.stack, grace_s, min(repeats, MOST_RUNS))
            _show(deaths, grace_s)


async def _deaths(stack: EmbeddedStack, grace_s: float, runs: int) -> dict[Step, list[Death]]:
    variables = {
        **stack.variables,
        "SURFSENSE_PROTOCOL": "workspace",
        "SURFSENSE_API_KEY": "ss_pat_bench",
        "SURFSENSE_WORKSPACE_ID": "1",
        "EMASAI_LEASE_S": str(LEASE_S),
    }
    deaths: dict[Step, list[Death]] = {step: [] for step in STEPS}
    grace = timedelta(seconds=grace_s)
    async with (
        open_buyer(load(**variables), reconcile_grace=grace) as survivor,
        open_children() as children,
    ):
        for _ in range(runs):
            for step in STEPS:
                deaths[step].append(await _one(stack, children, variables, survivor, step))
    return deaths


async def _one(
    stack: EmbeddedStack,
    children: Children,
    variables: dict[str, str],
    survivor: Buyer,
    step: Step,
) -> Death:
    company = new_name("Bench")
    process = await start_buyer(children, company, step, variables)
    waiting = [
        asyncio.create_task(survivor.enricher.enrich(company, BILLING)) for _ in range(FOLLOWERS)
    ]
    await asyncio.sleep(COMING_S)
    cue(process)
    await process.wait()
    died_at = time.monotonic()
    served = await asyncio.gather(*waiting)
    last_s = time.monotonic() - died_at
    await survivor.sweeper.sweep()
    found = sum(enrichment.evidence is not None for enrichment in served)
    return Death(charges(stack.home)[served[0].company_key], found, last_s)


def _show(deaths: dict[Step, list[Death]], grace_s: float) -> None:
    table = grid(
        f"Buyer killed at every step, {FOLLOWERS} callers wait. Limit: {LEASES_UNTIL_GONE} leases "
        f"of {LEASE_S} s until it counts as gone, {UPSTREAM_S} s for the answer, "
        f"{SLACK_S} s of slack; where nothing was sent, {grace_s} s until a run must be listed",
        ("killed when", "runs", "death to last served, s", "served", "charges"),
    )
    for step, runs in deaths.items():
        table.add_row(
            step.value,
            str(len(runs)),
            summary([run.last_s for run in runs], "{:.2f}"),
            summary([run.served for run in runs]),
            summary([run.charges for run in runs]),
        )
    console.print(table)
    every = [run for runs in deaths.values() for run in runs]
    judge(
        "one charge, every caller served", [(r.charges, r.served) == (1, FOLLOWERS) for r in every]
    )
    limit = LEASES_UNTIL_GONE * LEASE_S + UPSTREAM_S + SLACK_S
    sent = [run for step, runs in deaths.items() if step is not Step.BEFORE_POST for run in runs]
    judge(f"the last served within {limit:.1f} s", [run.last_s <= limit for run in sent])
    judge(
        f"the same {grace_s} s later where an intent was written and nothing sent",
        [run.last_s <= limit + grace_s for run in deaths[Step.BEFORE_POST]],
    )
