"""The API as a process of its own, beside an embedded stack with a Celery worker."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import httpx
import pytest

from orchestrator.embedded.stack import EmbeddedStack, Valkey
from tests.support.api_process import PATIENCE_S, ApiProcess, running_api
from tests.support.database import migrated_file
from tests.support.stack import working_stack
from tests.support.valkey import running_valkey


def finished(client: httpx.Client, url: str) -> dict[str, Any]:
    """Return the status of the job at *url*, with its results, when it is done."""
    deadline, pause = monotonic() + PATIENCE_S, Event()
    while monotonic() < deadline:
        answer = client.get(url, params={"results": True})
        body: dict[str, Any] = answer.json()
        if answer.status_code == 200 and body["state"] == "done":
            return body
        pause.wait(0.05)
    raise AssertionError(f"not done in time: {body}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Run Valkey, the sandbox and one worker."""
    with working_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def client(stack: EmbeddedStack) -> Iterator[httpx.Client]:
    """Return a client of an API process on the stack."""
    with running_api(stack.variables, stack.home / "logs" / "api.log") as (_, running):
        yield running


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Run a server that the test may hurt, and in which wake-ups may stay."""
    with running_valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def api(valkey: Valkey, tmp_path: Path) -> Iterator[tuple[ApiProcess, httpx.Client]]:
    """Run the API on that server, without workers."""
    variables = {
        "REDIS_URL": f"{valkey.url}/1",
        "DATABASE_URL": migrated_file(tmp_path),
        "SURFSENSE_URL": "http://127.0.0.1:9",
    }
    with running_api(variables, tmp_path / "api.log") as running:
        yield running
