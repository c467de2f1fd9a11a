"""A fact with its source, age and trust, and which of several to believe."""

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T", bound=Hashable)


class Known(BaseModel, Generic[T]):
    """A value with the claim that carries it.

    `confidence` is the source's, `trust` the same reduced by age, both 0 to 1. `source_url`
    is None where the lead itself said so, or the source gave no address.
    """

    model_config = ConfigDict(frozen=True)

    value: T
    confidence: float
    trust: float
    source_url: str | None
    as_of: datetime

    @property
    def is_stale(self) -> bool:
        """Say whether age has taken some of the weight away."""
        return self.trust < self.confidence


def _rank(known: Known[T]) -> tuple[float, float, float, str, str, str]:
    """Order by trust, then by recency; the rest only makes ties come out the same each time."""
    return (
        -known.trust,
        -known.as_of.timestamp(),
        -known.confidence,
        repr(known.value),
        known.source_url or "",
        known.as_of.isoformat(),
    )


def best(known: Iterable[Known[T]]) -> Known[T] | None:
    """Return what is trusted most, or None where nothing is known."""
    return min(known, key=_rank, default=None)


def distinct(
    known: Iterable[Known[T]], key: Callable[[T], Hashable] | None = None
) -> tuple[Known[T], ...]:
    """Return each value once, by *key* if given, the most trusted first."""
    first: dict[Hashable, Known[T]] = {}
    for item in sorted(known, key=_rank):
        first.setdefault(key(item.value) if key else item.value, item)
    return tuple(first.values())
