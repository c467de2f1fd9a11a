"""`python -m orchestrator.embedded.sandbox`: serves the sandbox until SIGINT or SIGTERM."""

import argparse
import os
import socket
import sys
from asyncio import Transport
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson
import uvicorn
from pydantic import ValidationError
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.embedded.sandbox.app import Sandbox
from orchestrator.embedded.sandbox.auth import TRANSPORT
from orchestrator.embedded.sandbox.behaviour import SandboxOptions, problems

#: Connections that may wait to be accepted: a fleet's burst must not be refused.
BACKLOG = 2048
#: Seconds that requests in flight get at a shutdown, which unanswered ones would hold up.
LAST_ANSWERS_S = 2


def main(arguments: list[str] | None = None) -> None:
    """Serve with the options of the command line; *arguments* stand for `sys.argv[1:]`."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    host, port, ready_file = given.pop("host"), given.pop("port"), given.pop("ready_file")
    try:
        options = SandboxOptions.model_validate(given)
    except ValidationError as error:
        parser.error(problems(error))
    try:
        run(host, port, options, partial(_announce, ready_file=ready_file))
    except OSError as error:
        parser.exit(1, f"{parser.prog}: {host}:{port}: {error.strerror}\n")


def run(host: str, port: int, options: SandboxOptions, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        host: Address to listen on.
        port: 0 takes a free one.
        options: How to behave.
        on_ready: Called with the URL once connections are accepted.

    Raises:
        OSError: The address cannot be listened on.
    """
    sandbox = Sandbox(options)
    with closing(sandbox), socket.create_server((host, port), backlog=BACKLOG) as listener:
        config = uvicorn.Config(
            sandbox.asgi(),
            http=_AbortableProtocol,
            loop="uvloop",
            lifespan="on",
            ws="none",
            access_log=False,
            log_level="warning",
            backlog=BACKLOG,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
        host, port = listener.getsockname()[:2]
        on_ready(f"http://{host}:{port}")
        uvicorn.Server(config).run(sockets=[listener])


class _AbortableProtocol(H11Protocol):
    """Hands each connection's transport to the application, which may abort it."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def _announce(url: str, *, ready_file: Path | None) -> None:
    sys.stdout.write(f"SurfSense sandbox on {url}: all of its data is invented.\n")
    sys.stdout.flush()
    if ready_file is not None:
        # In one step, so that no reader sees half of the file.
        complete = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        complete.write_bytes(orjson.dumps({"url": url, "pid": os.getpid()}))
        complete.replace(ready_file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator.embedded.sandbox",
        description="A metered stand-in for SurfSense that sells invented evidence.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", default=8090, type=int, help="0 takes a free port")
    parser.add_argument("--ready-file", type=Path, help="file that gets {url, pid} as JSON when up")
    for name, field in SandboxOptions.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=field.description
        )
    return parser


if __name__ == "__main__":
    main()
