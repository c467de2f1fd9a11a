"""Group commit: concurrent requests of one event loop share a transaction, or a round trip.

A commit costs nearly the same for one request as for hundreds. No timer delays a request: the first
one of a loop tick starts a commit, and those that come while it runs form the next. The commit
function decides what is written, and where.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import NoScriptError, RedisError

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")

#: Requests of one commit; keeps it short for the writers of other processes.
MAX_BATCH: Final = 500
#: Scripts of one round trip; more would keep other clients of the server waiting.
MAX_SCRIPTS: Final = 100

#: A script, its keys and its arguments.
_Call = tuple[AsyncScript, Sequence[str], Sequence[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[RequestT, ResultT]):
    request: RequestT
    answer: "asyncio.Future[ResultT]"


class Batcher(Generic[RequestT, ResultT]):
    """Gathers requests into batches and gives each caller its own result or error.

    One instance belongs to one event loop.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[RequestT]], Awaitable[Sequence[ResultT]]],
        *,
        shared: type[Exception] | tuple[type[Exception], ...],
        max_batch: int = MAX_BATCH,
    ) -> None:
        """Gather for *commit*.

        Args:
            commit: Writes all requests at once and returns their results in the same order. It
                is called again with parts of a batch that failed, so it must write nothing
                when it raises, or nothing that a second time changes.
            shared: Errors that no single request causes: every caller gets them.
            max_batch: Requests that *commit* gets at most.
        """
        self._commit = commit
        self._shared = shared
        self._max_batch = max_batch
        self._waiting: deque[_Waiting[RequestT, ResultT]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def submit(self, request: RequestT) -> ResultT:
        """Return the result of *request* once its transaction is committed.

        A cancelled caller leaves open whether its request is still written; its neighbours
        notice nothing.

        Raises:
            The errors that are *shared*: the whole batch failed, try again.
            Exception: What *commit* raised for this request alone.
        """
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        batch: list[_Waiting[RequestT, ResultT]] = []
        try:
            while self._waiting:
                size = min(self._max_batch, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(size)]
                await self._settle([each for each in batch if not each.answer.done()])
        finally:
            # Reached with answers still open only when the task itself was cancelled.
            for each in (*batch, *self._waiting):
                each.answer.cancel()
            self._waiting.clear()
            self._running = None

    async def _settle(self, batch: Sequence[_Waiting[RequestT, ResultT]]) -> None:
        if not batch:
            return
        try:
            results = await self._commit([each.request for each in batch])
        except self._shared as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - handed to the caller whose request it is
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One request spoils the transaction; halving finds it in few commits.
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
        else:
            for each, result in zip(batch, results, strict=True):
                if not each.answer.done():
                    each.answer.set_result(result)


def _fail(batch: Sequence[_Waiting[RequestT, ResultT]], error: Exception) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(error)


class ScriptBatcher:
    """Calls Lua scripts; those of one event loop that are called together share a round trip.

    They are no transaction: the server may do other work in between, and each call succeeds or
    fails on its own. Scripts have to be repeatable, as the client sends again what may be lost.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._calls = Batcher(self._send, shared=(RedisError, OSError), max_batch=MAX_SCRIPTS)

    async def call(self, script: AsyncScript, keys: Sequence[str], args: Sequence[Any]) -> Any:  # noqa: ANN401 - what the script returns
        """Return what *script* returns.

        Raises:
            RedisError, OSError: It was refused, or it is unknown whether it was carried out.
        """
        reply = await self._calls.submit((script, keys, args))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _send(self, calls: Sequence[_Call]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for script, keys, args in calls:
            pipe.evalsha(script.sha, len(keys), *keys, *args)
        replies = await pipe.execute(raise_on_error=False)
        unknown = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            # A server that has started since. It has carried out none of these.
            for text in {calls[n][0].script for n in unknown}:
                await self._redis.script_load(text)
            again = await self._send([calls[n] for n in unknown])
            for n, reply in zip(unknown, again, strict=True):
                replies[n] = reply
        return replies
