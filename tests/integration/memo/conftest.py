"""Memos on one server; each stands for a process, since two memos share nothing else."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import FailureCodec, Memo, MemoOptions
from tests.support.loading import SoldOutCodec

OpenMemo = Callable[..., Memo]
#: Long: in a test that is not about leases nothing is renewed.
LEASE = timedelta(seconds=5)
#: As short as the settings allow.
SHORT_LEASE = timedelta(milliseconds=300)


@pytest.fixture
async def open_memo(shared_valkey: Valkey) -> AsyncIterator[OpenMemo]:
    """Open memos, each with a client of its own; all are closed at the end."""
    opened: list[tuple[Memo, Redis]] = []

    def open_one(codec: FailureCodec | None = None, *, lease: timedelta = LEASE) -> Memo:
        redis = open_redis(f"{shared_valkey.url}/1")
        memo = Memo(redis, failures=codec or SoldOutCodec(), options=MemoOptions(lease=lease))
        opened.append((memo, redis))
        return memo

    yield open_one
    for memo, redis in opened:
        await memo.aclose()
        await redis.aclose()


@pytest.fixture
def memo(open_memo: OpenMemo) -> Memo:
    """Return the memo of this process."""
    return open_memo()


@pytest.fixture
def elsewhere(open_memo: OpenMemo) -> Memo:
    """Return the memo of another process."""
    return open_memo()
