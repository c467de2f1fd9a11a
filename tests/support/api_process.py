"""The API as a process of its own."""

import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import httpx

from orchestrator.http import serve
from orchestrator.infra.logs import configure_logging
from orchestrator.settings import load
from tests.support.forking import ForkedProcess, forked

#: Seconds that a process has to start, and a job to be done, on a busy machine.
PATIENCE_S = 100.0


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A running API, from outside; what it writes is added to `log`."""

    process: ForkedProcess
    log: Path

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def end(self) -> None:
        """End it by SIGTERM, in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)


@contextmanager
def running_api(
    variables: dict[str, str], log: Path, *, descriptors: int | None = None
) -> Iterator[tuple[ApiProcess, httpx.Client]]:
    """Run the API with *variables* on a free port for the duration of the block.

    It may have so many file *descriptors*.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ("tests.support.api_process", str(port), str(descriptors or ""))
    api = ApiProcess(forked(command, env={**os.environ, **variables}, log=log), log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_until_it_listens(api, client)
            yield api, client
    finally:
        api.end()


def _wait_until_it_listens(api: ApiProcess, client: httpx.Client) -> None:
    deadline, pause = monotonic() + PATIENCE_S, Event()
    while monotonic() < deadline and api.is_alive:
        try:
            client.get("/health")
        except httpx.TransportError:
            pause.wait(0.05)
        else:
            return
    raise AssertionError(f"the API did not start: {api.log.read_text()}")


def _main(port: str, descriptors: str) -> None:
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(descriptors), int(descriptors)))
    configure_logging("info")
    serve(load(), port=int(port))


if __name__ == "__main__":
    _main(*sys.argv[1:])
