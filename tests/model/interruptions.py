"""Scenarios in which a restart of SurfSense interrupts a run that it may charge later."""

from typing import Any

import orchestrator.purchasing.purchase as buying
from tests.model import stand_ins
from tests.model.invariants import (
    counted_once,
    invalidation_wins,
    nothing_paid_is_lost,
    orphan_comes_first,
)
from tests.model.parts import Rules
from tests.model.scenario import Scenario
from tests.model.scenarios import Mutation
from tests.model.world import Faults

RULES = Rules(has_orphans=True)

INTERRUPTED = Scenario(
    "a run is interrupted", "AB", Faults(interrupt=1, late=1, retries=1, ticks=2), RULES
)
INVALIDATED = Scenario(
    "a run is interrupted, an invalidation",
    *("AB", Faults(interrupt=1, late=1, invalidate=1, ticks=1), RULES),
)
CRASHED = Scenario(
    "a run is interrupted, a leader crashes",
    *("AB", Faults(interrupt=1, late=1, crash=1, ticks=2), RULES),
)
RETRIED = CRASHED._replace(
    name="a run is interrupted, a leader crashes, a lookup is retried",
    bounds=Faults(interrupt=1, late=1, crash=1, retries=1, ticks=2),
)
SWEPT = Scenario(
    "a run is interrupted, a sweeper goes round",
    *("AS", Faults(interrupt=1, late=1, retries=1, ticks=2), RULES),
)
STALLED = Scenario(
    "a leader stands still, runs may be orphaned", "AB", Faults(pause=1, ticks=2), RULES
)

#: Explored to the end on every run of the tests.
INTERRUPTIONS = (INTERRUPTED, INVALIDATED, CRASHED, SWEPT, STALLED)

#: Explored by `python -m tests.model --deep`, too.
DEEP_INTERRUPTIONS = (RETRIED,)


async def _forgets(*_: Any) -> None:
    """Remember nothing."""


async def _looks_at_none(*_: Any) -> None:
    """Adopt nothing."""


def _wants_anything(*_: Any) -> bool:
    return True


async def _leaves_out_the_settled_alone(self: Any, record: Any) -> Any:
    return await self.settled_runs_of_others(record)  # a method of Purchaser


STRAY_MUTATIONS = (
    Mutation(
        "a run that is given up is not remembered",
        INTERRUPTED,
        (nothing_paid_is_lost,),
        patch=(stand_ins.OrphanedRuns, "add", _forgets),
    ),
    Mutation(
        "no leader looks at orphaned runs before buying",
        INTERRUPTED,
        (orphan_comes_first,),
        patch=(buying.Purchaser, "adopt_orphan", _looks_at_none),
    ),
    Mutation(
        "an orphaned run from before an invalidation is adopted",
        INVALIDATED,
        (invalidation_wins,),
        patch=(buying, "_is_wanted", _wants_anything),
    ),
    Mutation(
        "an orphaned run is taken for the run of a later attempt",
        RETRIED,
        (nothing_paid_is_lost, counted_once),
        patch=(buying.Purchaser, "_runs_of_others", _leaves_out_the_settled_alone),
    ),
)
