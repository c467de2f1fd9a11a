"""Stored leads by conditions, on SQLite and PostgreSQL alike."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.leads import LeadFilter, LeadStore
from tests.support.cases import NOW, advance, discard, lead

TODAY = "2"


@pytest.fixture
async def store(engine: AsyncEngine) -> LeadStore:
    """Return a store of five leads: 1 is new, 2 and 5 advanced, 3 and 4 were discarded.

    5 was discarded since. 4 and 5 were last judged by the policy of today.
    """
    now = [NOW]
    store = LeadStore(engine, lambda: now[-1])
    first = [lead(1, source="Web", country="ES"), lead(2, source="Fair")]
    await store.import_leads(first)
    now.append(NOW + timedelta(days=1))
    second = [lead(3, country="MX"), lead(4, country="ES"), lead(5)]
    await store.import_leads(second)
    judged = dict(enumerate((*first, *second), start=1))
    for number, decision in (
        *((2, advance(version="1")), (3, discard(version="1")), (4, discard(version="1"))),
        *((5, advance(version="1")), (4, discard(version=TODAY)), (5, discard(version=TODAY))),
    ):
        now.append(now[-1] + timedelta(seconds=1))
        await store.record(judged[number], [decision], "acme", basis="p1")
    return store


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({"source": "web"}, {1}),
        ({"country": "es"}, {1, 4}),
        ({"imported_since": NOW + timedelta(days=1)}, {3, 4, 5}),
        ({"status": "never_judged"}, {1}),
        ({"status": "opportunity"}, {2, 5}),
        ({"status": "discarded"}, {3, 4}),
        ({"other_policy": True}, {2, 3}),
        ({"other_policy": True, "status": "opportunity"}, {2}),
        ({"country": "ES", "imported_since": NOW + timedelta(hours=1)}, {4}),
        ({"source": "none"}, set()),
    ],
    ids=str,
)
async def test_a_filter_chooses_what_meets_all_of_it(
    store: LeadStore, conditions: dict[str, Any], numbers: set[int]
) -> None:
    """Each lead once, by its latest decision."""
    chosen = await store.select_ids(LeadFilter.model_validate(conditions), {"cdao": TODAY})

    assert len(chosen) == len(numbers)
    assert set(chosen) == {lead(number).id for number in numbers}


async def test_without_a_filter_all_leads_are_chosen_the_oldest_first(store: LeadStore) -> None:
    """The order is the same every time."""
    chosen = await store.select_ids(None, {"cdao": TODAY})

    assert set(chosen[:2]) == {lead(1).id, lead(2).id}
    assert len(chosen) == 5
    assert await store.select_ids(None, {"cdao": TODAY}) == chosen


@pytest.mark.parametrize(
    "conditions", [{}, {"other_policy": False}, {"country": "Spain"}, {"colour": "red"}], ids=str
)
def test_a_filter_that_says_nothing_or_nonsense_is_refused(conditions: dict[str, Any]) -> None:
    """A typo never selects, and pays for, all leads."""
    with pytest.raises(ValidationError):
        LeadFilter.model_validate(conditions)
