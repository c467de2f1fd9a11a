"""What the memo keeps of a purchase, and what is read back."""

import orjson
import pytest

from orchestrator.memo import Entry
from orchestrator.purchasing import EnrichmentStatus, Freshness
from orchestrator.purchasing.journal import Order, Page, Purpose, Stage
from orchestrator.purchasing.stored import StoredAnswer, payload_of, read_stored, status_of
from orchestrator.surfsense import Ambiguous, Answer, Found, NotFound
from tests.unit.purchasing.test_failures import PERMANENT, TRANSIENT

ANSWERS: list[tuple[Answer, EnrichmentStatus]] = [
    (Found({"sector": "x"}, 7, cost_estimated=False), EnrichmentStatus.FOUND),
    (NotFound(7, cost_estimated=True), EnrichmentStatus.NOT_FOUND),
    (Ambiguous(("A", "B"), {"x": 1}, 7, cost_estimated=False), EnrichmentStatus.AMBIGUOUS),
]
IDS = [status.value for _, status in ANSWERS]


@pytest.mark.parametrize(("answer", "status"), ANSWERS, ids=IDS)
def test_an_answer_survives_the_memo(answer: Answer, status: EnrichmentStatus) -> None:
    """Status, payload, candidates, price and purchase come back from JSON."""
    purpose = Purpose("job-1", "north", item=3)
    page = Page(Stage.INTENT, "p1", 1, 1, Order("Acme, S.A.", "acme", purpose))
    payload = payload_of(answer, page)
    entry = Entry(status_of(answer), orjson.loads(orjson.dumps(payload)), 1, 2)

    assert read_stored(entry) == StoredAnswer(
        status=status,
        payload=getattr(answer, "payload", {}),
        candidates=getattr(answer, "candidates", ()),
        company="Acme, S.A.",
        purchase_id="p1",
        cost_micros=7,
        cost_estimated=answer.cost_estimated,
        bought_for=("job-1", 3),
    )


def test_an_entry_set_by_hand_has_no_price() -> None:
    """What came through the documented cache functions cost nothing here."""
    stored = read_stored(Entry("found", {"answer": {"sector": "x"}, "company": "Acme"}, 1, 2))

    assert (stored.purchase_id, stored.cost_micros, stored.candidates) == (None, 0, ())


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_jitter_only_shortens(chance: float) -> None:
    """Nothing is fresh for longer than said, and never for less than the jitter allows."""
    freshness = Freshness(PERMANENT, TRANSIENT, jitter=0.1)

    for (_, status), longest in zip(ANSWERS, (PERMANENT, TRANSIENT, PERMANENT), strict=True):
        assert longest * 0.9 <= freshness.ttl(status, chance) <= longest
    assert freshness.ttl(EnrichmentStatus.FOUND, 0.0) == PERMANENT
