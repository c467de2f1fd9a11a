"""Job records on a real server, with leases short enough to be waited for."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import JobRecords, Marks
from tests.support.bells import FakeDoorbell

CLAIM_LEASE = timedelta(milliseconds=300)
TTL = timedelta(hours=1)


@pytest.fixture
def records(jobs_redis: Redis) -> JobRecords:
    """Return the records of one process."""
    return JobRecords(jobs_redis, ttl=TTL, claim_lease=CLAIM_LEASE)


@pytest.fixture
def marks(jobs_redis: Redis) -> Marks:
    """Return the marks of one process."""
    return Marks(jobs_redis, ttl=TTL)


@pytest.fixture
def doorbell() -> FakeDoorbell:
    """Return a doorbell whose rings nobody hears."""
    return FakeDoorbell()
