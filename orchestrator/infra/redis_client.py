"""Opens clients of Redis, translates their errors, and loads, calls and scans.

Timeouts and keep-alive are set because a client without them waits without limit for a server
that vanished (celery/celery#8030, open-wearables#1543: `socket_timeout` None).

StoreUnavailable(operation, reason)     no answer, or none yet: try again later
└── StoreRefused(operation, reason)     the server answers and refuses: an operator has to act
    └── StoreFull(operation, reason)    it has too little memory left
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final, cast

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AuthenticationError,
    DataError,
    NoScriptError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from orchestrator.infra.background import time_limit
from orchestrator.infra.redis_address import RedisAddress

#: Seconds that a command may take in all: to find a connection, to connect, to be sent again.
SOCKET_TIMEOUT_S = 5.0
#: Seconds until a connection attempt fails.
CONNECT_TIMEOUT_S = 2.0
#: Seconds of silence after which a pooled connection is checked before use.
HEALTH_CHECK_S = 15
#: Connections of one process; more callers wait for a free one instead of failing.
MAX_CONNECTIONS = 32


class _Pipeline(Pipeline):
    """A pipeline that ends in bounded time."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's
        with time_limit(self.connection_pool.connection_kwargs["socket_timeout"]):
            return await super().execute(raise_on_error)

    async def immediate_execute_command(self, *args: object, **options: object) -> object:
        with time_limit(self.connection_pool.connection_kwargs["socket_timeout"]):
            return await super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's


class _Client(Redis):
    """A client whose commands end in bounded time, whatever the server does.

    Timeouts of sockets alone do not ensure that: a command has several steps (find a connection,
    open it, log in, ask), and each of them has its own timeout and its own retries. Nor does one
    cancellation: redis-py swallows it if it arrives while a command is sent.
    """

    async def execute_command(self, *args: object, **options: object) -> object:
        with time_limit(self.connection_pool.connection_kwargs["socket_timeout"]):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - redis-py's
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master that Sentinels name; callers wait for a free one."""

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def open_redis(url: str) -> Redis:
    """Return a client for *url*. No connection is made before the first command."""
    address = RedisAddress.parse(url)
    settings: dict[str, Any] = {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "max_connections": MAX_CONNECTIONS,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_S,
        "driver_info": None,  # spares two commands a connection
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2),
        **address.options,
    }
    settings["timeout"] = settings["socket_timeout"]
    return _Client.from_pool(_pool(address, settings))


def _pool(address: RedisAddress, settings: dict[str, Any]) -> BlockingConnectionPool:
    if address.master:
        asking = {
            "socket_timeout": settings["socket_connect_timeout"],
            "socket_connect_timeout": settings["socket_connect_timeout"],
            "retry": Retry(NoBackoff(), retries=0),  # the next Sentinel is asked instead
            **address.sentinel_login,
        }
        sentinel = Sentinel(address.hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # redis-py's
        return _SentinelPool(address.master, sentinel, **settings)  # type: ignore[no-untyped-call]  # redis-py's
    if address.path:
        del settings["socket_keepalive"]
        return BlockingConnectionPool(
            connection_class=UnixDomainSocketConnection, path=address.path, **settings
        )
    ((host, port),) = address.hosts
    kind = SSLConnection if address.tls else Connection
    return BlockingConnectionPool(connection_class=kind, host=host, port=port, **settings)


class StoreUnavailable(Exception):
    """Redis did not carry out *operation*; *reason* is the class or the code of the error."""

    def __init__(self, operation: str, reason: str = "") -> None:
        super().__init__(operation, reason)
        self.operation = operation
        self.reason = reason

    def __str__(self) -> str:
        reason = f", {self.reason}" if self.reason else ""
        return f"Redis is not available ({self.operation}{reason}); try again later"


class StoreRefused(StoreUnavailable):
    """Redis answers, and refuses *operation* until an operator acts; *reason* is its code."""

    def __str__(self) -> str:
        fix = FIXES.get(self.reason, "`emasai doctor` examines the server")
        return f"Redis refuses the operation ({self.operation}, {self.reason}): {fix}"


class StoreFull(StoreRefused):
    """Redis has too little memory left for *operation*."""

    def __init__(self, operation: str, reason: str = "OOM") -> None:
        super().__init__(operation, reason)

    def __str__(self) -> str:
        return (
            f"Redis has too little memory left ({self.operation}); raise its maxmemory, "
            "or wait until older jobs have expired"
        )


#: What to do about a server's refusals, by their codes.
FIXES: Final = {
    "OOM": "raise its `maxmemory`, or wait until older jobs have expired",
    "MISCONF": "it cannot save to its disk; make room there, its log says what is wrong",
    "READONLY": "it is a replica; give the primary's address, or wait for the failover to end",
    "NOREPLICAS": "too few replicas are attached to it; start them, or lower min-replicas-to-write",
    "NOPERM": "its ACL does not allow it; docs/operations.md has the rules that are needed",
    "WRONGPASS": "user or password are wrong; correct them in its URL",
    "NOAUTH": "it asks for a password; give it in its URL",
    "ERR unknown command": "it does not know a command; docs/operations.md has the versions",
}
#: Codes of a value that is not what a command expects: another program has written it. Redis 6.2
#: has one code for all errors of a script.
DAMAGE: Final = frozenset({"WRONGTYPE", "ERR"})
#: A script's errors carry the code of the command that failed somewhere inside, on Redis 6.2.
_CODE: Final = re.compile(r"\b(OOM|MISCONF|READONLY|NOREPLICAS|NOPERM|MASTERDOWN|BUSY)\b")
#: Codes of errors that pass by themselves.
_PASSING: Final = frozenset({"LOADING", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "BUSY"})
_NOT_ALLOWED: Final = ("executing the script can't run", "ACL failure in script")


def refusal_code(error: Exception) -> str:
    """Return the code of the server's answer *error*, empty if it is no answer of the server.

    Nothing else of the answer is ever shown: it may quote keys and values.
    """
    if not isinstance(error, ResponseError | AuthenticationError | RedisConnectionError):
        return ""
    text = str(error)
    if any(phrase in text for phrase in _NOT_ALLOWED):
        return "NOPERM"
    found = _CODE.search(text)
    if found is not None:
        return found[0]
    if "unknown command" in text.lower():
        return "ERR unknown command"
    code = str(getattr(error, "status_code", None) or "ERR")
    # What the client takes for a broken connection, such as too many of them, passes.
    return code if code != "ERR" or isinstance(error, ResponseError) else ""


def explain_store_error(operation: str, error: Exception) -> StoreUnavailable:
    """Return the error that a caller of *operation* sees for *error* of the client."""
    code = refusal_code(error)
    if code == "OOM":
        return StoreFull(operation)
    if code and code not in _PASSING:
        return StoreRefused(operation, code)
    return StoreUnavailable(operation, code or type(error).__name__)


@contextmanager
def store_errors(operation: str) -> Iterator[None]:
    """Turn the errors of the client, and of the server, into `StoreUnavailable(operation)`.

    A value that the client cannot send is the caller's mistake, and stays what it is.
    """
    try:
        yield
    except DataError:
        raise
    except (RedisError, OSError) as error:
        raise explain_store_error(operation, error) from error


async def redis_time(redis: Redis) -> datetime:
    """Return the server's time.

    Raises:
        RedisError, OSError: It is unavailable.
    """
    seconds, micros = await redis.time()
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)


#: The keys and the arguments of one call.
Call = tuple[Sequence[str], Sequence[Any]]


def load_script(redis: Redis, package: str, *names: str) -> AsyncScript:
    """Return `lua/<name>.lua` of *package*, bound to *redis*. A call is one round trip.

    Several *names* are joined to one script: the last one uses what the others define.
    """
    folder = files(package).joinpath("lua")
    source = "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
    return redis.register_script(source)


async def call_together(redis: Redis, script: AsyncScript, calls: Sequence[Call]) -> list[Any]:
    """Call *script* once for each of *calls*, in one round trip; return the answers in order.

    Not atomic: commands of other clients may come in between. Calls before a failing one are done.
    """
    try:
        return await _together(redis, script, calls)
    except NoScriptError:
        # A server has the script or not, so none of the calls was made.
        await redis.script_load(script.script)
        return await _together(redis, script, calls)


async def _together(redis: Redis, script: AsyncScript, calls: Sequence[Call]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    for keys, args in calls:
        pipe.evalsha(script.sha, len(keys), *keys, *args)
    return await pipe.execute()


#: SCAN hint, and size of an UNLINK. Larger batches delay other clients (measured: 200 kept the
#: worst PING at 12 ms while a million keys were removed; 5,000 at 338 ms).
BATCH = 200


async def scan_batches(
    redis: Redis, pattern: str, *, hint: int = BATCH
) -> AsyncIterator[list[bytes]]:
    """Yield the keys that match the glob *pattern*, batch by batch, none of them empty.

    A key may come twice; one that exists during the whole scan comes at least once.
    """
    cursor = 0
    while True:
        cursor, found = await redis.scan(cursor, match=pattern, count=hint)
        if found:
            yield cast("list[bytes]", found)  # the client never decodes
        if not cursor:
            return
