"""The way in for jobs: what they consist of is stored first, then they become visible at once."""

from collections.abc import Iterator
from datetime import timedelta

from redis.asyncio import Redis

from orchestrator.infra.redis_client import load_script
from orchestrator.jobs.model import NewJob, Order
from orchestrator.jobs.unsealed import UnsealedJob

#: How long what was stored for a job lives if the job is never sealed.
UNSEALED_TTL = timedelta(hours=1)
#: Items of a job in hand that are stored together.
_TOGETHER = 5_000


class Intake:
    """Accepts jobs; they and all that belongs to them are remembered for *ttl*."""

    def __init__(
        self, redis: Redis, *, ttl: timedelta, unsealed_ttl: timedelta = UNSEALED_TTL
    ) -> None:
        self._redis = redis
        self._ttl = ttl
        self._unsealed_ttl = unsealed_ttl
        self._accept = load_script(redis, "orchestrator.jobs", "job", "accept")

    def begin(self, job_id: str, order: Order, *, chunk_size: int) -> UnsealedJob:
        """Return a job that nobody sees before it is sealed."""
        return UnsealedJob(
            self._redis,
            self._accept,
            job_id,
            order,
            chunk_size=chunk_size,
            ttl=self._ttl,
            unsealed_ttl=self._unsealed_ttl,
        )

    async def accept(self, job_id: str, new: NewJob, *, chunk_size: int) -> str:
        """Store *new* durably as *job_id*; return the job's id, or that of an unfinished equal one.

        Atomic: the job is visible as a whole or not at all. Items that were stored for a
        job that was never accepted expire.
        """
        unsealed = self.begin(job_id, new.order, chunk_size=chunk_size)
        for items in _parts(new.items):
            await unsealed.add(items)
        return await unsealed.seal()


def _parts(items: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (items[start : start + _TOGETHER] for start in range(0, len(items), _TOGETHER))
