"""A batch while workers and Valkey are killed and SurfSense misbehaves.

`python -m bench chaos` does the same with twenty times as many leads.
"""

import os

import pytest

from bench.chaos import SMALL, VARIABLES, run_chaos


@pytest.mark.timeout(180)
async def test_the_books_agree_whatever_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every lead ends, no opportunity is doubled, no company is charged twice, ledger is bill."""
    for name in (*VARIABLES, "EMASAI_MAX_IN_FLIGHT"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # restored at the end

    outcome = await run_chaos(SMALL)

    assert outcome.worker_kills == SMALL.worker_kills
    assert outcome.pending == 0
    assert outcome.leads_with_two_opportunities == 0
    assert outcome.charged_twice == {}
    assert outcome.ledger_micros == outcome.bill_micros
