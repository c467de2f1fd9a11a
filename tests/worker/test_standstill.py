"""Answers take longer than every lease, while workers and Valkey stand still and are killed.

Real processes, and a seller of our own that charges whatever it has accepted: its bill says what
happened. `python -m bench standstill` does the same for longer.
"""

from pathlib import Path

import pytest

from tests.support.havoc import Ordeal, undergo
from tests.support.installation import running_installation


@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", ["enrich", "workspace"])
async def test_nothing_is_paid_twice_whatever_stands_still_or_dies(
    protocol: str, tmp_path: Path
) -> None:
    """Every job ends, no company is charged twice, and the bill is what the ledger can know."""
    ordeal = Ordeal(seed=1)
    async with running_installation(
        tmp_path, protocol=protocol, variables=ordeal.variables
    ) as installation:
        outcome = await undergo(installation, ordeal)

    assert len(outcome.books.charges) > ordeal.companies / 2
    assert outcome.faults == [], str(outcome)
    assert outcome.statuses["pending"] == 0
