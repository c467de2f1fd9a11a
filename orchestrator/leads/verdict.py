"""What a receiver's answer means, and when to try again. Pure, but for chance."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from redis.backoff import EqualJitterBackoff

from orchestrator.surfsense import retry_after_s

#: Pause after the first failure; doubled by each further one, half of it left to chance.
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
#: Deliveries tried before it is given up: about half a day.
MOST_ATTEMPTS: Final = 20

#: Of these the receiver says itself that trying again is of no use.
_REFUSALS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver does not want it, and never will."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It may have arrived or not; to be tried again, not before `wait` if the receiver says so."""

    reason: str
    wait: timedelta | None = None


Verdict = Delivered | Refused | Later


def verdict_on(status: int, retry_after: str | None, now: datetime) -> Verdict:
    """Say what an answer with *status* means."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    if status in _REFUSALS:
        return Refused(f"answered {status}")
    wait = None
    if retry_after is not None:
        wait = timedelta(seconds=retry_after_s(retry_after, now))
    return Later(f"answered {status}", wait)


def pause_after(attempts: int, first: timedelta = FIRST_PAUSE) -> timedelta:
    """Return how long to wait after *attempts* failures, by chance up to twice as long."""
    # The exponent is bounded: beyond, the longest pause is reached anyway.
    backoff = EqualJitterBackoff(LONGEST_PAUSE.total_seconds(), first.total_seconds())
    return timedelta(seconds=backoff.compute(min(attempts - 1, 30)))
