"""Ends connections that are slow, idle or too many, so that they cannot keep others out.

uvicorn ends a connection that is idle after an answer; it waits without end for a first request,
for the rest of a header and for a client that does not read. What is slow in a body is ended by
`body_limit`.
"""

import asyncio
import resource
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

#: From the beginning of a connection, or of a further request, to the end of the header.
HEADER_S: Final = 10.0
#: How long an answer may wait for its client to read.
WRITE_S: Final = 60.0
#: How long a connection that was closed may take to send what is left.
LINGER_S: Final = 5.0
#: Connections of one process at most, and file descriptors that are kept for its servers and files.
MOST: Final = 1_000
RESERVED: Final = 64

_BODY: Final = (
    b'{"error":{"code":"too_many_connections","message":"This server has too many connections; '
    b'repeat the request in 5 seconds."}}'
)
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
    b"cache-control: no-store\r\nconnection: close\r\ncontent-length: "
    + str(len(_BODY)).encode()
    + b"\r\n\r\n"
    + _BODY
)


def connection_limit() -> int:
    """Return how many connections the process may have, with as many descriptors as it can get."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + RESERVED
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft - RESERVED, soft // 2)


class BoundedProtocol(H11Protocol):
    """One connection. `limit_concurrency` is how many there are at most, whatever they do."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limit = self.limit_concurrency or MOST
        # uvicorn would refuse requests of connections that it has let in.
        self.limit_concurrency = None
        self._header_timer = _Timer(self.loop, HEADER_S, self.end)
        self._write_timer = _Timer(self.loop, WRITE_S, self._abort)
        self.waiting_since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """Let the connection in; the one that has been idle for longest makes room for it."""
        super().connection_made(transport)
        self._watch_header()
        if len(self.connections) <= self._limit:
            return
        ours = [each for each in self.connections if isinstance(each, BoundedProtocol)]
        idle = [each for each in ours if each is not self and each.is_idle]
        if idle:
            min(idle, key=attrgetter("waiting_since")).end()
        else:
            transport.write(_REFUSAL)
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._header_timer.stop()
        self._write_timer.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a header has to be complete in time."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_header()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.waiting_since = self.loop.time()
        super().on_response_complete()
        self._watch_header()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that is idle after an answer."""
        super().timeout_keep_alive_handler()
        self.end()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not without end."""
        super().pause_writing()
        self._write_timer.start()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._write_timer.stop()
        super().resume_writing()

    def end(self) -> None:
        """Close the connection, whatever its client makes of that."""
        self.connections.discard(self)
        self.transport.close()
        self.loop.call_later(LINGER_S, self._abort)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return cycle is None or cycle.response_complete

    def _abort(self) -> None:
        self.transport.abort()

    def _watch_header(self) -> None:
        # Idle after an answer, uvicorn's own timer runs until the next byte comes.
        if not self.is_idle or self.timeout_keep_alive_task is not None:
            self._header_timer.stop()
        elif not self.transport.is_closing():
            self._header_timer.start()


class _Timer:
    """Calls once, so long after its start; a start while it runs changes nothing."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, after_s: float, call: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._after_s = after_s
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._handle is None:
            self._handle = self._loop.call_later(self._after_s, self._call)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
