"""How this project talks to Redis: one hardened way of opening a client.

Timeouts and keep-alive are set because a client without them waits for ever on a server
that vanished (celery/celery#8030, open-wearables#1543: `socket_timeout` None).
"""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

#: Seconds until a command that got no answer fails.
SOCKET_TIMEOUT_S = 5.0
#: Seconds until a connection attempt fails.
CONNECT_TIMEOUT_S = 2.0
#: Seconds of silence after which a pooled connection is checked before use.
HEALTH_CHECK_S = 15
#: Connections of one process; more callers wait for a free one instead of failing.
MAX_CONNECTIONS = 32


def open_redis(url: str) -> Redis:
    """Return a client for *url*. No connection is made before the first command."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=SOCKET_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        driver_info=None,  # spares two commands a connection
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return Redis.from_pool(pool)
