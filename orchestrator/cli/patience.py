"""Waits through the restart of a server, as workers do: what was begun is gone on with."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from orchestrator.cli.console import notice
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.connections import StoreRefused, StoreUnavailable
from orchestrator.jobs import NotNow
from orchestrator.memo import NotDurable

T = TypeVar("T")

#: Seconds for which a command waits for a server before it gives up.
LONGEST_S: Final = 120.0
#: Seconds between two tries.
AGAIN_S: Final = 1.0
#: Refusals that end by themselves, with the failover or the restart that they belong to.
_PASSING: Final = ("READONLY", "NOREPLICAS")

#: What a command meets while a server is away.
AWAY: Final = (StoreUnavailable, DatabaseUnavailable, NotNow)


class Patience:
    """Bears errors of servers that are away, for *longest_s* without a success in between."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._since: float | None = None
        self._told = False

    def bear(self, error: Exception) -> None:
        """Return if it is worth trying again after *error*; say so on the first occasion.

        Raises:
            Exception: *error*, where waiting does not help, or has not for too long.
        """
        now = monotonic()
        self._since = now if self._since is None else self._since
        if not _passes(error) or now - self._since > self._longest_s:
            raise error
        if not self._told:
            self._told = True
            notice("A server does not answer;", _WAITING.format(seconds=self._longest_s))

    def succeeded(self) -> None:
        """Note that the servers answer."""
        self._since = None


async def patiently(work: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Return what *work* returns, asked for again while a server is away.

    For work that may be begun again: reading, and asking for what is done once however often it is
    asked for.
    """
    while True:
        try:
            result = await work()
        except AWAY as error:
            patience.bear(error)
            await asyncio.sleep(AGAIN_S)
        else:
            patience.succeeded()
            return result


def _passes(error: BaseException) -> bool:
    if isinstance(error, NotNow):
        return error.__cause__ is not None and _passes(error.__cause__)
    if isinstance(error, StoreRefused):
        return error.reason in _PASSING
    return isinstance(error, AWAY) and not isinstance(error, NotDurable)


_WAITING: Final = (
    "waiting for it, {seconds:.0f} s at most. What was accepted goes on when it is back."
)
