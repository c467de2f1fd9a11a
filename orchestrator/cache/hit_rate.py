"""How often lookups found what they asked for, by kind. Pure but for the counting itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.cache.keys import Kind
from orchestrator.infra.counters import Counters, lookup_count


@dataclass(frozen=True, slots=True)
class HitRate:
    """Lookups of one kind that were answered, and all there were."""

    kind: Kind
    hits: int
    lookups: int

    @property
    def share(self) -> float:
        """Hits by lookups, from 0 to 1."""
        return self.hits / self.lookups


def count_lookup(counters: Counters, kind: Kind, *, hit: bool, n: int = 1) -> None:
    """Count *n* lookups of *kind*."""
    counters.add(lookup_count(kind, hit=hit), n)


def hit_rates(counts: Mapping[str, int]) -> list[HitRate]:
    """Read *counts*, by name as `Counters.read` returns them; kinds never asked for are left out.

    Returns:
        One rate a kind, in the order of `Kind`.
    """
    rates = []
    for kind in Kind:
        hits, misses = (
            counts.get(lookup_count(kind, hit=True), 0),
            counts.get(lookup_count(kind, hit=False), 0),
        )
        if hits + misses:
            rates.append(HitRate(kind, hits, hits + misses))
    return rates
