"""A batch while workers and Valkey are killed and SurfSense misbehaves.

`python -m bench chaos` does the same with forty times as many leads.
"""

from bench.chaos import SMALL, run_chaos


async def test_the_books_agree_whatever_is_killed() -> None:
    """Every lead ends, no opportunity is doubled, no step is charged twice, ledger is bill."""
    outcome = await run_chaos(SMALL)

    assert outcome.companies_charged > SMALL.companies / 2
    assert outcome.opportunities > 0

    assert outcome.worker_kills == SMALL.worker_kills
    assert outcome.pending == 0
    assert outcome.leads_with_two_opportunities == 0
    assert outcome.charged_twice == {}
    assert outcome.ledger_micros == outcome.bill_micros
