"""What must hold: one function each, whose docstring is the promise.

`ALWAYS` holds in every state, `QUIET` once nothing fails any more, every process has finished
and the sweeper has gone round. Each returns whether it holds.
"""

from collections.abc import Callable
from functools import cache

import orjson

from orchestrator.memo.store import RECORDED
from tests.model.parts import KEYS
from tests.model.redis_model import text_of
from tests.model.scenario import Scenario
from tests.model.world import TICK_MS, World


def one_leader(world: World, _: Scenario) -> bool:
    """At most one process is certain to hold the lease."""
    return sum(p.until_ms > world.now_ms and not p.gone for p in world.processes) <= 1


def bought_once(world: World, scenario: Scenario) -> bool:
    """A company is charged once per freshness window and invalidation at most.

    On top come one for each request to buy again, and one for each run that was interrupted and
    charged nevertheless.
    """
    window_ms = scenario.fresh_ms - scenario.bounds.ticks * TICK_MS
    charged = [run for run in world.runs if run.charged and not run.late]
    return not any(
        sum(
            a.generation == b.generation and 0 <= b.posted_ms - a.posted_ms < window_ms
            for b in charged
        )
        > 1 + scenario.requests
        for a in charged
    )


def waited_for(world: World, _: Scenario) -> bool:
    """No purchase is given up while its buyer runs, and its answer may still come."""
    return not world.early


def late_answer_is_kept(world: World, _: Scenario) -> bool:
    """No answer of the latest purchase is refused, whichever flight holds the lease."""
    return not world.refused


def invalidation_wins(world: World, _: Scenario) -> bool:
    """No entry is there that was bought before the last invalidation."""
    bought_in = _run_of_entry(world)
    return bought_in is None or world.runs[bought_in].generation == world.generation


def never_older_than_said(world: World, scenario: Scenario) -> bool:
    """No entry is called fresh for longer than its TTL after its purchase."""
    run = _run_of_entry(world)
    if run is None:
        return True
    expires_at_ms = dict(world.store)[KEYS.entry].expires_at_ms or 0
    answered_ms = world.runs[run].posted_ms + TICK_MS  # a run takes no longer
    return expires_at_ms <= answered_ms + scenario.fresh_ms


def counted_once(world: World, scenario: Scenario) -> bool:
    """The ledger never has more purchases, but for uncertain ones, than the seller has charged."""
    if not scenario.rules.gives_run_ids:
        certain = [e for e in world.ledger if e[1] not in ("uncertain", "not_charged")]
        return len(certain) <= len(world.runs)
    runs = [run_id for _, _, run_id, _ in world.ledger if run_id]
    is_once = len(runs) == len(set(runs))
    return is_once and len(world.ledger) <= sum(run.charged for run in world.runs)


def orphan_comes_first(world: World, _: Scenario) -> bool:
    """No leader buys anew that could have known that an orphaned run has been charged."""
    return not any(run.needless for run in world.runs)


def fenced(world: World, _: Scenario) -> bool:
    """No leader writes an entry after another one has followed it."""
    return not world.overwritten


def everything_expires(world: World, _: Scenario) -> bool:
    """No lease, and nothing else of one company, is left without an expiry."""
    return all(v.expires_at_ms is not None for key, v in world.store if key != RECORDED)


def nothing_paid_is_lost(world: World, scenario: Scenario) -> bool:
    """When all is quiet, the ledger has every charge, and the lease is free.

    Without run ids there may be an uncertain entry for a POST that was never charged.
    """
    charged = sum(run.charged for run in world.runs)
    settled = len(world.ledger)
    complete = settled == charged if scenario.rules.gives_run_ids else settled >= charged
    return complete and text_of(world.store, KEYS.lease) is None


def answer_is_known(world: World, scenario: Scenario) -> bool:
    """When all is quiet, an answer that a buyer has brought is in the ledger and in the memo.

    It is in the memo unless it was invalidated, has expired, or another purchase has begun.
    """
    outcomes = {purchase_id: outcome for purchase_id, outcome, *_ in world.ledger}
    if any(outcomes.get(purchase_id) != "found" for purchase_id in world.brought):
        return False
    if not world.brought or len(world.runs) != 1:
        return True
    (run,) = world.runs
    is_wanted = run.generation == world.generation
    is_fresh = run.posted_ms + scenario.fresh_ms - scenario.bounds.ticks * TICK_MS > world.now_ms
    return text_of(world.store, KEYS.entry) is not None or not (is_wanted and is_fresh)


def _run_of_entry(world: World) -> int | None:
    stored = text_of(world.store, KEYS.entry)
    return None if stored is None else _run_in(stored)


@cache
def _run_in(entry: bytes) -> int:
    return int(orjson.loads(entry)["payload"]["answer"]["run"][1:])


Promise = Callable[[World, Scenario], bool]

ALWAYS: tuple[Promise, ...] = (
    one_leader,
    bought_once,
    waited_for,
    late_answer_is_kept,
    invalidation_wins,
    never_older_than_said,
    counted_once,
    orphan_comes_first,
    fenced,
    everything_expires,
)
QUIET: tuple[Promise, ...] = (nothing_paid_is_lost, answer_is_known)
