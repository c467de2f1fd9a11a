"""When to look at a run again. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

#: A pause is this share of the time already waited, so a run's end is seen soon in proportion
#: to how long the run took, and looking costs few requests (SurfSense counts them per address).
SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a run is looked at: `first` after its start, then ever slower, up to `longest`."""

    first: timedelta = timedelta(seconds=0.2)
    longest: timedelta = timedelta(seconds=5)

    def pauses(self, within: timedelta) -> Iterator[float]:
        """Yield the seconds to wait before each look; they add up to *within*, exactly.

        >>> rhythm = Rhythm(first=timedelta(seconds=1), longest=timedelta(seconds=3))
        >>> list(rhythm.pauses(timedelta(seconds=10)))
        [1.0, 1.0, 1.0, 1.5, 2.25, 3.0, 0.25]
        """
        waited, total = 0.0, within.total_seconds()
        while waited < total:
            wanted = max(self.first.total_seconds(), waited * SHARE)
            pause = min(wanted, self.longest.total_seconds(), total - waited)
            yield pause
            waited += pause
