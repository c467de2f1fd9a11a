"""Which entries the steps of a company have: one for each question that was asked about its name.

Companies of one name in two towns share a key, but not the questions about them. An entry is named
by its question's digest, so the questions of a company are listed, as long as their entries live.
"""

from datetime import timedelta
from typing import Final

from redis.asyncio import Redis

from orchestrator.evidence.model import Step
from orchestrator.identity import step_key
from orchestrator.infra.redis_client import store_errors

#: Begins the key of a company's questions: a hash of entry keys, each with its step.
_PREFIX: Final = "questions1:"
#: Added to the life of an entry, for the time from the question to its answer.
_MARGIN: Final = timedelta(hours=1)


class Questions:
    """The questions in one database. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, *, entries_live: timedelta) -> None:
        """List questions whose answers are kept for *entries_live* at most."""
        self._redis = redis
        self._ttl = entries_live + _MARGIN

    async def add(self, company_key: str, step: Step, asked: str) -> None:
        """List the question that is about to be asked about a company by the facts *asked*."""
        key = _PREFIX + company_key
        with store_errors("list a question"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, step_key(company_key, step, asked), step.value)
                pipe.pexpire(key, self._ttl)
                await pipe.execute()

    async def of(self, *company_keys: str) -> dict[str, Step]:
        """Return the keys of all entries that the companies' steps may have, with their steps."""
        with store_errors("questions"):
            pipe = self._redis.pipeline(transaction=False)
            for key in company_keys:
                pipe.hgetall(_PREFIX + key)
            listed = await pipe.execute()
        known = {step_key(key, step): step for key in company_keys for step in Step}
        for found in listed:
            known |= {entry.decode(): Step(step.decode()) for entry, step in found.items()}
        return known
