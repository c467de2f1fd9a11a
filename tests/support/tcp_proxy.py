"""A TCP proxy that can lose things without a word, as networks do."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: What a consumer of Celery waits for messages with.
BRPOP = b"BRPOP"
#: What a script is called with.
EVALSHA = b"EVALSHA"


class TcpProxy:
    """Hands bytes on to *target*, a port of this machine, until it is told not to."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._is_deaf = threading.Event()
        self._is_away = threading.Event()
        self._is_slow = threading.Event()
        self._is_through = threading.Event()
        #: Connections that wait for an answer that never comes.
        self.swallowed = 0
        #: Connections that were closed at once.
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def swallow_brpop(self) -> None:
        """Withhold from now on what a consumer sends to ask for a message: it gets none."""
        self._is_deaf.set()

    def hold_back_script_replies(self) -> None:
        """Keep what a script answers from its caller until `let_through`."""
        self._is_through.clear()
        self._is_slow.set()

    def let_through(self) -> None:
        """Hand on what was held back, and whatever comes."""
        self._is_slow.clear()
        self._is_through.set()

    def go_away(self) -> None:
        """Close all connections, and new ones at once."""
        self._is_away.set()
        for each in list(self._open):
            _close(each)

    def come_back(self) -> None:
        """Be there again."""
        self._is_away.clear()

    def close(self) -> None:
        """Be gone for good."""
        self.go_away()
        _close(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_away.is_set():
                self.refused += 1
                client.close()
                continue
            with contextlib.suppress(OSError):
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open |= {client, server}
                calls_script = threading.Event()
                for hand_on, ends in (
                    (self._send, (client, server)),
                    (self._reply, (server, client)),
                ):
                    threading.Thread(
                        target=hand_on, args=(*ends, calls_script), daemon=True
                    ).start()

    def _send(
        self, client: socket.socket, server: socket.socket, calls_script: threading.Event
    ) -> None:
        """Hand the client's bytes on, unless they ask for a message and none may be delivered."""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._is_deaf.is_set() and BRPOP in data:
                    self.swallowed += 1
                    return
                if EVALSHA in data:
                    calls_script.set()
                server.sendall(data)
        _close(server)

    def _reply(
        self, server: socket.socket, client: socket.socket, calls_script: threading.Event
    ) -> None:
        """Hand the server's bytes on, a script's reply only when it may."""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if calls_script.is_set() and self._is_slow.is_set():
                    self._is_through.wait()
                calls_script.clear()
                client.sendall(data)
        _close(client)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def proxy_of(port: int) -> Iterator[TcpProxy]:
    """Run a proxy of *port* for the duration of the block."""
    proxy = TcpProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
