"""Serves the sandbox over HTTP until it is told to stop."""

import socket
from asyncio import Transport
from collections.abc import Callable
from contextlib import closing

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.embedded.sandbox import asgi
from orchestrator.embedded.sandbox.app import SandboxApp
from orchestrator.embedded.sandbox.options import SandboxOptions

#: Connections that may wait to be accepted: a fleet's burst must not be refused.
BACKLOG = 2048
#: Seconds that requests in flight get at a shutdown; unanswered ones would hold it for ever.
LAST_ANSWERS_S = 2


class _AbortableProtocol(H11Protocol):
    """Hands each connection's transport to the application, which may cut it off."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.app_state = {**self.app_state, asgi.TRANSPORT: transport}


def run(
    host: str, port: int, options: SandboxOptions, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        host: Address to listen on.
        port: 0 takes a free one.
        options: How to behave.
        on_ready: Called with the URL once connections are taken.

    Raises:
        OSError: The address cannot be listened on.
    """
    app = SandboxApp(options)
    with closing(app), socket.create_server((host, port), backlog=BACKLOG) as listener:
        config = uvicorn.Config(
            app,
            http=_AbortableProtocol,
            loop="uvloop",
            lifespan="on",
            ws="none",
            access_log=False,
            log_level="warning",
            backlog=BACKLOG,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
        if on_ready is not None:
            host, port = listener.getsockname()[:2]
            on_ready(f"http://{host}:{port}")
        uvicorn.Server(config).run(sockets=[listener])
