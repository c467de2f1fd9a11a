"""The archive answers what was bought, without Redis and without SurfSense."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.purchasing import EvidenceArchive, archived_outcome, entry_key
from orchestrator.surfsense import Ambiguous, Answer, NotFound
from tests.integration.purchasing.conftest import FREE, World
from tests.support.surfsense import PRICE, found

ANSWERS = [
    found("Acme"),
    NotFound(1_000, cost_estimated=True),
    Ambiguous(("Acme Iberia", "Acme Perú"), {}, PRICE, cost_estimated=False),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
async def test_the_archive_returns_what_the_lookup_returned(
    world: World, engine: AsyncEngine, answer: Answer
) -> None:
    """Status, evidence to the last claim, candidates and instant, long after the memo forgot."""
    world.seller.script["Acme"] = [answer]
    bought = await world.enricher.enrich("Acme", FREE)
    await world.memo.invalidate(entry_key("acme"))

    again = archived_outcome((await EvidenceArchive(engine).latest(["acme"]))["acme"])

    assert (again.company_key, again.status, again.candidates) == (
        bought.company_key,
        bought.status,
        bought.candidates,
    )
    assert (again.evidence, again.as_of) == (bought.evidence, bought.as_of)
    assert again.purchase_id == bought.purchase_id
    assert (again.source, again.cost_micros) == (None, 0)
