"""What can go wrong with a job besides its work."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from orchestrator.memo import StoreUnavailable


class KeyReused(Exception):
    """An idempotency key was used before, for other work."""

    def __str__(self) -> str:
        return (
            "This idempotency key was used for another request; "
            "send the same request again, or use another key"
        )


@contextmanager
def store_errors(operation: str) -> Iterator[None]:
    """Turn what the Redis client raises into `StoreUnavailable`, with the *operation*'s name."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"job {operation}") from error
