"""Purchase records: their stored form, what the next leader does, and which accounts they use."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.purchasing import BillingContext
from orchestrator.purchasing.intents import (
    FirstStep,
    PurchaseRecord,
    PurchaseRequest,
    Stage,
    first_step,
)
from tests.support.cases import purchase

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CONTEXTS = st.builds(BillingContext, st.none() | TEXT, TEXT, st.booleans())
REQUESTS = st.builds(PurchaseRequest, TEXT, TEXT, CONTEXTS)
RECORDS = st.builds(
    PurchaseRecord,
    st.sampled_from(Stage),
    TEXT,
    st.integers(1, 9),
    st.integers(0, 2**53),
    REQUESTS,
    st.none() | TEXT,
    st.none() | st.just(purchase()),
    st.none() | st.just({"answer": {"sector": "x"}}),
    st.integers(0, 9),
    st.none() | st.integers(0, 2**53),
)
RECORD = PurchaseRecord(
    Stage.INTENT, "p1", 1, 7, PurchaseRequest("Acme", "acme", BillingContext("j1", "default"))
)

BOUGHT = replace(RECORD.as_accepted("r1"), stage=Stage.BOUGHT, ledger_entry=purchase())


@given(RECORDS)
def test_what_is_written_is_what_is_read(record: PurchaseRecord) -> None:
    """A record survives being stored as JSON beside its writer's token."""
    stored = orjson.dumps({"written_by": "token", **record.to_json()})

    assert PurchaseRecord.from_json(orjson.loads(stored)) == record


@pytest.mark.parametrize(
    ("record", "with_run_ids", "without"),
    [
        (None, FirstStep.BUY, FirstStep.BUY),
        (RECORD, FirstStep.RECONCILE, FirstStep.WRITE_OFF),
        (replace(RECORD, has_run_id=False), FirstStep.WRITE_OFF, FirstStep.WRITE_OFF),
        (RECORD.as_accepted("r1"), FirstStep.COLLECT, FirstStep.WRITE_OFF),
        (BOUGHT, FirstStep.SETTLE, FirstStep.SETTLE),
    ],
    ids=["none", "intent", "of another protocol", "accepted", "bought"],
)
def test_a_record_determines_the_first_step(
    record: PurchaseRecord | None, with_run_ids: FirstStep, without: FirstStep
) -> None:
    """Nothing is bought while the outcome of an earlier purchase is open."""
    assert first_step(record, gives_run_ids=True) is with_run_ids
    assert first_step(record, gives_run_ids=False) is without


def test_attempts_share_a_purchase_id_and_not_a_ledger_entry() -> None:
    """The Idempotency-Key is the same, the ledger entries are separate."""
    request = PurchaseRequest("ACME", "acme", BillingContext("j2", "default"))

    second = RECORD.next_attempt(request, now_ms=9, generation=0)
    third = second.next_attempt(request, now_ms=11, generation=2)

    assert {RECORD.purchase_id, second.purchase_id, third.purchase_id} == {"p1"}
    assert [RECORD.ledger_id, second.ledger_id, third.ledger_id] == ["p1", "p1.2", "p1.3"]
    assert (third.request, third.started_at_ms, third.run_id) == (request, 11, None)


@pytest.mark.parametrize(
    ("billing", "own"),
    [
        (BillingContext("j1", "acme", capped=True), {"run:j1"}),
        (BillingContext("j1", "acme"), set()),
        (BillingContext(None, "acme", capped=True), set()),
    ],
)
def test_only_a_capped_job_has_an_account_of_its_own(
    billing: BillingContext, own: set[str]
) -> None:
    """Every purchase has accounts of its tenant, its day and the whole installation."""
    accounts = replace(RECORD, request=PurchaseRequest("ACME", "acme", billing)).accounts

    assert own == {account for account in accounts if account.startswith("run:")}
    assert len(accounts) == 3 + len(own)


@pytest.mark.parametrize(("send_before_ms", "sent_by_ms"), [(None, 90), (80, 80), (100, 90)])
def test_a_post_has_left_by_its_own_bound_or_by_the_end_of_its_lease(
    send_before_ms: int | None, sent_by_ms: int
) -> None:
    """Whichever comes first; a record of an earlier version has no bound of its own."""
    record = replace(RECORD, send_before_ms=send_before_ms)

    assert record.sent_by_ms(90) == sent_by_ms


def _record(billing: BillingContext, begun: datetime = MIDNIGHT) -> PurchaseRecord:
    return PurchaseRecord(
        Stage.INTENT, "p1", 1, int(begun.timestamp() * 1000), PurchaseRequest("A", "a", billing)
    )


def test_an_attempt_is_reserved_for_its_job_its_tenant_and_its_day() -> None:
    """The job has an account only if it has a cap."""
    capped, free = BillingContext("j1", "north", capped=True), BillingContext("j1", "north")

    assert _record(free).accounts == ("tenant:north", "day:2026-11-24", "global")
    assert _record(capped).accounts == ("run:j1", *_record(free).accounts)


@pytest.mark.parametrize(
    ("begun", "day"),
    [(MIDNIGHT, "day:2026-11-24"), (MIDNIGHT - timedelta(milliseconds=1), "day:2026-11-23")],
)
def test_a_purchase_belongs_to_the_utc_day_on_which_it_began(begun: datetime, day: str) -> None:
    """A late settlement counts in the accounts of the reservation."""
    record = _record(BillingContext(None, "north"), begun)

    assert day in record.accounts
    assert day in PurchaseRecord.from_json(record.as_accepted("run-1").to_json()).accounts


@pytest.mark.parametrize("refresh", [True, False])
def test_a_stored_record_keeps_whether_it_is_a_refresh(refresh: bool) -> None:  # noqa: FBT001 - a table's column
    """A leader that takes the purchase over pays from the same accounts."""
    record = _record(BillingContext("j1", "north", capped=True, refresh=refresh))

    assert PurchaseRecord.from_json(orjson.loads(orjson.dumps(record.to_json()))) == record


def test_a_record_from_before_refreshes_is_none() -> None:
    """This version can finish what an older one has written."""
    stored = _record(BillingContext("j1", "north")).to_json()
    del stored["refresh"]

    assert not PurchaseRecord.from_json(stored).request.billing.refresh
