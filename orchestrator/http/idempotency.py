"""Requests with an `Idempotency-Key`, as the field has settled it.

The identity of a request is what was sent, not what was found by it. A repeated request is
answered as the first one, with the header `Idempotent-Replayed`; with 409 while that one is in
flight. Another request with the same key is refused with 422.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qsl

import orjson
from fastapi import Request, Response

from orchestrator.app import Runtime
from orchestrator.jobs import Job, KeyedRequest

from .pieces import digest_of

REPLAYED: Final = "Idempotent-Replayed"
#: How long a caller waits for the answer changes nothing of the request.
_NOT_COUNTED: Final = frozenset({"wait_s"})


@contextlib.asynccontextmanager
async def keyed_request(
    runtime: Runtime, request: Request, tenant: str, key: str | None, *, is_read: bool = True
) -> AsyncIterator[KeyedRequest | None]:
    """Hold *key* while the request is answered; None without a key.

    Args:
        runtime: The core.
        request: What was sent.
        tenant: For whom work is done.
        key: As the caller has chosen it.
        is_read: Whether the body has been read; the identity of an upload shows at its end.

    Raises:
        KeyReused: The key was used for another request.
        KeyInFlight: The first request with the key is being answered.
    """
    if key is None:
        yield None
        return
    digest = _digest(request) if is_read else None
    async with runtime.jobs.idempotency.request(tenant, key, digest) as keyed:
        yield keyed


async def replayed_job(
    runtime: Runtime, keyed: KeyedRequest | None, response: Response
) -> Job | None:
    """Return the job that a repeated request became; None for a request that is new."""
    if keyed is None or keyed.replay is None or keyed.replay.job_id is None:
        return None
    job = await runtime.jobs.records.job(keyed.replay.job_id)
    if job is not None:
        response.headers[REPLAYED] = "true"
    return job


def _digest(request: Request) -> str:
    query = parse_qsl(request.url.query, keep_blank_values=True)
    counted = sorted(pair for pair in query if pair[0] not in _NOT_COUNTED)
    sent = [request.method, request.url.path, counted, digest_of(request)]
    return hashlib.sha256(orjson.dumps(sent)).hexdigest()
