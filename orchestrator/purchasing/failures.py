"""How purchase failures are shared with followers, and how long nobody tries again. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestrator.memo import Failure
from orchestrator.surfsense import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    PermanentEnrichmentError,
    RateLimited,
    TransientEnrichmentError,
    from_record,
    to_record,
)

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EnrichmentFailures:
    """The memo's failure codec for `EnrichmentError`.

    `transient` is the time before which nobody tries again after a passing fault,
    `permanent` after one that the same request would meet again.
    """

    transient: timedelta
    permanent: timedelta

    def encode(self, error: Exception) -> Failure | None:
        """Return the shared form; None for an error of another family."""
        if not isinstance(error, EnrichmentError):
            return None
        return Failure(to_record(error), self._ttl(error))

    def decode(self, record: JsonObject, retry_in: timedelta) -> Exception:
        """Return the error that `encode` had made *record* from."""
        error = from_record(record)
        error.retry_in = retry_in
        return error

    def postponed(self, error: Exception, retry_in: timedelta) -> None:
        """Let *error* say for how long nobody tries again."""
        if isinstance(error, EnrichmentError):
            error.retry_in = retry_in

    def may_serve_stale(self, error: Exception) -> bool:
        """Say that SurfSense is down: what it said once is better than nothing."""
        return isinstance(error, TransientEnrichmentError)

    def _ttl(self, error: EnrichmentError) -> timedelta:
        match error:
            case AnswerLost() | MalformedAnswer() if error.retry_in is not None:
                # It was charged, or may have been: the purchase record says for how long that bars
                # another purchase.
                return error.retry_in
            case RateLimited():
                return max(timedelta(seconds=error.retry_after_s), timedelta(seconds=1))
            case AccessDenied():
                # Whoever mends the key or tops up the credit should not wait for long.
                return self.transient
            case PermanentEnrichmentError():
                return self.permanent
            case _:
                return self.transient
