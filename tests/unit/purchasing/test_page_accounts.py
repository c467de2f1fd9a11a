"""Which budgets a page of the journal is held in."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from orchestrator.purchasing import Purpose
from orchestrator.purchasing.journal import Order, Page, Stage

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


def _page(purpose: Purpose, begun: datetime = MIDNIGHT) -> Page:
    return Page(Stage.INTENT, "p1", 1, int(begun.timestamp() * 1000), Order("A", "a", purpose))


def test_a_page_is_held_where_its_job_its_tenant_and_its_day_are() -> None:
    """The run's account only if the run has a cap."""
    capped, free = Purpose("j1", "north", capped=True), Purpose("j1", "north")

    assert _page(free).accounts == ("tenant:north", "day:2026-11-24", "global")
    assert _page(capped).accounts == ("run:j1", *_page(free).accounts)


@pytest.mark.parametrize(
    ("begun", "day"),
    [(MIDNIGHT, "day:2026-11-24"), (MIDNIGHT - timedelta(milliseconds=1), "day:2026-11-23")],
)
def test_a_purchase_belongs_to_the_utc_day_of_its_beginning(begun: datetime, day: str) -> None:
    """However late it is settled, it is settled where it was held."""
    page = _page(Purpose(None, "north"), begun)

    assert day in page.accounts
    assert day in Page.from_note(page.accepted("run-1").note()).accounts


@pytest.mark.parametrize("refresh", [True, False])
def test_a_note_keeps_whether_it_is_a_refresh(refresh: bool) -> None:  # noqa: FBT001 - a table's column
    """Whoever takes the purchase over knows that nobody waits for it."""
    page = _page(Purpose("j1", "north", capped=True, refresh=refresh))

    assert Page.from_note(orjson.loads(orjson.dumps(page.note()))) == page


def test_a_note_from_before_there_were_refreshes_is_none() -> None:
    """What an older version wrote down can be finished by this one."""
    note = _page(Purpose("j1", "north")).note()
    del note["refresh"]

    assert not Page.from_note(note).order.purpose.refresh
