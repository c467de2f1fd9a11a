"""The API as a process of its own."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

import httpx

from orchestrator.embedded.stack import Child

_SERVE = (
    "import sys; from orchestrator.http import serve; "
    "from orchestrator.infra.logs import configure_logging; "
    "from orchestrator.settings import load; "
    "configure_logging('info'); serve(load(), port=int(sys.argv[1]))"
)
_LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0})); "
#: Seconds that a process has to start, and a job to be done, on a busy machine.
PATIENCE_S = 100.0


@contextmanager
def running_api(
    variables: dict[str, str], log: Path, *, descriptors: int | None = None
) -> Iterator[tuple[Child, httpx.Client]]:
    """Run the API with *variables* on a free port for the duration of the block.

    It may have so many file *descriptors*.
    """
    program = _SERVE if descriptors is None else _LIMIT.format(descriptors) + _SERVE
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child = Child("api", [sys.executable, "-c", program, str(port)], env=variables, log=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_until_it_listens(child, client)
            yield child, client
    finally:
        child.end()


def _wait_until_it_listens(child: Child, client: httpx.Client) -> None:
    deadline, pause = monotonic() + PATIENCE_S, Event()
    while monotonic() < deadline and child.is_alive:
        try:
            client.get("/health")
        except httpx.TransportError:
            pause.wait(0.05)
        else:
            return
    raise AssertionError(f"the API did not start: {child.log.read_text()}")
