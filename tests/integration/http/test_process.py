"""The API process where Redis is killed, hangs or is back, and how it starts and ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event
from time import monotonic

import httpx

from orchestrator.embedded.stack import Valkey
from tests.support.api_process import PATIENCE_S, ApiProcess

WANTED = {"kind": "enrich", "companies": ["Acme"]}


def until(client: httpx.Client, status: int) -> httpx.Response:
    """Return the first answer about health with *status*."""
    deadline, pause = monotonic() + PATIENCE_S, Event()
    while monotonic() < deadline:
        answer = client.get("/health")
        if answer.status_code == status:
            return answer
        pause.wait(0.05)
    raise AssertionError(f"health never became {status}")


def test_redis_killed_is_told_and_recovered_from(
    api: tuple[ApiProcess, httpx.Client], valkey: Valkey
) -> None:
    """A killed Redis means 503 with when to come back; accepted work is still there afterwards."""
    _, client = api
    accepted = client.post("/api/v1/jobs", json=WANTED).json()

    os.kill(valkey.child.identity.pid, signal.SIGKILL)
    sick = until(client, 503)
    refused = client.post("/api/v1/jobs", json=WANTED)
    valkey.child.end()
    valkey.child.restart()
    until(client, 200)
    again = client.post("/api/v1/jobs", json=WANTED).json()

    assert sick.json() == {
        "status": "unhealthy",
        "database": "connected",
        "redis": "disconnected",
    }
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert again == {**accepted, "existing": True}


def test_health_is_told_in_time_while_redis_hangs(
    api: tuple[ApiProcess, httpx.Client], valkey: Valkey
) -> None:
    """A server that takes connections and never answers does not hold up the answer."""
    _, client = api
    pid = valkey.child.identity.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = client.get("/health", timeout=PATIENCE_S)
    finally:
        os.kill(pid, signal.SIGCONT)

    assert answer.status_code == 503
    assert answer.json()["redis"] == "disconnected"


def test_a_signal_ends_the_process_in_order(api: tuple[ApiProcess, httpx.Client]) -> None:
    """SIGTERM is an ordinary end: connections are closed, nothing is said of errors."""
    child, client = api
    client.post("/api/v1/jobs", json=WANTED)

    child.end()

    log = child.log.read_text()
    assert "Finished server process" in log
    assert "Traceback" not in log
    assert "never" not in log


def test_a_database_that_is_away_stops_the_start_with_its_own_error(
    valkey: Valkey, tmp_path: Path
) -> None:
    """A start of the API raises the typed error, not the framework's exit."""
    program = (
        "from orchestrator.http import serve\n"
        "from orchestrator.database import DatabaseUnavailable\n"
        "from orchestrator.settings import load\n"
        "try:\n    serve(load(), port=0)\n"
        "except DatabaseUnavailable as error:\n    print(error)\n"
    )
    variables = {
        **os.environ,
        "REDIS_URL": f"{valkey.url}/1",
        "DATABASE_URL": f"sqlite:///{tmp_path}",
        "SURFSENSE_URL": "http://127.0.0.1:9",
    }

    ended = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0
    assert ended.stdout.startswith("the database is not available")
    assert "Traceback" not in ended.stderr
