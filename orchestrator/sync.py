"""The Python front door for threads: views, scripts, and Celery tasks of other services."""

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import datetime, timedelta
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import uvloop

from orchestrator.client import JobHandle, Orchestrator
from orchestrator.handlers import (
    CompanyResult,
    FailedItem,
    ItemResult,
    LeadResult,
)
from orchestrator.jobs import (
    Job,
    JobState,
    Lane,
)

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=ItemResult)


class _LoopThread:
    """An event loop in a thread of its own, which other threads hand coroutines to."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock, self.is_closed = threading.Lock(), False
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="emasai-orchestrator", daemon=True
        )
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the loop and return its result.

        Raises:
            RuntimeError: The loop has ended, belongs to another process, or is the caller's own.
            CancelledError: It was closed meanwhile.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("called from its own event loop, which would wait for itself")
        with self._lock:
            if os.getpid() != self._process or self.is_closed:
                work.close()
                raise RuntimeError(
                    "this SyncOrchestrator was closed, or opened before a fork; "
                    "open one in each process"
                )
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # the caller was interrupted
            raise

    def close(self) -> None:
        """End the loop and its thread; calls of other threads that still wait are cancelled."""
        with self._lock:
            self.is_closed = True
            ended = asyncio.run_coroutine_threadsafe(_end_others(), self._loop)
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class SyncJob(Generic[R]):
    """`JobHandle` for threads."""

    def __init__(self, loop: _LoopThread, handle: JobHandle[R]) -> None:
        self._loop = loop
        self._handle = handle

    @property
    def id(self) -> str:
        """Its id, by which every entry point knows it."""
        return self._handle.id

    @property
    def job(self) -> Job:
        """Its record as it was last read."""
        return self._handle.job

    def refresh(self) -> Job:
        """Read and return the job's record."""
        return self._loop.call(self._handle.refresh())

    def wait(self, timeout: timedelta | None = None) -> Job:
        """Wait until the job has ended; raise `TimeoutError` if *timeout* ends first."""
        return self._loop.call(self._handle.wait(timeout))

    def results(self, *, start: int = 0, evidence: bool = True) -> Iterator[R]:
        """Yield results in the order of the request, as they become available."""
        return _pull(self._loop, self._handle.results(start=start, evidence=evidence))

    def failed(
        self, *, codes: Iterable[str] = (), since: datetime | None = None
    ) -> Iterator[FailedItem]:
        """Yield the items that have failed."""
        return _pull(self._loop, self._handle.failed(codes=codes, since=since))

    def pause(self) -> Job:
        """Begin no further item; those under way are completed."""
        return self._loop.call(self._handle.pause())

    def resume(self) -> Job:
        """Continue a paused job."""
        return self._loop.call(self._handle.resume())

    def cancel(self) -> Job:
        """End the job for good."""
        return self._loop.call(self._handle.cancel())


def _pull(loop: _LoopThread, items: AsyncIterator[T]) -> Iterator[T]:
    """Yield *items*, each fetched when it is asked for."""
    end = object()

    async def following() -> T | object:
        return await anext(items, end)

    async def closed() -> None:
        await items.aclose()  # type: ignore[attr-defined]  # they are generators

    try:
        while (item := loop.call(following())) is not end:
            yield item  # type: ignore[misc]  # not the end
    finally:
        loop.call(closed())


def _read_here(argument: Any) -> Any:  # noqa: ANN401 - any argument of a method
    """Return *argument*; a generator, query or other lazy iterable is read in the caller's thread.

    The loop's thread must not run the caller's code: it could wait for the loop itself.
    """
    is_lazy = isinstance(argument, Iterable) and not isinstance(argument, Mapping | Sequence)
    return list(argument) if is_lazy else argument


def _blocking(
    method: Callable[Concatenate[Orchestrator, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["SyncOrchestrator", P], T]:
    """Return *method* for callers in threads."""

    def call(self: "SyncOrchestrator", /, *args: P.args, **kwargs: P.kwargs) -> T:
        read = tuple(map(_read_here, args))
        return self._loop.call(method(self._orchestrator, *read, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _returning_job(
    method: Callable[Concatenate[Orchestrator, P], Coroutine[Any, Any, JobHandle[R]]],
) -> Callable[Concatenate["SyncOrchestrator", P], SyncJob[R]]:
    blocking = _blocking(method)

    def call(self: "SyncOrchestrator", /, *args: P.args, **kwargs: P.kwargs) -> SyncJob[R]:
        return SyncJob(self._loop, blocking(self, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


class SyncOrchestrator:
    """`Orchestrator` for threads: views, scripts, and Celery tasks of other services.

    It has an event loop in a thread of its own, and may be called from any number of threads. It
    does not survive a fork: open one in each process, for example at its first use.
    """

    def __init__(self, **variables: object) -> None:
        """Open the installation that the environment configures, as `Orchestrator.from_env`."""
        self._loop = _LoopThread()
        self._opened = Orchestrator.from_env(**variables)
        try:
            self._orchestrator = self._loop.call(_enter(self._opened))
        except BaseException:
            self._loop.close()
            raise

    def close(self) -> None:
        """Wait for purchases in flight, and close all connections."""
        if self._loop.is_closed:
            return
        try:
            self._loop.call(_exit(self._opened))
        finally:
            self._loop.close()

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    enrich = _blocking(Orchestrator.enrich)
    enrich_all = _blocking(Orchestrator.enrich_all)
    explain = _blocking(Orchestrator.explain)
    evidence = _blocking(Orchestrator.evidence)
    forget = _blocking(Orchestrator.forget)
    requeue = _blocking(Orchestrator.requeue)
    submit = _returning_job(Orchestrator.submit)
    run_leads = _returning_job(Orchestrator.run_leads)
    job = _returning_job(Orchestrator.job)

    def jobs(
        self,
        *,
        state: JobState | None = None,
        lane: Lane | None = None,
        tenant: str | None = None,
    ) -> Iterator[SyncJob[CompanyResult | LeadResult]]:
        """Yield jobs, newest first."""
        found = self._orchestrator.jobs(state=state, lane=lane, tenant=tenant)
        return (SyncJob(self._loop, each) for each in _pull(self._loop, found))


async def _enter(opened: contextlib.AbstractAsyncContextManager[T]) -> T:
    return await opened.__aenter__()


async def _exit(opened: contextlib.AbstractAsyncContextManager[object]) -> None:
    await opened.__aexit__(None, None, None)
