"""The process that loads is killed with `kill -9`: how long those who wait for it must wait."""

import asyncio
import time
import uuid
from dataclasses import dataclass, replace

from redis import Redis

from bench.caller import Part
from bench.crowd import gathered, shortly
from bench.measure import console, grid, judge, rounds, summary
from bench.servers import Upstream, running_upstream, running_valkey

PROCESSES = 3
CALLERS = 20
UPSTREAM_S = 1.0
LEASE_S = 1.0
#: What the product promises, in seconds, beside the lease and the upstream's time.
MARGIN_S = 0.2
#: Instants after the leader's beginning.
FOLLOWERS_COME_S, KILLED_S = 0.2, 0.5
#: Seconds after the kill at which those who have got nothing are no longer waited for.
CUT_S = 9.0
#: Contender, its lease (None: what it does unasked), and whether it is cut in every run: such
#: ones are run twice only, because every run lasts until the cut.
KILLED = {
    "ours": ("ours", LEASE_S, False),
    "cashews lock=True": ("cashews lock=True", None, True),
    "dogpile.cache": ("dogpile.cache", None, True),
    "aiocache cached_stampede": ("aiocache cached_stampede", None, False),
}
CUT_RUNS = 2


@dataclass(frozen=True, slots=True)
class Killing:
    """What became of one; `last_s` counts from the kill to the last caller served."""

    charges: int
    served: int
    errors: int
    last_s: float


async def main(repeats: int) -> None:
    """Measure the product with a lease of one second, the peers as they come."""
    killings: dict[str, list[Killing]] = {name: [] for name in KILLED}
    with running_valkey() as url, running_upstream(round(UPSTREAM_S * 1000)) as upstream:
        for name in rounds(killings, repeats):
            contender, lease_s, is_cut = KILLED[name]
            if not (is_cut and len(killings[name]) >= CUT_RUNS):
                killings[name].append(await _one(contender, lease_s, url, upstream))
    table = grid(
        f"Leader killed in mid-load, {PROCESSES * CALLERS} callers wait: "
        f"lease {LEASE_S} s, upstream {UPSTREAM_S} s, cut at {CUT_S:.0f} s",
        ("what", "runs", "kill to last served, s", "served", "charges", "errors"),
    )
    for name, runs in killings.items():
        table.add_row(
            name,
            str(len(runs)),
            summary([run.last_s for run in runs], "{:.2f}"),
            summary([run.served for run in runs]),
            summary([run.charges for run in runs]),
            summary([run.errors for run in runs]),
        )
    console.print(table)
    console.print("A charge is of the killed leader, whose request went on without it.")
    limit = LEASE_S + UPSTREAM_S + MARGIN_S
    ours = killings["ours"]
    judge(
        f"the last served within {limit:.1f} s, all served",
        [run.last_s <= limit and run.served == PROCESSES * CALLERS for run in ours],
    )


async def _one(contender: str, lease_s: float | None, url: str, upstream: Upstream) -> Killing:
    follower = Part(
        contender=contender,
        redis_url=url,
        upstream_url=upstream.url,
        key=f"surfsense:bench_{uuid.uuid4().hex[:12]}",
        callers=CALLERS,
        patience_s=KILLED_S - FOLLOWERS_COME_S + CUT_S,
        lease_s=lease_s,
    )
    upstream.reset()
    with Redis.from_url(url) as redis:
        redis.flushdb()
    async with gathered([replace(follower, callers=1), *[follower] * PROCESSES]) as crowd:
        begins_at = shortly()
        crowd.begin([begins_at, *[begins_at + FOLLOWERS_COME_S] * PROCESSES])
        await asyncio.sleep(begins_at + KILLED_S - time.time())
        leader = crowd.processes[0]
        assert upstream.bill()["in_flight"] >= 1, "no process loads that could be killed"
        leader.kill()
        killed_at = time.time()
        await leader.wait()
        served = await crowd.served()
    last_s = served.at[-1] - killed_at if len(served.at) == PROCESSES * CALLERS else CUT_S
    return Killing(upstream.bill()["purchases"], len(served.at), len(served.errors), last_s)
