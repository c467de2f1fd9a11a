"""`python -m bench [NAME...] [--quick]`: runs the named measurements, or all of them."""

import argparse
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bench import (
    bulk,
    chaos,
    durability,
    enqueue,
    flights,
    gateway,
    gateway_history,
    hit,
    hostile_body,
    hostile_seller,
    interactive,
    invalidation,
    job,
    jobs,
    key,
    killed,
    killed_purchase,
    lead_files,
    pace,
    pace_file,
    purchases,
    schedule,
    stampede,
    standstill,
    start,
    storm,
    throughput,
    verdicts,
    waiting,
    world,
)
from bench.measure import QUICK_REPEATS, REPEATS
from orchestrator.infra.background import keep_responsive
from orchestrator.infra.logs import configure_logging

ALL: dict[str, Callable[[int], Coroutine[Any, Any, None]]] = {
    "hit": hit.main,
    "bulk": bulk.main,
    "stampede": stampede.main,
    "flights": flights.main,
    "killed": killed.main,
    "killed-purchase": killed_purchase.main,
    "durability": durability.main,
    "waiting": waiting.main,
    "invalidation": invalidation.main,
    "purchases": purchases.main,
    "pace": pace.main,
    "pace-file": pace_file.main,
    "job": job.main,
    "jobs": jobs.main,
    "throughput": throughput.main,
    "interactive": interactive.main,
    "start": start.main,
    "key": key.main,  # on generated names; on real ones, too, where a folder is given
    "schedule": schedule.main,
    "gateway": gateway.main,
    "gateway-history": gateway_history.main,
    "chaos": chaos.main,
    "standstill": standstill.main,
    "hostile-seller": hostile_seller.main,
    "enqueue": enqueue.main,
    "lead-files": lead_files.main,
    "storm": storm.main,
    "hostile-body": hostile_body.main,
    "world": world.main,
    "verdicts": verdicts.main,
}


def main() -> None:
    """Run what the command line names, on the event loop that workers run on."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REPEATS} repeats")
    parser.add_argument(
        "--names", dest="folder", type=Path, help="folder of real names, for the quality of keys"
    )
    parser.add_argument(
        "--equities", type=Path, help="folder of listed companies, to see which are told apart"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the world that verdicts and world look at"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(ALL)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    configure_logging("error")
    keep_responsive()  # as workers do, for all that is measured alike
    ALL["key"] = partial(key.main, folder=options.folder, equities=options.equities)
    for each in (world, verdicts):
        ALL[each.__name__.removeprefix("bench.")] = partial(each.main, seed=options.seed)
    for name in options.names or ALL:
        uvloop.run(ALL[name](QUICK_REPEATS if options.quick else REPEATS))


main()
