"""Serves the sandbox over HTTP until it is told to stop."""

import os
import socket
from asyncio import Transport
from pathlib import Path

import orjson
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.surfsense.sandbox import asgi
from orchestrator.surfsense.sandbox.app import SandboxApp
from orchestrator.surfsense.sandbox.options import SandboxOptions

#: Connections that may wait to be accepted: a fleet's burst must not be refused.
BACKLOG = 2048
#: Seconds that requests in flight get at a shutdown; unanswered ones would hold it for ever.
LAST_ANSWERS_S = 2


class _AbortableProtocol(H11Protocol):
    """Hands each connection's transport to the application, which may cut it off."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.app_state = {**self.app_state, asgi.TRANSPORT: transport}


def run(host: str, port: int, options: SandboxOptions, ready_file: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        host: Address to listen on.
        port: 0 takes a free one.
        options: How to behave.
        ready_file: Gets `{"url": ..., "pid": ...}` in one step once connections are taken.

    Raises:
        OSError: The address cannot be listened on.
    """
    listener = socket.create_server((host, port), backlog=BACKLOG)
    if ready_file is not None:
        _announce(listener, ready_file)
    app = SandboxApp(options)
    config = uvicorn.Config(
        app,
        http=_AbortableProtocol,
        loop="uvloop",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        backlog=BACKLOG,
        timeout_graceful_shutdown=LAST_ANSWERS_S,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        app.close()
        listener.close()


def _announce(listener: socket.socket, ready_file: Path) -> None:
    host, port = listener.getsockname()[:2]
    complete = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
    complete.write_bytes(orjson.dumps({"url": f"http://{host}:{port}", "pid": os.getpid()}))
    complete.replace(ready_file)
