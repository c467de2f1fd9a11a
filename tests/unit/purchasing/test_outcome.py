"""What the memo keeps of a purchase and what is read back; how failures are shared."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from orchestrator.memo import Entry, Source
from orchestrator.purchasing import Enrichment, EnrichmentFailures, EnrichmentStatus, Freshness
from orchestrator.purchasing.outcome import STATUS_OF, enrichment_of, payload_of
from orchestrator.surfsense import (
    AccessDenied,
    Ambiguous,
    Answer,
    AnswerLost,
    EnrichmentError,
    Found,
    MalformedAnswer,
    NotFound,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
)

TRANSIENT, PERMANENT = timedelta(seconds=15), timedelta(minutes=30)
CODEC = EnrichmentFailures(TRANSIENT, PERMANENT)

HELD_BACK = [
    (ServiceUnavailable("Acme", "503"), TRANSIENT),
    (AnswerLost("Acme", "timeout"), TRANSIENT),
    (RateLimited("Acme", 40), timedelta(seconds=40)),
    (RateLimited("Acme", 0), timedelta(seconds=1)),
    (AccessDenied("Acme", 402), TRANSIENT),
    (RequestRejected("Acme", 400, "no"), PERMANENT),
    (MalformedAnswer("Acme", "the body"), PERMANENT),
]
IDS = [type(error).__name__ for error, _ in HELD_BACK]
ANSWERS: list[tuple[Answer, EnrichmentStatus]] = [
    (Found({"sector": "x"}, 7, cost_estimated=False), EnrichmentStatus.FOUND),
    (NotFound(7, cost_estimated=True), EnrichmentStatus.NOT_FOUND),
    (Ambiguous(("A", "B"), {"x": 1}, 7, cost_estimated=False), EnrichmentStatus.AMBIGUOUS),
]
STATUSES = [status.value for _, status in ANSWERS]


@pytest.mark.parametrize(("answer", "status"), ANSWERS, ids=STATUSES)
def test_an_answer_survives_the_memo(answer: Answer, status: EnrichmentStatus) -> None:
    """Status, payload, candidates, price and purchase come back from JSON."""
    payload = payload_of(answer, "Acme, S.A.", "p1", ("job-1", 3))
    entry = Entry(STATUS_OF[type(answer)], orjson.loads(orjson.dumps(payload)), 1_000, 2_000)

    assert enrichment_of("acme", Source.HIT, entry) == Enrichment(
        "acme",
        status,
        Source.HIT,
        candidates=getattr(answer, "candidates", ()),
        as_of=datetime.fromtimestamp(1, UTC),
        purchase_id="p1",
        saved_micros=7,
        query_name="Acme, S.A.",
        answer=getattr(answer, "payload", {}),
    )


@pytest.mark.parametrize(
    ("bought_for", "source"),
    [(("job-1", 3), Source.BOUGHT), (("job-1", 4), Source.HIT), (None, Source.HIT)],
    ids=["the same item", "another item", "no item"],
)
def test_a_purchase_for_the_same_item_counts_as_its_own(
    bought_for: tuple[str, int] | None, source: Source
) -> None:
    """A worker that finds what a crashed one bought for the item reports it as bought."""
    payload = payload_of(NotFound(7, cost_estimated=False), "Acme", "p1", ("job-1", 3))

    found = enrichment_of("acme", Source.HIT, Entry("not_found", payload, 1, 2), bought_for)

    paid = (7, 0) if source is Source.BOUGHT else (0, 7)
    assert (found.source, (found.cost_micros, found.saved_micros)) == (source, paid)


def test_an_entry_of_another_service_has_no_price() -> None:
    """An entry that came through the documented cache functions cost nothing here."""
    entry = Entry("found", {"answer": {"sector": "x"}, "company": "Acme"}, 1, 2)

    found = enrichment_of("acme", Source.HIT, entry)

    assert (found.purchase_id, found.saved_micros, found.candidates) == (None, 0, ())
    assert found.evidence is not None


def test_an_answer_for_which_no_step_was_worth_its_price_is_no_purchase() -> None:
    """A summary counts what was bought by the source; the ledger has nothing of this one."""
    entry = Entry("not_found", {"answer": {}, "company": "Acme", "steps": []}, 1, 2)

    found = [enrichment_of("acme", source, entry) for source in (Source.BOUGHT, Source.HIT)]

    assert [(each.source, each.cost_micros, each.saved_micros) for each in found] == [
        (None, 0, 0),
        (Source.HIT, 0, 0),
    ]


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_jitter_only_shortens(chance: float) -> None:
    """Nothing is fresh for longer than said, and never for less than the jitter allows."""
    freshness = Freshness(PERMANENT, TRANSIENT, jitter=0.1)

    for (_, status), longest in zip(ANSWERS, (PERMANENT, TRANSIENT, PERMANENT), strict=True):
        assert longest * 0.9 <= freshness.ttl(status, chance) <= longest
    assert freshness.ttl(EnrichmentStatus.FOUND, 0.0) == PERMANENT


@pytest.mark.parametrize(("error", "ttl"), HELD_BACK, ids=IDS)
def test_a_failure_holds_others_back_for_as_long_as_it_lasts(
    error: EnrichmentError, ttl: timedelta
) -> None:
    """Passing ones shortly, lasting ones for longer, a rate limit for as long as it says."""
    shared = CODEC.encode(error)

    assert shared is not None
    assert shared.ttl == ttl


@pytest.mark.parametrize("error", [error for error, _ in HELD_BACK], ids=IDS)
def test_followers_get_the_same_error(error: EnrichmentError) -> None:
    """Type, arguments and sentence survive, and the time to wait comes with it."""
    shared = CODEC.encode(error)
    assert shared is not None

    again = CODEC.decode(shared.encoded, timedelta(seconds=3))

    assert isinstance(again, EnrichmentError)
    assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
    assert again.retry_in == timedelta(seconds=3)


def test_errors_of_other_families_are_not_encoded() -> None:
    """The memo names their type, and nothing else."""
    assert CODEC.encode(KeyError("secret")) is None


def test_the_leaders_own_error_learns_how_long_to_wait() -> None:
    """The leader waits as long as its followers."""
    error, other = ServiceUnavailable("Acme", "503"), KeyError()

    CODEC.postponed(error, TRANSIENT)
    CODEC.postponed(other, TRANSIENT)

    assert error.retry_in == TRANSIENT


@pytest.mark.parametrize(
    ("error", "is_served"),
    [
        (ServiceUnavailable("Acme", "503"), True),
        (RateLimited("Acme", 3), True),
        (AccessDenied("Acme", 401), False),
        (KeyError(), False),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Exception) else str(case),
)
def test_old_answers_are_for_bad_times_only(error: Exception, is_served: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """SurfSense being down excuses a stale answer; a wrong key does not."""
    assert CODEC.may_serve_stale(error) is is_served
