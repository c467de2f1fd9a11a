"""The API as a process: uvicorn on uvloop, until SIGINT or SIGTERM."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator

import structlog
import uvicorn
import uvloop

from orchestrator.infra.background import keep_responsive
from orchestrator.settings import ConfigurationError, Settings, warn_of_removed_settings

from .app import create_api
from .connections import BoundedProtocol, connection_limit
from .security import is_loopback

log = structlog.get_logger(__name__)

#: Connections that may wait to be accepted: a fleet's burst must not be refused.
BACKLOG = 2048
#: Seconds that requests in flight get at a shutdown.
LAST_ANSWERS_S = 10


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8001) -> None:
    """Serve until SIGINT or SIGTERM, then answer what is in flight and close everything.

    Args:
        settings: Of a configured installation.
        host: Address to listen on; another than loopback needs `EMASAI_API_KEY`.
        port: 0 takes a free one.

    Raises:
        ConfigurationError: Other machines could ask, but there is no key; the address cannot be
            listened on; or the policy is unfit.
        DatabaseUnavailable: The database cannot be reached.
        SchemaMismatch: The database has the schema of another version.
    """
    if not settings.api_keys and not is_loopback(host):
        problem = (
            "EMASAI_API_KEY is not set; without a key the API listens on 127.0.0.1 only, "
            f"not on {host or 'all addresses'}"
        )
        raise ConfigurationError((problem,))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        problem = f"--host {host} --port {port} cannot be listened on ({reason}); choose another"
        raise ConfigurationError((problem,)) from error
    with listening as listener:
        keep_responsive()
        warn_of_removed_settings()
        uvloop.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    app = create_api(settings)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            http=BoundedProtocol,
            limit_concurrency=connection_limit(),
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
    )
    # Entered here and not by uvicorn, which answers a failure with a traceback and an exit.
    async with app.router.lifespan_context(app):
        host, port = listener.getsockname()[:2]
        log.info("api.listening", host=host, port=port)
        await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends `serve` on a signal; uvicorn's own raises it again, past what is still to close."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            # What is still to close can be interrupted, too.
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)
