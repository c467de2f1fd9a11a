"""Whatever the seller does, it is paid once, and results say no more than can be known."""

from pathlib import Path

import pytest

from tests.support.hostile_cases import CASES, Case, try_case


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_hostile_seller_is_paid_once(case: Case, tmp_path: Path) -> None:
    """The bill, the ledger and the results of lookups agree as far as can be known."""
    verdict = await try_case(case, tmp_path)

    assert verdict.faults == []
