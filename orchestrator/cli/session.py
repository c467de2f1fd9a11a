"""Opens what a command works on: the configured installation, or the embedded stack."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import uvloop

from orchestrator.app import Runtime, build
from orchestrator.cli.console import err, notice
from orchestrator.embedded import open_stack
from orchestrator.infra.garbage import collect_rarely
from orchestrator.infra.observability import configure_logging
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import (
    Settings,
    is_configured,
    load,
    load_command,
    removed_settings,
)

T = TypeVar("T")

#: Worker processes of the embedded stack.
WORKERS = 2

_SIMULATED = (
    "nothing is configured, so an embedded Valkey, SQLite and the SurfSense sandbox are used "
    "({home})."
)


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
        StackError: The embedded stack did not start.
    """
    configure_logging(load_command().log_level)
    for sentence in removed_settings():
        err.print(f"emasai: {sentence}", style="yellow")
    if is_configured():
        yield load()
        return
    notice("SurfSense data is simulated:", _SIMULATED.format(home=home()))
    with open_stack(home(), workers=workers, on_wait=say_waiting) as stack:
        yield load(**stack.variables)


@contextlib.asynccontextmanager
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Build the object graph for *settings* on the running loop."""
    notifier = CeleryNotifier(create_app(settings))
    try:
        async with build(settings, notifier=notifier) as parts:
            yield parts
    finally:
        await notifier.aclose()


def with_runtime(work: Callable[[Runtime], Awaitable[T]], *, workers: int = 0) -> T:
    """Open everything, run *work* to its end, and close everything."""

    async def main(settings: Settings) -> T:
        async with runtime(settings) as parts:
            return await work(parts)

    collect_rarely()
    with (
        configured(workers=workers) as settings,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(main(settings))


def say_waiting() -> None:
    """Say why the command does not end yet."""
    err.print(
        "Other commands still use the embedded stack; waiting for them to end. "
        "Ctrl-C ends it at once."
    )
