"""How failures of purchases are shared, and for how long nobody tries again."""

from datetime import timedelta

import pytest

from orchestrator.purchasing import EnrichmentFailures
from orchestrator.surfsense import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
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


def test_errors_of_other_families_are_not_ours_to_share() -> None:
    """The memo names their type, and nothing else."""
    assert CODEC.encode(KeyError("secret")) is None


def test_the_leaders_own_error_learns_how_long_to_wait() -> None:
    """Whoever led waits as long as its followers."""
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
