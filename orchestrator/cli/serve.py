"""Commands that run until they are stopped: `up`, `worker`, `api`, `sandbox`."""

import os
import sys
from typing import Annotated

import typer

from orchestrator.cli.console import err
from orchestrator.cli.installation import WORKERS, embedded_stack, home
from orchestrator.infra.logs import configure_logging
from orchestrator.settings import load, load_api

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
        err.print(f"API on http://{host}:{port}, data in {home()}; Ctrl-C ends it.")
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
