"""The servers that measurements run against: a Valkey and a SurfSense of their own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from orchestrator.embedded.stack import start_sandbox, start_valkey

#: The memo's database, as in the product.
MEMO_DB = 1


@contextmanager
def running_valkey() -> Iterator[str]:
    """Run a server; yield the URL of the memo's database."""
    with tempfile.TemporaryDirectory() as folder:
        valkey = start_valkey(Path(folder), Path(folder) / "valkey.log")
        try:
            yield f"{valkey.url}/{MEMO_DB}"
        finally:
            valkey.child.end()


class Upstream:
    """A SurfSense that takes its time and keeps its own bill."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False)

    def bill(self) -> dict[str, Any]:
        """Return what was charged since the last `reset`."""
        return dict(self._http.get("/__bill").raise_for_status().json())

    def reset(self) -> None:
        """Begin a new bill."""
        self._http.post("/__reset").raise_for_status()

    def behave(self, **behaviour: float) -> None:
        """Change how it answers."""
        self._http.post("/__faults", json=behaviour).raise_for_status()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


@contextmanager
def running_upstream(latency_ms: int) -> Iterator[Upstream]:
    """Run a SurfSense that finds every company, in exactly *latency_ms*."""
    with tempfile.TemporaryDirectory() as folder:
        sandbox = start_sandbox(Path(folder), Path(folder) / "sandbox.log")
        upstream = Upstream(sandbox.url)
        try:
            upstream.behave(
                latency_min_ms=latency_ms,
                latency_max_ms=latency_ms,
                not_found_rate=0,
                ambiguous_rate=0,
            )
            yield upstream
        finally:
            upstream.close()
            sandbox.child.end()


def commands_processed(redis: "Redis") -> int:
    """Return how many commands the server has run by itself and within scripts, INFO aside."""
    stats = redis.info("commandstats")
    assert isinstance(stats, dict)
    return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_info")
