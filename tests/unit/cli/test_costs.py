"""The table of costs: its sums include rows that are not shown."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestrator.cli.costs import costs_table
from orchestrator.purchasing import Cost, CostsBy, top_costs, total

_MONEY = st.integers(0, 10**9)
_COSTS = st.lists(
    st.builds(
        Cost, st.text("abc", min_size=1), _MONEY, _MONEY, _MONEY, _MONEY, st.integers(0, 9), _MONEY
    ),
    max_size=8,
    unique_by=lambda cost: cost.key,
)


@given(found=_COSTS, by=st.sampled_from(CostsBy), most=st.integers(1, 9))
def test_a_short_table_adds_up_to_the_long_one(found: list[Cost], by: CostsBy, most: int) -> None:
    """The last row sums up the rows that are not shown."""
    rows = top_costs(found, by, most=most)

    assert total(rows) == total(found)
    assert len(rows) <= most + 1


def test_the_latest_days_are_shown_in_their_order() -> None:
    """Earlier days are summed up."""
    days = [Cost(f"2026-11-0{n}", 1, 10 * n) for n in (3, 1, 2)]

    rows = top_costs(days, CostsBy.DAY, most=2)

    assert [row.key for row in rows] == ["2026-11-02", "2026-11-03", "1 earlier"]


def test_the_dearest_companies_come_first() -> None:
    """Small sums are summed up."""
    companies = [Cost("a", 1, 10), Cost("b", 1, 30), Cost("c", 1, 20)]

    rows = top_costs(companies, CostsBy.COMPANY, most=1)

    assert [(row.key, row.spent_micros) for row in rows] == [("b", 30), ("2 others", 30)]


def test_net_is_what_was_saved_beyond_what_was_spent() -> None:
    """A purchase without a later lookup has a negative net."""
    assert Cost("a", 1, 100, saved_micros=0).net_micros == -100
    assert Cost("a", 1, 100, saved_micros=300).net_micros == 200


@pytest.mark.parametrize("width", [80, 160])
def test_no_figure_is_cut_off_on_a_narrow_terminal(width: int) -> None:
    """Where there is no space beside the figures, the plot is below them."""
    cost = Cost("transportes_castores_de_baja_california", 12_345, 6_789_012_345, served=98_765)
    written = io.StringIO()
    console = Console(file=written, width=width)

    console.print(costs_table([cost], CostsBy.COMPANY, width=width))

    shown = written.getvalue()
    for figure in ("purchases", "estimated", "12,345", "$6,789.01", "98,765", "-$6,789.01", "█"):
        assert figure in shown
    assert "…" not in shown
