"""The scenarios that are explored, and the ways in which the protocol is broken on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orchestrator.enrichment.attempt as attempting
import orchestrator.enrichment.purchase as buying
from orchestrator.enrichment.journal import Page, Stage, Step, first_step
from orchestrator.memo import Durability, Source, durability
from orchestrator.memo.notes import Notes
from orchestrator.surfsense import SendGuard
from tests.model.invariants import (
    Promise,
    bought_once,
    counted_once,
    everything_expires,
    fenced,
    invalidation_wins,
    never_older_than_said,
    nothing_paid_is_lost,
    one_leader,
)
from tests.model.parts import TICK, Rules
from tests.model.scenario import Scenario
from tests.model.world import Faults

WITHOUT_RUN_IDS = Rules(gives_run_ids=False)
SHORT_LIVED = Rules(fresh_for=TICK * 2)

#: A POST may leave long after its intent, so that the lease alone must stop it.
PATIENT = Rules(send_within=TICK * 4)

CRASH = Scenario("a leader crashes", "AB", Faults(crash=1, ticks=2))
STALL = Scenario("a leader stands still", "AB", Faults(pause=1, ticks=2))
STALL_PATIENT = Scenario("a patient leader stands still", "AB", Faults(pause=1, ticks=3), PATIENT)
LATE = Scenario("a POST is slow to leave", "AB", Faults(crash=1, ticks=3))
INVALIDATED = Scenario("a crash and an invalidation", "AB", Faults(crash=1, invalidate=1, ticks=1))
REPLY_LOST = Scenario("the POST's reply is lost", "AB", Faults(lost=1, retries=1, ticks=2))
SENT_AGAIN = Scenario("a script is sent twice", "AB", Faults(crash=1, again=1, ticks=1))
SWEPT = Scenario("a sweeper goes round", "AS", Faults(crash=1, ticks=2))
AGED = Scenario("answers age", "AB", Faults(crash=1, ticks=3), SHORT_LIVED)
AWAY = Scenario("Redis is away", "AB", Faults(away=2, ticks=2))
ENRICH = Scenario("enrich: a crash", "AB", Faults(crash=1, ticks=2), WITHOUT_RUN_IDS)
ENRICH_STALL = Scenario("enrich: a stall", "AB", Faults(pause=1, ticks=2), WITHOUT_RUN_IDS)
ENRICH_INVALIDATED = Scenario(
    "enrich: a crash and an invalidation",
    *("AB", Faults(crash=1, invalidate=1, ticks=1), WITHOUT_RUN_IDS),
)
ENRICH_LOST = Scenario(
    "enrich: the reply is lost", "AB", Faults(lost=1, retries=1, ticks=2), WITHOUT_RUN_IDS
)

#: Renewals of a lease that the replica has not seen are no renewals, and a leader whose lease
#: was lost may be followed while it is certain: only the intent tells its successor.
_OF_A_FAILOVER = ("one_leader", "fenced")
CONFIRMED = Rules(durability=Durability.REPLICA)
FAILOVER = Scenario(
    "a replica takes over",
    *("AB", Faults(failover=1, ticks=2), CONFIRMED),
    excused=_OF_A_FAILOVER,
)
FAILOVER_CRASH = FAILOVER._replace(
    name="a leader crashes, a replica takes over",
    bounds=Faults(failover=1, crash=1, ticks=1),
)
FAILOVER_STALL = FAILOVER._replace(
    name="a leader stands still, a replica takes over",
    bounds=Faults(failover=1, pause=1, ticks=2),
)
FAILOVER_SWEPT = FAILOVER_CRASH._replace(
    name="a leader crashes, a replica takes over, a sweeper goes round",
    processes="AS",
    bounds=Faults(failover=1, crash=1, ticks=2),
)
FAILED_OVER_TWICE = FAILOVER._replace(
    name="replicas take over twice", bounds=Faults(failover=2, ticks=2)
)
ENRICH_FAILOVER = FAILOVER._replace(
    name="enrich: a replica takes over",
    rules=CONFIRMED._replace(gives_run_ids=False),
)

#: Explored to the end on every run of the tests.
QUICK = (
    *(CRASH, STALL, STALL_PATIENT, LATE, INVALIDATED, REPLY_LOST, SENT_AGAIN, SWEPT, AGED, AWAY),
    *(ENRICH, ENRICH_STALL, ENRICH_INVALIDATED, ENRICH_LOST),
    *(FAILOVER, FAILOVER_CRASH, FAILOVER_SWEPT, ENRICH_FAILOVER),
)

#: Explored to the end by `python -m tests.model --deep`; minutes each.
DEEP = (
    *(FAILOVER_CRASH._replace(bounds=FAILOVER_SWEPT.bounds), FAILOVER_STALL, FAILED_OVER_TWICE),
    *(
        Scenario(f"deep: {name}{seller}", processes, bounds, rules)
        for seller, rules in ((" with run ids", Rules()), (" without", WITHOUT_RUN_IDS))
        for name, processes, bounds in (
            ("two crashes", "ABC", Faults(crash=2, ticks=3)),
            ("crash and stall", "AB", Faults(crash=1, pause=1, ticks=3)),
            ("crash, invalidation, resend", "AB", Faults(crash=1, invalidate=1, again=1, ticks=2)),
            ("crash and lost reply", "AB", Faults(crash=1, lost=1, retries=1, ticks=3)),
            ("crash and failed run", "AB", Faults(crash=1, failed=1, retries=1, ticks=2)),
            ("sweeper", "ABS", Faults(crash=1, ticks=2)),
        )
    ),
)


class Mutation(NamedTuple):
    """One way to break the protocol, where it shows, and which promises it may break."""

    name: str
    scenario: Scenario
    breaks: tuple[Promise, ...]
    lua: tuple[tuple[str, str, str], ...] = ()
    patch: tuple[Any, str, Any] | None = None

    @property
    def mutant(self) -> Scenario:
        """The scenario with broken scripts."""
        return self.scenario._replace(rules=self.scenario.rules._replace(lua=self.lua))


@contextmanager
def applied(mutation: Mutation) -> Iterator[None]:
    """Break the Python side of *mutation* for a while; scripts are broken in its scenario."""
    if mutation.patch is None:
        yield
        return
    owner, name, broken = mutation.patch
    whole = vars(owner)[name]
    setattr(owner, name, broken)
    try:
        yield
    finally:
        setattr(owner, name, whole)


def _buys_on_intent(page: Page | None, *, gives_run_ids: bool) -> Step:
    is_intent = page is not None and page.stage is Stage.INTENT
    return Step.BUY if is_intent else first_step(page, gives_run_ids=gives_run_ids)


def _asks_only_for_the_lease(flight: Any, _: Page) -> Any:
    return SendGuard(flight.may_pay)


async def _drops_before_it_writes(notes: Any, keys: Any, token: str, _: Any, **__: Any) -> None:
    await notes.drop(keys, token)


async def _adopts_anything(self: Any, flight: Any, page: Page, _: Any) -> Any:
    return await self._attempts.collect(flight, page, Source.ADOPTED)  # a method of Purchaser


async def _confirms_nothing(*_: Any) -> None:
    """Return at once."""


async def _drops_whatever_it_says(notes: Any, keys: Any, token: str, **_: Any) -> None:
    await _DROP(notes, keys, token)


def _is_there_anyhow(*_: Any) -> bool:
    return True


_DROP = Notes.drop
_ALWAYS_LEADS = ("begin", "if holder and holder ~= token then", "if false then")
_ANY_HOLDER = ("commit", "if holder ~= token then", "if false then")

MUTATIONS = (
    Mutation("begin ignores the holder", CRASH, (one_leader, bought_once), (_ALWAYS_LEADS,)),
    Mutation("commit ignores the token", STALL, (fenced, invalidation_wins), (_ANY_HOLDER,)),
    Mutation(
        "commit ignores the generation",
        INVALIDATED,
        (invalidation_wins,),
        (("commit", "~= at_generation then", "== -1 then"),),
    ),
    Mutation(
        "invalidation does not raise the generation",
        INVALIDATED,
        (invalidation_wins,),
        (("invalidate", "redis.call('INCR', generation)", ""),),
    ),
    Mutation(
        "an adopted run is taken for one of today",
        INVALIDATED,
        (invalidation_wins,),
        patch=(buying.Purchaser, "_adopt", _adopts_anything),
    ),
    Mutation(
        "a note may be written by anybody",
        STALL,
        (fenced, bought_once, nothing_paid_is_lost, counted_once),
        (("note", "if holder == token or (not holder and owns_note) then", "if true then"),),
    ),
    Mutation(
        "a lease does not expire",
        CRASH,
        (everything_expires,),
        (("begin", "token, 'PX', lease_ms)", "token)"),),
    ),
    Mutation(
        "an intent is no reason to reconcile",
        CRASH,
        (bought_once,),
        patch=(buying, "first_step", _buys_on_intent),
    ),
    Mutation(
        "the POST is sent after the instant that its intent names",
        LATE,
        (bought_once,),
        patch=(attempting, "_send_guard", _asks_only_for_the_lease),
    ),
    Mutation(
        "no intent is written down",
        CRASH,
        (bought_once, nothing_paid_is_lost),
        patch=(Notes, "write", _drops_before_it_writes),
    ),
    Mutation(
        "the note goes before the ledger knows",
        CRASH,
        (nothing_paid_is_lost, bought_once),
        (
            (
                "commit",
                "redis.call('SET', note, last_note, 'PX', note_ttl_ms)",
                "redis.call('DEL', note)",
            ),
        ),
    ),
    Mutation(
        "a note is dropped whoever wrote it",
        Scenario("a stall, then a crash", "AB", Faults(pause=1, crash=1, ticks=3)),
        (nothing_paid_is_lost, bought_once, fenced),
        (("drop_note", "string.find(current, text, 1, true)", "true"),),
    ),
    Mutation(
        "no intent is confirmed",
        FAILOVER,
        (bought_once,),
        patch=(Notes, "confirm", _confirms_nothing),
    ),
    Mutation(
        "an intent is confirmed by a primary that does not have it",
        FAILOVER,
        (bought_once,),
        patch=(durability, "is_of", _is_there_anyhow),
    ),
    Mutation(
        "whoever has settled drops its note whatever it says",
        FAILOVER,
        (bought_once,),
        patch=(Notes, "drop", _drops_whatever_it_says),
    ),
    Mutation(
        "without run ids, an intent is no reason to wait",
        ENRICH,
        (bought_once,),
        patch=(buying, "first_step", _buys_on_intent),
    ),
    Mutation(
        "a lost answer bars no purchase",
        ENRICH_LOST,
        (bought_once,),
        patch=(attempting.Attempts, "is_over", _is_there_anyhow),
    ),
    Mutation(
        "an answer is not stored",
        ENRICH,
        (bought_once,),
        (("commit", "redis.call('SET', entry, stored, 'PXAT', expires_at_ms)\nif", "if"),),
    ),
    Mutation(
        "an entry lives longer than its answer",
        AGED,
        (never_older_than_said,),
        (
            (
                "commit",
                "stored, 'PXAT', expires_at_ms)\nif",
                "stored, 'PXAT', expires_at_ms + 9000)\nif",
            ),
        ),
    ),
)

#: What the exclusion of settled runs is for: without it an old one is taken for a lost one.
UNEXCLUDED = INVALIDATED._replace(name="settled runs are not left out", knows_settled=False)
