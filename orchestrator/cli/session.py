"""Opens the parts on the installation of a command, and waits through restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

import uvloop

from orchestrator.app import Runtime, connect_runtime
from orchestrator.cli.console import notice
from orchestrator.cli.installation import configured
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.background import keep_responsive
from orchestrator.infra.redis_client import StoreRefused, StoreUnavailable
from orchestrator.jobs import NotNow
from orchestrator.memo import NotDurable
from orchestrator.settings import Settings

T = TypeVar("T")

#: Seconds for which a command waits for a backend that is unavailable.
LONGEST_S: Final = 120.0
#: Seconds between two tries.
AGAIN_S: Final = 1.0
#: Errors of an unavailable backend.
UNAVAILABLE: Final = (StoreUnavailable, DatabaseUnavailable, NotNow)
#: Refusals that end by themselves, after a failover or a restart.
_TEMPORARY: Final = ("READONLY", "NOREPLICAS")

_WAITING = "waiting for it, {seconds:.0f} s at most. Accepted work continues when it is back."


def with_runtime(work: Callable[[Runtime], Awaitable[T]], *, workers: int = 0) -> T:
    """Open everything, run *work* to its end, and close everything."""

    async def main(settings: Settings) -> T:
        async with connect_runtime(settings) as runtime:
            return await work(runtime)

    keep_responsive()
    with (
        configured(workers=workers) as settings,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(main(settings))


class Patience:
    """Tolerates unavailable backends, for *longest_s* without a success in between."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._since: float | None = None
        self._was_reported = False

    def bear(self, error: Exception) -> None:
        """Return if a further try may succeed after *error*; report the first wait.

        Raises:
            Exception: *error*, where waiting does not help, or has lasted too long.
        """
        now = monotonic()
        self._since = now if self._since is None else self._since
        if not _is_temporary(error) or now - self._since > self._longest_s:
            raise error
        if not self._was_reported:
            self._was_reported = True
            notice("A backend is unavailable;", _WAITING.format(seconds=self._longest_s))

    def succeeded(self) -> None:
        """Record that the backends answer."""
        self._since = None


async def patiently(work: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Return the result of *work*, which is called again while a backend is unavailable.

    For work that may be repeated: reads, and requests that are idempotent.
    """
    while True:
        try:
            result = await work()
        except UNAVAILABLE as error:
            patience.bear(error)
            await asyncio.sleep(AGAIN_S)
        else:
            patience.succeeded()
            return result


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, NotNow):
        return error.__cause__ is not None and _is_temporary(error.__cause__)
    if isinstance(error, StoreRefused):
        return error.reason in _TEMPORARY
    return isinstance(error, UNAVAILABLE) and not isinstance(error, NotDurable)
