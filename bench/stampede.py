"""Many callers in several processes ask for one cold key at once: who pays, how long, how loud."""

import uuid
from dataclasses import dataclass

from redis import Redis

from bench.caller import Part
from bench.contenders import CONTENDERS
from bench.crowd import gathered, shortly
from bench.measure import console, grid, judge, rounds, summary
from bench.servers import Upstream, commands_processed, running_upstream, running_valkey

PROCESSES = 4
CALLERS = 100
UPSTREAM_S = 0.5
#: Seconds after which those who still wait are counted as not served.
PATIENCE_S = 10.0
#: What the product promises: the last caller's time by the upstream's, and commands in all.
SLOWEST, MOST_COMMANDS = 1.25, 100
#: The physical limit: a single caller that asks the upstream.
ALONE = "one caller, no cache"


@dataclass(frozen=True, slots=True)
class Stampede:
    """What became of one: `last` is the last caller's time, as a multiple of the upstream's."""

    charges: int
    served: int
    errors: list[str]
    last: float
    commands: int


async def main(repeats: int) -> None:
    """Measure every contender, and the upstream alone."""
    with running_valkey() as url, running_upstream(round(UPSTREAM_S * 1000)) as upstream:
        stampedes: dict[str, list[Stampede]] = {name: [] for name in (*CONTENDERS, ALONE)}
        for name in rounds(stampedes, repeats):
            stampedes[name].append(await _one(name, url, upstream))
    table = grid(
        f"{PROCESSES} processes x {CALLERS} callers, one cold key, upstream {UPSTREAM_S} s",
        ("what", "charges", "last / upstream", "Redis commands", "served", "errors"),
    )
    for name, runs in stampedes.items():
        table.add_row(
            name,
            summary([run.charges for run in runs]),
            summary([run.last for run in runs], "{:.2f}"),
            summary([run.commands for run in runs]),
            summary([run.served for run in runs]),
            summary([len(run.errors) for run in runs]),
        )
    console.print(table)
    for kind in sorted({error for runs in stampedes.values() for r in runs for error in r.errors}):
        console.print(f"error: {kind}", markup=False)
    _judge(stampedes["ours"])


async def _one(name: str, url: str, upstream: Upstream) -> Stampede:
    processes, callers = (1, 1) if name == ALONE else (PROCESSES, CALLERS)
    part = Part(
        contender="no cache" if name == ALONE else name,
        redis_url=url,
        upstream_url=upstream.url,
        key=f"surfsense:bench_{uuid.uuid4().hex[:12]}",
        callers=callers,
        patience_s=PATIENCE_S,
    )
    upstream.reset()
    with Redis.from_url(url) as redis:
        redis.flushdb()
        before = commands_processed(redis)
        async with gathered([part] * processes) as crowd:
            begins_at = shortly()
            crowd.begin([begins_at] * processes)
            served = await crowd.served()
        commands = commands_processed(redis) - before
    last = (served.at[-1] - begins_at) / UPSTREAM_S if served.at else PATIENCE_S / UPSTREAM_S
    charges = upstream.bill()["purchases"]
    return Stampede(charges, len(served.at), served.errors, last, commands)


def _judge(runs: list[Stampede]) -> None:
    judge("1 charge, all served", [r.charges == 1 and _all_served(r) for r in runs])
    judge(f"the last within {SLOWEST}x the upstream's time", [r.last <= SLOWEST for r in runs])
    judge(f"{MOST_COMMANDS} commands at most", [r.commands <= MOST_COMMANDS for r in runs])


def _all_served(run: Stampede) -> bool:
    return run.served == PROCESSES * CALLERS and not run.errors
