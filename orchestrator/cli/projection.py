"""What a sample of a file says of the whole file, with how uncertain that is. Pure.

One rule makes every range: Wilson's interval of 95 %. What is counted (advanced, discarded) is a
share of the sample. What is summed (money, calls) counts as its share of the most that it could
have been: of all sums with that mean, one that is all or nothing spreads most, so the range is
rather too wide than too narrow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any, Final

#: Standard deviations of a normal distribution that 95 % lie within.
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is expected, and the least and the most that it may be."""

    expected: float
    low: float
    high: float

    def times(self, count: int, known: int = 0) -> "Range":
        """Return the sum over *count* more, beside *known*, in whole numbers."""
        return Range(
            known + round(self.expected * count),
            known + floor(self.low * count),
            known + ceil(self.high * count),
        )

    def as_json(self) -> dict[str, float]:
        """Return it for `--json`."""
        return {"expected": self.expected, "low": self.low, "high": self.high}


def sample_positions(total: int, size: int) -> list[int]:
    """Return which of *total* leads are sampled: the middle ones of *size* parts of equal length.

    >>> sample_positions(10, 3), sample_positions(3, 20)
    ([1, 5, 8], [0, 1, 2])
    """
    size = min(size, total)
    return [(2 * number + 1) * total // (2 * size) for number in range(size)]


def wilson(share: float, sampled: int) -> Range:
    """Return Wilson's interval of a *share*, 0 to 1, of *sampled*; anything where none was.

    >>> wilson(0.5, 20)
    Range(expected=0.5, low=0.299..., high=0.700...)
    >>> wilson(0.0, 20).low, round(wilson(0.0, 20).high, 3)
    (0.0, 0.161)
    """
    if not sampled:
        return Range(share, 0.0, 1.0)
    weight = _Z**2 / sampled
    center = (share + weight / 2) / (1 + weight)
    spread = _Z / (1 + weight) * sqrt(share * (1 - share) / sampled + weight / (4 * sampled))
    return Range(
        share, max(0.0, min(share, center - spread)), min(1.0, max(share, center + spread))
    )


def mean_of(values: Sequence[int], most: int) -> Range:
    """Return the range of the mean of *values*, none of which can be above *most* or below 0."""
    most = max([most, *values])
    mean = sum(values) / len(values) if values else 0.0
    if not most:
        return Range(0.0, 0.0, 0.0)
    share = wilson(mean / most, len(values))
    return Range(mean, share.low * most, share.high * most)


@dataclass(frozen=True, slots=True)
class Projection:
    """What the file would come to.

    Attributes:
        leads: Of the file, those of the sample too.
        sampled: Leads of the sample that have a result.
        outcomes: How many of them ended how.
        to_buy: Companies that are not known yet.
        price: Micro-USD that a company costs.
        calls: Purchases that a company takes.
    """

    leads: int
    sampled: int
    outcomes: Mapping[str, int]
    to_buy: int
    price: Range
    calls: Range

    def outcome(self, name: str) -> Range:
        """Return how many leads of the file end as *name*."""
        known = self.outcomes.get(name, 0)
        share = wilson(known / self.sampled if self.sampled else 0.0, self.sampled)
        return share.times(self.leads - self.sampled, known)

    @property
    def cost(self) -> Range:
        """What the rest of the file costs, in micro-USD."""
        return self.price.times(self.to_buy)

    @property
    def purchases(self) -> Range:
        """How many purchases the rest of the file takes."""
        return self.calls.times(self.to_buy)

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "leads": self.leads,
            "sampled": self.sampled,
            "to_buy": self.to_buy,
            "yield": {
                name: {"sampled": count, **self.outcome(name).as_json()}
                for name, count in self.outcomes.items()
            },
            "price_micros": self.price.times(1).as_json(),
            "cost_micros": self.cost.as_json(),
            "purchases": self.purchases.as_json(),
            "range": "wilson, 95 %",
        }
