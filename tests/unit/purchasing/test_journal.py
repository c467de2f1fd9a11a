"""The purchase journal: what is written down, and what whoever finds it must do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.purchasing import Purpose
from orchestrator.purchasing.journal import Order, Page, Stage, Step, first_step
from tests.support.cases import purchase

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PURPOSES = st.builds(Purpose, st.none() | TEXT, TEXT, st.booleans())
ORDERS = st.builds(Order, TEXT, TEXT, PURPOSES)
PAGES = st.builds(
    Page,
    st.sampled_from(Stage),
    TEXT,
    st.integers(1, 9),
    st.integers(0, 2**53),
    ORDERS,
    st.none() | TEXT,
    st.none() | st.just(purchase()),
    st.none() | st.just({"answer": {"sector": "x"}}),
    st.integers(0, 9),
    st.none() | st.integers(0, 2**53),
)
PAGE = Page(Stage.INTENT, "p1", 1, 7, Order("Acme", "acme", Purpose("j1", "default")))


@given(PAGES)
def test_what_is_written_is_what_is_read(page: Page) -> None:
    """A page survives its note."""
    assert Page.from_note({"written_by": "somebody", **page.note()}) == page


@pytest.mark.parametrize(
    ("page", "with_run_ids", "without"),
    [
        (None, Step.BUY, Step.BUY),
        (PAGE, Step.RECONCILE, Step.WRITE_OFF),
        (replace(PAGE, has_run_id=False), Step.WRITE_OFF, Step.WRITE_OFF),
        (PAGE.accepted("r1"), Step.COLLECT, Step.WRITE_OFF),
        (PAGE.accepted("r1").bought(purchase()), Step.SETTLE, Step.SETTLE),
    ],
    ids=["none", "intent", "of another protocol", "accepted", "bought"],
)
def test_the_page_says_what_is_to_be_done_first(
    page: Page | None, with_run_ids: Step, without: Step
) -> None:
    """Nothing is bought while it is open what an earlier leader has bought."""
    assert first_step(page, gives_run_ids=True) is with_run_ids
    assert first_step(page, gives_run_ids=False) is without


def test_attempts_share_a_purchase_id_and_not_a_line_in_the_ledger() -> None:
    """The Idempotency-Key is the same, the entry in the ledger another."""
    order = Order("ACME", "acme", Purpose("j2", "default"))

    second = PAGE.next_attempt(order, now_ms=9, generation=0)
    third = second.next_attempt(order, now_ms=11, generation=2)

    assert {PAGE.purchase_id, second.purchase_id, third.purchase_id} == {"p1"}
    assert [PAGE.ledger_id, second.ledger_id, third.ledger_id] == ["p1", "p1.2", "p1.3"]
    assert (third.order, third.started_at_ms, third.run_id) == (order, 11, None)


@pytest.mark.parametrize(
    ("purpose", "own"),
    [
        (Purpose("j1", "acme", capped=True), {"run:j1"}),
        (Purpose("j1", "acme"), set()),
        (Purpose(None, "acme", capped=True), set()),
    ],
)
def test_only_a_capped_job_has_an_account_of_its_own(purpose: Purpose, own: set[str]) -> None:
    """Tenant, day and the whole installation are asked for every purchase."""
    accounts = replace(PAGE, order=Order("ACME", "acme", purpose)).accounts

    assert own == {account for account in accounts if account.startswith("run:")}
    assert len(accounts) == 3 + len(own)


@pytest.mark.parametrize(("send_before_ms", "sent_by_ms"), [(None, 90), (80, 80), (100, 90)])
def test_a_post_has_left_by_its_own_bound_or_by_the_end_of_its_lease(
    send_before_ms: int | None, sent_by_ms: int
) -> None:
    """Whichever comes first; a page of an earlier version has no bound of its own."""
    page = replace(PAGE, send_before_ms=send_before_ms)

    assert page.sent_by_ms(90) == sent_by_ms
