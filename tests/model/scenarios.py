"""The scenarios that are explored, and the ways in which the protocol is broken on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import orchestrator.purchasing.purchase as buying
from orchestrator.memo import Durability, Memo, Records, store
from orchestrator.memo.store import Keys
from orchestrator.purchasing import LedgerChange
from orchestrator.purchasing.books import Books
from orchestrator.purchasing.intents import FirstStep, PurchaseRecord, Stage, first_step
from orchestrator.surfsense import SendGuard
from tests.model import stand_ins
from tests.model.invariants import (
    Promise,
    answer_is_known,
    bought_once,
    counted_once,
    everything_expires,
    fenced,
    invalidation_wins,
    late_answer_is_kept,
    never_older_than_said,
    nothing_paid_is_lost,
    one_leader,
    waited_for,
)
from tests.model.parts import TICK, Rules
from tests.model.scenario import Scenario
from tests.model.world import Faults

WITHOUT_RUN_IDS = Rules(gives_run_ids=False)
SHORT_LIVED = Rules(fresh_for=TICK)

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
AGED = Scenario("answers age", "AB", Faults(crash=1, ticks=2), SHORT_LIVED)
AWAY = Scenario("Redis is unavailable", "AB", Faults(away=2, ticks=2))
ENRICH = Scenario("enrich: a crash", "AB", Faults(crash=1, ticks=2), WITHOUT_RUN_IDS)
ENRICH_STALL = Scenario("enrich: a stall", "AB", Faults(pause=1, ticks=2), WITHOUT_RUN_IDS)
ENRICH_INVALIDATED = Scenario(
    "enrich: a crash and an invalidation",
    *("AB", Faults(crash=1, invalidate=1, ticks=1), WITHOUT_RUN_IDS),
)
#: Longer than what an intent holds, which ends in the second tick.
BEYOND = Faults(silent=2, ticks=1)
SILENT = Scenario("Redis is silent", "AB", BEYOND)
SILENT_STALL = Scenario(
    "a leader stands still, Redis is silent", "AB", Faults(pause=1, silent=2, ticks=0)
)
SILENT_SWEPT = Scenario("Redis is silent, a sweeper goes round", "AS", BEYOND)
ENRICH_SILENT = Scenario("enrich: Redis is silent", "AB", BEYOND, WITHOUT_RUN_IDS)
ENRICH_SILENT_STALL = SILENT_STALL._replace(
    name="enrich: a leader stands still, Redis is silent", rules=WITHOUT_RUN_IDS
)
ENRICH_SWEPT = Scenario(
    "enrich: a stall, a sweeper goes round", "AS", Faults(pause=1, ticks=2), WITHOUT_RUN_IDS
)
ENRICH_SILENT_SWEPT = SILENT_SWEPT._replace(
    name="enrich: Redis is silent, a sweeper goes round", rules=WITHOUT_RUN_IDS
)
ENRICH_AWAY = Scenario(
    "enrich: Redis is unavailable, then silent",
    "AB",
    Faults(away=1, silent=1, ticks=1),
    WITHOUT_RUN_IDS,
)
ENRICH_SLOW = Scenario(
    "enrich: a slow answer, Redis is silent",
    *("AB", BEYOND, WITHOUT_RUN_IDS._replace(answers_within=TICK * 2)),
)
HONOURED = Scenario(
    "enrich: a stall, the seller honours its key",
    *("AB", Faults(pause=1, ticks=2), WITHOUT_RUN_IDS._replace(honours_key=True)),
)
HONOURED_LOST = HONOURED._replace(
    name="enrich: the reply is lost, the seller honours its key",
    bounds=Faults(lost=1, crash=1, retries=1, ticks=1),
)
AGAIN = Scenario(
    "enrich: a person asks to buy again",
    *("X", Faults(lost=3, retries=3, ticks=3), WITHOUT_RUN_IDS),
)
AGAIN_CRASH = Scenario(
    "enrich: a person asks to buy again, a crash",
    *("XY", Faults(lost=1, crash=1, retries=1, ticks=1), WITHOUT_RUN_IDS),
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
    bounds=Faults(failover=1, crash=1, ticks=1),
    # A sweeper may take a record off the list that it has seen gone on the old primary, and that
    # the new one has again: only a lookup finds it.
    excused=(*_OF_A_FAILOVER, answer_is_known.__name__),
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
    *(CRASH, STALL, LATE, INVALIDATED, REPLY_LOST, SENT_AGAIN, SWEPT, AGED, AWAY),
    *(SILENT, SILENT_STALL, SILENT_SWEPT),
    *(ENRICH, ENRICH_STALL, ENRICH_INVALIDATED, ENRICH_LOST, ENRICH_SWEPT, ENRICH_AWAY),
    *(ENRICH_SILENT, ENRICH_SILENT_STALL, ENRICH_SILENT_SWEPT, ENRICH_SLOW),
    *(HONOURED, HONOURED_LOST, AGAIN, AGAIN_CRASH),
    *(FAILOVER, FAILOVER_CRASH, FAILOVER_SWEPT, ENRICH_FAILOVER),
)

#: Explored to the end by `python -m tests.model --deep`; minutes each.
DEEP = (
    STALL_PATIENT,
    *(
        FAILOVER_CRASH._replace(bounds=Faults(failover=1, crash=1, ticks=2)),
        FAILOVER_STALL,
        FAILED_OVER_TWICE,
    ),
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


class Patched(Protocol):
    """A mutation of either protocol."""

    @property
    def patch(self) -> tuple[Any, str, Any] | None:
        """What is replaced: its owner, its name, and by what."""


@contextmanager
def applied(mutation: Patched) -> Iterator[None]:
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


def _buys_on_intent(record: PurchaseRecord | None, *, gives_run_ids: bool) -> FirstStep:
    is_intent = record is not None and record.stage is Stage.INTENT
    return FirstStep.BUY if is_intent else first_step(record, gives_run_ids=gives_run_ids)


def _buys_on_loss(record: PurchaseRecord | None, *, gives_run_ids: bool) -> FirstStep:
    is_lost = record is not None and record.stage is Stage.LOST
    return FirstStep.BUY if is_lost else first_step(record, gives_run_ids=gives_run_ids)


def _asks_only_for_the_lease(flight: Any, _: PurchaseRecord) -> Any:
    return SendGuard(lambda: flight.lease.is_safe)


async def _drops_before_it_writes(records: Any, keys: Any, token: str, _: Any, **__: Any) -> None:
    await records.drop(keys, token)


async def _wants_anything(_: Any, flight: Any, record: PurchaseRecord, loaded: Any) -> Any:
    del flight, record  # a method of Purchaser
    return loaded


async def _confirms_nothing(*_: Any) -> None:
    """Return at once."""


async def _drops_whatever_it_says(records: Any, keys: Any, token: str, **_: Any) -> None:
    await _DROP(records, keys, token)


def _is_there_anyhow(*_: Any) -> bool:
    return True


async def _looks_nowhere(*_: Any) -> None:
    """Find no answer in the archive."""


async def _ends_whatever_runs(self: Any, key: str, leader: str) -> bool:
    return bool(await self._scripts.release(Keys(key), leader) >= 0)  # a method of Memo


async def _takes_the_record(records: Any, keys: Any, token: str, record: Any, **kept: Any) -> bool:
    kept.pop("writer", None)
    return bool(await _WRITE(records, keys, token, record, **kept))


async def _resolves_nothing(self: Any, ledger_entry: Any, answer: Any = None) -> Any:
    if await self.has(ledger_entry.purchase_id):
        return LedgerChange(is_new=False)
    return await _ENTER(self, ledger_entry, answer)


def _remembers_no_request(record: PurchaseRecord, *args: Any) -> PurchaseRecord:
    return replace(_NEXT(record, *args), repeat_requests=())


def _counts_as_another(record: PurchaseRecord) -> PurchaseRecord:
    return replace(_REPEATED(record), purchase_id=f"{record.purchase_id}-again")


def _asks_only_for_the_time(flight: Any, record: PurchaseRecord) -> Any:
    return SendGuard(lambda: flight.now_ms() < (record.send_before_ms or 0))


async def _withdraws_what_was_sent_before(self: Any, flight: Any, record: PurchaseRecord) -> None:
    await _VOID(self, flight, replace(record, failure=None))


_WRITE = Records.write
_ENTER = stand_ins.Ledger.settle
_NEXT = PurchaseRecord.next_attempt
_REPEATED = PurchaseRecord.same_attempt
_VOID = Books.void
_DROP = Records.drop
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
        patch=(buying.Purchaser, "_if_wanted", _wants_anything),
    ),
    Mutation(
        "a record may be written by any process",
        STALL,
        (fenced, bought_once, nothing_paid_is_lost, counted_once),
        (("record", "if holder == token or (not holder and owns_record) then", "if true then"),),
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
        patch=(buying, "_send_guard", _asks_only_for_the_lease),
    ),
    Mutation(
        "no intent is written down",
        CRASH,
        (bought_once, nothing_paid_is_lost),
        patch=(Records, "write", _drops_before_it_writes),
    ),
    Mutation(
        "the record goes before the ledger knows",
        CRASH,
        (nothing_paid_is_lost, bought_once),
        (
            (
                "commit",
                "redis.call('SET', record, last_record, 'PX', record_ttl_ms)",
                "redis.call('DEL', record)",
            ),
        ),
    ),
    Mutation(
        "a record of any writer is dropped",
        HONOURED._replace(bounds=Faults(pause=1, crash=1, ticks=1)),
        (nothing_paid_is_lost, bought_once, answer_is_known),
        (("drop_record", "string.find(current, text, 1, true)", "true"),),
    ),
    Mutation(
        "no intent is confirmed",
        FAILOVER,
        (bought_once,),
        patch=(Records, "confirm", _confirms_nothing),
    ),
    Mutation(
        "an intent is confirmed by a primary that does not have it",
        FAILOVER,
        (bought_once,),
        patch=(store, "is_of", _is_there_anyhow),
    ),
    Mutation(
        "after a settlement the record is dropped whatever it says",
        FAILOVER,
        (bought_once,),
        patch=(Records, "drop", _drops_whatever_it_says),
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
        patch=(Books, "is_over", _is_there_anyhow),
    ),
    Mutation(
        "a purchase that was given up is no reason to wait",
        ENRICH_LOST,
        (bought_once,),
        patch=(buying, "first_step", _buys_on_loss),
    ),
    Mutation(
        "an intent does not hold the lease",
        ENRICH_SILENT,
        (waited_for,),
        (("record", "math.max(lease_ms, hold_ms)", "lease_ms"),),
    ),
    Mutation(
        "a renewal cuts a hold short",
        ENRICH_SLOW,
        (waited_for,),
        (("renew", "if redis.call('PTTL', lease) < lease_ms then", "if true then"),),
    ),
    Mutation(
        "a purchase is given up while its buyer lives",
        ENRICH,
        (waited_for,),
        (_ALWAYS_LEADS,),
    ),
    Mutation(
        "a leader is called gone without proof",
        ENRICH_SWEPT,
        (waited_for,),
        patch=(Memo, "end_if_gone", _ends_whatever_runs),
    ),
    Mutation(
        "a leader that has come back is ended",
        STALL,
        (one_leader,),
        (("release", " or (process and redis.call('GET', process))", ""),),
    ),
    Mutation(
        "the archive is not asked",
        ENRICH_FAILOVER,
        (answer_is_known,),
        patch=(Books, "archived", _looks_nowhere),
    ),
    Mutation(
        "a leader that gives a purchase up takes its record",
        ENRICH_STALL,
        (late_answer_is_kept,),
        patch=(Records, "write", _takes_the_record),
    ),
    Mutation(
        "only the holder of the lease may commit",
        ENRICH_STALL,
        (late_answer_is_kept,),
        (("commit", "if not has_ticket then", "if true then"),),
    ),
    Mutation(
        "a late answer resolves nothing",
        ENRICH_STALL,
        (answer_is_known,),
        patch=(stand_ins.Ledger, "settle", _resolves_nothing),
    ),
    Mutation(
        "a request to buy again is not remembered",
        AGAIN,
        (bought_once,),
        patch=(PurchaseRecord, "next_attempt", _remembers_no_request),
    ),
    Mutation(
        "a repeated POST has another key",
        HONOURED_LOST,
        (bought_once,),
        patch=(PurchaseRecord, "same_attempt", _counts_as_another),
    ),
    Mutation(
        "a purchase is marked whose buyer has settled it",
        HONOURED,
        (answer_is_known,),
        (("record", "if amends and not current then", "if false then"),),
    ),
    Mutation(
        "a repetition that does not leave withdraws what was sent before",
        HONOURED,
        (answer_is_known, bought_once, nothing_paid_is_lost),
        patch=(Books, "void", _withdraws_what_was_sent_before),
    ),
    Mutation(
        "the POST is sent when the lease is over",
        STALL_PATIENT,
        (bought_once,),
        patch=(buying, "_send_guard", _asks_only_for_the_time),
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
