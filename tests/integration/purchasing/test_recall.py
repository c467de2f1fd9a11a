"""What was bought is told again from the archive, without Redis and without SurfSense."""

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
async def test_the_archive_tells_what_the_lookup_told(
    world: World, engine: AsyncEngine, answer: Answer
) -> None:
    """Status, evidence to the last claim, candidates and instant, long after the memo forgot."""
    world.seller.script["Acme"] = [answer]
    told = await world.enricher.enrich("Acme", FREE)
    await world.memo.invalidate(entry_key("acme"))

    again = archived_outcome((await EvidenceArchive(engine).latest(["acme"]))["acme"])

    assert (again.company_key, again.status, again.candidates) == (
        told.company_key,
        told.status,
        told.candidates,
    )
    assert (again.evidence, again.as_of) == (told.evidence, told.as_of)
    assert again.purchase_id == told.purchase_id
    assert (again.source, again.cost_micros) == (None, 0)
