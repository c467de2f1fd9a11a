"""Watches on SQLite and PostgreSQL alike: one run at a time, and what became of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.identity import company_key
from orchestrator.leads import LeadStore
from orchestrator.schedule import (
    RefreshPolicy,
    RunEnd,
    Watch,
    Watches,
    WatchKind,
    new_rule,
    new_watch,
)
from tests.support.cases import NOW, advance, discard, lead
from tests.support.ticking import SetClock

DAY = timedelta(days=1)
RULE = new_rule(tenant="default", every=7 * DAY, now=NOW)


@pytest.fixture
def watches(engine: AsyncEngine) -> Watches:
    """Return the watches, at an instant that stands still."""
    return Watches(engine, SetClock(NOW))


def _due(name: str) -> Watch:
    new = new_watch(name, tenant="default", every=7 * DAY, now=NOW - DAY)
    return replace(new, next_at=NOW)


async def test_a_watch_comes_back_as_it_was_stored(watches: Watches) -> None:
    """Its instants are aware, its period is a duration; a watch that is not paused is due."""
    kept, paused = _due("Acme Andina"), replace(_due("Banco Azul"), paused=True)

    await watches.add([kept, paused])

    assert await watches.of([kept.id]) == {kept.id: kept}
    assert [page async for page in watches.instants()] == [{kept.id: NOW}]


async def test_adding_again_changes_the_period_and_nothing_that_was_learned(
    watches: Watches,
) -> None:
    """A watch that a rule has found becomes a person's own; a rule takes over no person's watch."""
    derived = replace(_due("Acme Andina"), kind=WatchKind.DERIVED, digest="d1", spent_micros=7)
    await watches.add([RULE])
    await watches.derive(RULE, [derived])
    own = replace(_due("Acme Andina"), every=3 * DAY)

    await watches.add([own])
    await watches.derive(RULE, [derived])

    (stored,) = (await watches.of([derived.id])).values()
    assert (stored.kind, stored.every) == (WatchKind.COMPANY, 3 * DAY)
    assert (stored.digest, stored.spent_micros) == ("d1", 7)


async def test_a_removed_rule_leaves_nothing_that_it_has_found(watches: Watches) -> None:
    """Neither what it found since its watches were read, nor what a scheduler stores late."""
    early, late = (replace(_due(name), kind=WatchKind.DERIVED) for name in ("Acme", "Banco"))
    own = _due("Cobre")
    await watches.add([RULE, own])
    await watches.derive(RULE, [early])

    await watches.remove([RULE.id])
    await watches.derive(RULE, [late])

    assert await watches.of_tenant("default") == [own]


async def test_of_several_claims_one_gets_a_run(watches: Watches) -> None:
    """However they meet, each watch has one job; one that is not due has none."""
    due = [_due(f"Compañía {n}") for n in range(20)]
    later = replace(_due("Acme Andina"), next_at=NOW + DAY)
    await watches.add([*due, later])
    ids = [watch.id for watch in (*due, later)]

    begun = await asyncio.gather(*(watches.begin(ids, f"j{n}", []) for n in range(4)))

    assert sorted(each for some in begun for each in some) == sorted(watch.id for watch in due)
    assert await watches.begin(ids, "j9", ["unknown"]) == set()
    jobs = {watch.job_id for watch in (await watches.of(ids)).values() if watch.job_id}
    assert await watches.begin(ids, "j9", jobs) == {watch.id for watch in due}


async def test_runs_end_together_and_each_once(watches: Watches) -> None:
    """With outcome, cost and digest; changed evidence asks for a judgement, at once."""
    same, changed = (replace(_due(name), digest="old") for name in ("Acme Andina", "Banco Azul"))
    await watches.add([RULE])
    await watches.derive(RULE, [same, changed])
    await watches.begin([same.id, changed.id], "j1", [])
    ends = [
        RunEnd(watch, "j1", "enriched", cost_micros=5, digest=digest)
        for watch, digest in ((same, "old"), (changed, "new"))
    ]

    at_same, at_changed = await asyncio.gather(*map(watches.end, ends))

    stored = await watches.of([same.id, changed.id])
    assert at_same == stored[same.id].next_at > NOW + 6 * DAY
    assert at_changed == NOW
    assert {watch.id: watch.rejudge for watch in stored.values()} == {
        same.id: False,
        changed.id: True,
    }
    assert {(w.job_id, w.ran_at, w.outcome, w.spent_micros) for w in stored.values()} == {
        (None, NOW, "enriched", 5)
    }
    assert await asyncio.gather(*map(watches.end, ends)) == [None, None]


async def test_a_company_is_worth_a_refresh_while_it_has_an_opportunity(
    engine: AsyncEngine,
) -> None:
    """And its leads are those that the agents have judged before."""
    store = LeadStore(engine, SetClock(NOW))
    await store.import_leads([lead(1), lead(2)])
    keys = [company_key(lead(n).company) for n in (1, 2)]
    await store.record(lead(1), [advance()], keys[0], basis="p1")
    await store.record(lead(2), [discard()], keys[1], basis="p2")
    policy = RefreshPolicy(engine)

    assert await policy.among(keys) == {keys[0]}
    assert await policy.with_opportunities() == {keys[0]: lead(1).company}
    assert await policy.leads_of(keys[1:]) == [lead(2).id]


async def test_a_watch_that_has_a_run_is_not_postponed(watches: Watches) -> None:
    """Its run ends it, and says when it is due next."""
    running, idle = _due("Acme Andina"), _due("Banco Azul")
    await watches.add([running, idle])
    assert await watches.begin([running.id], "j1", set()) == {running.id}

    await watches.postpone([running, idle], "not_worth_it")

    stored = await watches.of([running.id, idle.id])
    assert (stored[running.id].next_at, stored[running.id].outcome) == (NOW, None)
    assert stored[idle.id].next_at > NOW
    assert stored[idle.id].outcome == "not_worth_it"
