"""The sandbox as tests use it: a real process on a free port, and its bill."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson

from orchestrator.embedded.sandbox import Behaviour
from tests.support.forking import ForkedProcess
from tests.support.loopback import loopback

FAULTLESS = Behaviour(
    latency_min_ms=0,
    latency_max_ms=0,
    not_found_rate=0,
    ambiguous_rate=0,
    wall_rate=0,
    searxng_rate=0,
)
#: Seconds that a sandbox gets to come up or to end.
PATIENCE_S = 100


class SandboxProcess:
    """A sandbox of its own; `folder` keeps its files, its bill among them, over restarts."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.bill_path = folder / "bill.jsonl"
        self._ready_file = folder / "ready.json"
        self._options = options
        self.start()

    def start(self, port: int = 0) -> None:
        """Start it and wait until it takes connections."""
        self._ready_file.unlink(missing_ok=True)
        place = ("--port", str(port), "--ready-file", str(self._ready_file))
        bill = ("--bill-path", str(self.bill_path))
        quick = ("--latency-min-ms", "0", "--latency-max-ms", "0")
        command = ["orchestrator.embedded.sandbox", *place, *bill, *quick, *self._options]
        self.process = ForkedProcess(command, env=os.environ, files={})
        waited = threading.Event()
        for _ in range(PATIENCE_S * 50):
            if self._ready_file.exists() or self.process.poll() is not None:
                break
            waited.wait(0.02)
        self.url: str = orjson.loads(self._ready_file.read_bytes())["url"]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return httpx.URL(self.url).port or 0

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """End it as a supervisor does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def behave(self, **changes: float | None) -> None:
        """Order faults."""
        self.order(changes)

    def order(self, behaviour: Mapping[str, object]) -> None:
        """Change how it behaves, by the names of `Behaviour`."""
        loopback.post(f"{self.url}/__faults", json=dict(behaviour)).raise_for_status()

    def reset(self) -> None:
        """Forget the bill and all counts."""
        loopback.post(f"{self.url}/__reset").raise_for_status()

    def bill(self) -> dict[str, Any]:
        """Return the seller's own account."""
        summary: dict[str, Any] = loopback.get(f"{self.url}/__bill").raise_for_status().json()
        return summary

    def catalogue(self) -> list[str]:
        """Return the names of the companies of its real world."""
        leads = loopback.get(f"{self.url}/__catalogue").raise_for_status().json()
        return [lead["company"] for lead in leads]

    def scrapers(self, path: str, workspace_id: str = "1") -> str:
        """Return a URL of the workspace API."""
        return f"{self.url}/api/v1/workspaces/{workspace_id}/scrapers/{path}"

    def start_run(self, **request: object) -> httpx.Response:
        """POST a search as any buyer may."""
        url = self.scrapers("google_search/scrape")
        return loopback.post(url, params={"mode": "async"}, json=request)

    def cancel_run(self, run_id: str) -> httpx.Response:
        """POST a cancellation."""
        return loopback.post(self.scrapers(f"runs/{run_id}/cancel"))

    def post(self, url: str, content: object, **headers: str) -> httpx.Response:
        """POST *content* as JSON."""
        return loopback.post(url, json=content, headers=headers)

    def runs(self, **query: str | int) -> list[dict[str, Any]]:
        """Return the list of runs, newest first."""
        answer = loopback.get(self.scrapers("runs"), params=query).raise_for_status()
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run in full."""
        detail: dict[str, Any] = (
            loopback.get(self.scrapers(f"runs/{run_id}")).raise_for_status().json()
        )
        return detail

    async def ended(self, run_id: str, *, status: str = "success") -> dict[str, Any]:
        """Return a run as soon as it has the *status*.

        Raises:
            TimeoutError: It did not come to have it.
        """
        await self.wait_until(lambda _: self.run(run_id)["status"] == status)
        return self.run(run_id)

    async def wait_until(self, is_so: Callable[[dict[str, Any]], object]) -> None:
        """Return as soon as *is_so* holds of the bill.

        Raises:
            TimeoutError: It did not come to hold.
        """
        for _ in range(PATIENCE_S * 50):
            if is_so(self.bill()):
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(f"the bill is still {self.bill()}")
