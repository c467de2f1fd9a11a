"""A result as the cells of a lead file; pure."""

import pytest

from orchestrator.cli.batch import cells_of
from orchestrator.handlers import CompanyResult, ItemStatus


@pytest.mark.parametrize(
    ("status", "source"), [(ItemStatus.NOT_FOUND, "not_found"), (ItemStatus.AMBIGUOUS, "")]
)
def test_only_what_was_looked_for_was_not_found(status: ItemStatus, source: str) -> None:
    """Of a name that may mean several companies nobody was asked."""
    result = CompanyResult(status=status, company="Acme", found=False)

    assert cells_of(result, "en").outcome_source == source
