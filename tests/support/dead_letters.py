"""A job most of whose items have failed, written as the scripts write it, but faster."""

from datetime import timedelta

import orjson
from redis.asyncio import Redis

from orchestrator.jobs import JobKind, NewJob
from orchestrator.jobs.stored import FAILURES, JobKeys
from tests.support.job_records import AcceptingRecords

_TTL = timedelta(hours=1)
_BATCH = 10_000


async def many_failed(
    records: AcceptingRecords,
    jobs_redis: Redis,
    job_id: str,
    items: int,
    *,
    code: str = "rate_limited",
) -> None:
    """Accept *job_id*, all of whose *items* companies have failed with *code*."""
    names = tuple(f"Company {n}" for n in range(items))
    await records.accept(job_id, NewJob(JobKind.ENRICH, names, "acme"), chunk_size=1_000)
    keys = JobKeys(job_id)
    for first in range(0, items, _BATCH):
        numbers = range(first, min(first + _BATCH, items))
        pipe = jobs_redis.pipeline(transaction=False)
        pipe.hset(keys.results, mapping={str(n): _result(names[n], code) for n in numbers})
        pipe.hincrby(keys.record, f"n:failed:{code}", len(numbers))
        for number in numbers:
            pipe.setbit(keys.failed(code), number, 1)
        pipe.execute_command("SETRANGE", keys.failed_at, 6 * first, bytes(6 * len(numbers)))
        await pipe.execute()
    await jobs_redis.zadd(FAILURES, {job_id: 1})
    for key in (keys.results, keys.failed(code), keys.failed_at, FAILURES):
        await jobs_redis.pexpire(key, _TTL)


def _result(name: str, code: str) -> bytes:
    reason = {"en": f"{name}: wait.", "es": "Espere."}
    return orjson.dumps({"status": "failed", "company": name, "code": code, "reason": reason})
