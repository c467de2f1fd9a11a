"""Job records on a real server, with leases short enough to be waited for."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import JobRecords

CLAIM_LEASE = timedelta(milliseconds=300)
RING_PATIENCE = timedelta(milliseconds=200)


@pytest.fixture
def records(jobs_redis: Redis) -> JobRecords:
    """Return the records of one process."""
    return JobRecords(
        jobs_redis,
        ttl=timedelta(hours=1),
        claim_lease=CLAIM_LEASE,
        ring_patience=RING_PATIENCE,
    )
