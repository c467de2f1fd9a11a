"""What a sample says of a file."""

from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.sample import (
    Projection,
    Range,
    SampledRow,
    mean_of,
    project,
    sample_positions,
    wilson,
)
from orchestrator.handlers import ItemStatus, LeadResult
from orchestrator.leadfile import LeadFields
from orchestrator.memo import Source


def row(status: ItemStatus, company: str = "", **of_result: object) -> SampledRow:
    """Return a row of the sample; of a company of its own unless one is named."""
    key = company or uuid4().hex
    lead = LeadFields(company=key, company_key=key)
    result = {"status": status, "company": key, "company_key": key, "lead_id": key, **of_result}
    return SampledRow(2, lead, LeadResult.model_validate(result))


def bought(
    status: ItemStatus, cost: int, purchases: int = 1, company: str = "", code: str | None = None
) -> SampledRow:
    """Return the row of a lead whose company was bought."""
    ids = "+".join("p" * purchases)
    source = Source.BOUGHT
    return row(status, company, source=source, cost_micros=cost, purchase_id=ids, code=code)


@given(st.integers(0, 10**6), st.integers(1, 1000))
def test_a_sample_is_spread_over_the_file(total: int, size: int) -> None:
    """As many leads as were asked for, each once, in order, at equal distances."""
    positions = sample_positions(total, size)

    assert len(positions) == min(size, total)
    assert positions == sorted(set(positions))
    assert all(0 <= position < total for position in positions)
    gaps = {later - earlier for earlier, later in pairwise(positions)}
    assert len(gaps) <= 2


@pytest.mark.parametrize(
    ("share", "sampled", "low", "high"),
    [
        (0.5, 20, 0.299, 0.701),
        (0.0, 20, 0.0, 0.161),
        (1.0, 20, 0.839, 1.0),
        (0.1, 10, 0.018, 0.404),
    ],
)
def test_wilson_s_interval_is_that_of_the_textbook(
    share: float, sampled: int, low: float, high: float
) -> None:
    """Figures of published tables."""
    found = wilson(share, sampled)

    assert found.low == pytest.approx(low, abs=0.001)
    assert found.high == pytest.approx(high, abs=0.001)


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_range_holds_its_expectation_and_narrows_with_more(hits: int, sampled: int) -> None:
    """Ten times the sample knows more; nothing leaves 0 to 1."""
    share = min(hits, sampled) / sampled
    few, many = wilson(share, sampled), wilson(share, 10 * sampled)

    assert 0 <= few.low <= share <= few.high <= 1
    assert many.high - many.low < few.high - few.low


def test_without_a_sample_anything_is_possible() -> None:
    """And that is said."""
    assert wilson(0.0, 0) == Range(0.0, 0.0, 1.0)
    assert mean_of([], 17_000) == Range(0.0, 0.0, 17_000.0)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=30), st.integers(0, 20_000))
def test_the_range_of_a_mean_holds_it_and_stays_possible(values: list[int], most: int) -> None:
    """Between nothing and the most, which a value that exceeds it raises."""
    found = mean_of(values, most)

    assert found.expected == pytest.approx(sum(values) / len(values))
    assert -1e-6 <= found.low <= found.expected + 1e-6
    assert found.expected - 1e-6 <= found.high <= max(most, *values) + 1e-6


def test_the_file_is_extrapolated_from_its_sample() -> None:
    """Yield over leads, price and purchases over companies that are not known yet."""
    rows = [
        bought(ItemStatus.OPPORTUNITY, 12_000, 3),
        bought(ItemStatus.DISCARDED, 4_000, 1, code="outside_market"),
        bought(ItemStatus.DISCARDED, 8_000, 2, code="insufficient_evidence"),
        row(ItemStatus.FAILED, code="unavailable"),
    ]

    found = project(rows, 1_004, 500, price_micros=17_000, most_calls=4)

    assert found.outcomes == {
        "advanced": 1,
        "otherwise_discarded": 1,
        "insufficient_evidence": 1,
        "not_judged": 1,
    }
    assert found.outcome("advanced").expected == 1 + 250
    assert found.cost.expected == 500 * 8_000
    assert found.cost.high <= 500 * 17_000
    assert found.purchases.expected == 500 * 2
    assert found.purchases.high <= 500 * 4


def test_a_company_counts_once_and_at_its_full_price() -> None:
    """Two of its leads share one purchase; what was known already has been paid for before."""
    rows = [
        bought(ItemStatus.DISCARDED, 9_000, 2, company="acme"),
        row(ItemStatus.DISCARDED, "acme", source=Source.HIT, saved_micros=9_000),
        row(
            ItemStatus.DISCARDED,
            source=Source.HIT,
            saved_micros=5_000,
            purchase_id="p",
        ),
    ]

    found = project(rows, 3, 10, price_micros=17_000, most_calls=4)

    assert found.price.expected == 7_000
    assert found.calls.expected == 1.5


def test_a_sample_of_the_whole_file_is_exact() -> None:
    """Nothing is left to be guessed."""
    rows = [bought(ItemStatus.OPPORTUNITY, 12_000), bought(ItemStatus.DISCARDED, 4_000)]

    found = project(rows, 2, 0, price_micros=17_000, most_calls=4)

    assert found.outcome("advanced") == Range(1, 1, 1)
    assert found.cost == Range(0, 0, 0)


def test_a_row_without_a_result_is_not_counted() -> None:
    """After Ctrl-C the sample is what has a result."""
    lead = LeadFields(company="acme", company_key="acme")

    found = project([SampledRow(2, lead)], 10, 10, price_micros=17_000, most_calls=4)

    assert isinstance(found, Projection)
    assert (found.sampled, found.outcome("advanced")) == (0, Range(0, 0, 10))
