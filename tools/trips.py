"""Counts the way of a lookup through our code: `python -m tools.trips [--list]`.

Runs one cold lookup and one hit of the same company through `Enricher.enrich`, against a real
Valkey and the sandbox, by both protocols. Functions are distinct code objects that were called
(`sys.setprofile`), comprehensions and lambdas aside; files and packages are where they stand.
Not counted are the command line, the embedded stack, and what runs in other threads: by
`workspace` the assembly of an answer. Loops in the background count when they happen to turn.
"""

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import CodeType, FrameType

import uvloop
from rich.console import Console
from rich.table import Table

from orchestrator.app import build
from orchestrator.embedded.stack import open_stack
from orchestrator.infra.logs import configure_logging
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.purchasing import BillingContext
from orchestrator.settings import load

ROOT = Path(__file__).resolve().parents[1]
COUNTED = ("orchestrator", "agents", "tasks")
NOT_COUNTED = ("orchestrator/cli", "orchestrator/embedded")

Trip = dict[str, set[str]]
"""The functions that were called, by file."""


async def main(*, full: bool) -> None:
    """Print what each trip passes; with *full*, every function of every file."""
    console = Console()
    table = Table(title="A lookup's way through our code", title_justify="left")
    for column in ("protocol", "trip", "functions", "files", "packages"):
        table.add_column(column, justify="left" if column in ("protocol", "trip") else "right")
    for protocol in ("enrich", "workspace"):
        for name, trip in (await _trips(protocol)).items():
            functions = sum(map(len, trip.values()))
            packages = {str(Path(file).parent) for file in trip}
            table.add_row(protocol, name, str(functions), str(len(trip)), str(len(packages)))
            if full:
                console.print(f"[bold]{protocol}, {name}[/]")
                for file, names in sorted(trip.items()):
                    console.print(f"  {file}: {', '.join(sorted(names))}", highlight=False)
    console.print(table)


async def _trips(protocol: str) -> dict[str, Trip]:
    os.environ.update(
        SURFSENSE_PROTOCOL=protocol, SURFSENSE_API_KEY="simulated", SURFSENSE_WORKSPACE_ID="1"
    )
    with tempfile.TemporaryDirectory() as home, open_stack(Path(home), workers=0) as stack:
        settings = load(**stack.variables)
        notifier = CeleryNotifier(create_app(settings))
        async with build(settings, notifier=notifier) as parts:

            async def look_up() -> object:
                return await parts.purchasing.enricher.enrich(
                    "Acme Rockets", BillingContext(None, "trips")
                )

            await parts.purchasing.enricher.enrich(
                "Another Company", BillingContext(None, "trips")
            )  # opens connections
            trips = {"cold": await _traced(look_up), "hit": await _traced(look_up)}
        await notifier.aclose()
    return trips


async def _traced(work: Callable[[], Awaitable[object]]) -> Trip:
    seen: set[CodeType] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    sys.setprofile(profile)
    try:
        await work()
    finally:
        sys.setprofile(None)
    trip: Trip = defaultdict(set)
    for code in seen:
        path = Path(code.co_filename)
        if not path.is_relative_to(ROOT) or code.co_name.startswith("<"):
            continue
        file = str(path.relative_to(ROOT))
        if file.startswith(COUNTED) and not file.startswith(NOT_COUNTED):
            trip[file].add(f"{code.co_qualname}:{code.co_firstlineno}")
    return dict(trip)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.trips", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print every function")
    configure_logging("error")
    uvloop.run(main(full=parser.parse_args().list))
