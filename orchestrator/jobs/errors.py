"""What a server that is away means to whoever asks about jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from orchestrator.memo import StoreUnavailable


@contextmanager
def store_errors(operation: str) -> Iterator[None]:
    """Turn what the Redis client raises into `StoreUnavailable`, with the *operation*'s name."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"job {operation}") from error
