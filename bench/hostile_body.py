"""What a body of 10 MB does to other requests: how late `/health` is, and how much memory it takes.

The API runs as a process of its own. While one thread sends a body, another asks for `/health` all
the time; the delay is its slowest answer, less the slowest beside an empty body. What
a body did is printed once it was answered, after five minutes at the latest.
"""

import http.client
import json
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil

from bench.measure import QUICK_REPEATS, console, judge
from orchestrator.embedded.stack import Child
from tests.support.database import migrated_file
from tests.support.valkey import running_valkey

#: What docker-compose.yml gives the API, and how much later `/health` may be.
MEMORY_MB = 512
TARGET_MS = 100.0
SIZE = 9_900_000
JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
EMPTY = "empty"
#: How long a body may take to be answered.
LONGEST_S = 300.0
_SERVE = (
    "import sys; from orchestrator.http import serve; from orchestrator.settings import load; "
    "serve(load(), port=int(sys.argv[1]))"
)


def _leads(email: str) -> bytes:
    lead = {"company": "Minas de Cobre {n} SA", "contact": "Ana", "email": email}
    text = json.dumps(lead)
    leads = ",".join(text.replace("{n}", str(n)) for n in range(min(100_000, SIZE // len(text))))
    return f'{{"kind": "pipeline", "leads": [{leads}]}}'.encode()


def _filled(head: str, part: str, tail: str) -> bytes:
    return (head + part * ((SIZE - len(head) - len(tail)) // len(part)) + tail).encode()


def _numbered(head: str, part: str, tail: str, count: int) -> bytes:
    return (head + "".join(part.format(n) for n in range(count)) + tail).encode()


def _companies(part: str) -> bytes:
    return _filled('{"kind": "enrich", "companies": [', part + ",", "1]}")


BODIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    EMPTY: (JSON, lambda: b"{}"),
    "leads without e-mail": (JSON, lambda: _leads("")),
    "sound leads": (JSON, lambda: _leads("ana@minas{n}.example")),
    "sound companies": (
        JSON,
        lambda: json.dumps(
            {"kind": "enrich", "companies": [f"Minas de Cobre {n} SA" for n in range(100_000)]}
        ).encode(),
    ),
    "600,000 unknown keys": (
        JSON,
        lambda: _numbered('{"k":1', ',"key {}":1', "}", 600_000),
    ),
    "deep nesting": (JSON, lambda: b"[" * SIZE),
    "deep nesting within": (JSON, lambda: _filled('{"filter":', '{"a":', "")),
    "numbers": (JSON, lambda: _companies("1")),
    "empty lists": (JSON, lambda: _companies("[]")),
    "a list of lists": (JSON, lambda: _filled('{"companies": [[', "[],", "[]]]}")),
    "a number": (JSON, lambda: _filled('{"max_cost_micros": ', "9", "}")),
    "a text": (JSON, lambda: _filled('{"companies": ["', "x", '"]}')),
    "an emoji and escapes": (JSON, lambda: _filled('{"companies": ["\U0001f600', "\\u00e9", '"]}')),
    "long names": (JSON, lambda: _companies(f'"{"Minas de Cobre y " * 58}"')),
    "blanks": (JSON, lambda: _filled("{", " ", "}")),
    "CSV of an open quote": (CSV, lambda: _filled('company\n"', "\n", "")),
    "CSV of quotes": (CSV, lambda: _filled("company\n", '"\n""\n"', "")),
    "CSV of quotes opened again": (CSV, lambda: _filled("company\n", 'a","\n', "")),
    "CSV of short rows": (CSV, lambda: _filled("company\n", "a\n", "")),
    "CSV of delimiters": (CSV, lambda: _filled("company\n", ",", "")),
    "CSV of sound names": (
        CSV,
        lambda: _numbered("company\n", "Minas {} SA\n", "", 100_000),
    ),
    "CSV of blank lines": (CSV, lambda: _filled("company\n", "\n", "")),
    "NDJSON of lists": (NDJSON, lambda: _filled("", "[]\n", "")),
    "NDJSON of empty objects": (NDJSON, lambda: _filled("", "{}\n", "")),
    "an array of objects": (NDJSON, lambda: _filled("[", "{},", "{}]")),
    "a document of objects": (NDJSON, lambda: _filled('{"a":[', "{},", "{}]}")),
    "NDJSON of one line": (NDJSON, lambda: _filled("", "[", "")),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one body did: how it was answered, and what others saw meanwhile."""

    status: int
    took_s: float
    healths_ms: tuple[float, ...]
    peak_mb: float


async def main(repeats: int) -> None:
    """Send each body, and print what it did to others."""
    console.print(f"Bodies of up to {SIZE / 1e6:.1f} MB, beside them /health")
    _print_row("body", "status", "seconds", "/health ms", "slowest", "delay", "peak MB")
    delays, peaks, seconds = [], [], []
    for name in BODIES:
        runs = [_measure(name) for _ in range(1 if repeats <= QUICK_REPEATS else 2)]
        slowest = min(max(run.healths_ms) for run in runs)
        if name == EMPTY:
            base = slowest
        delays.append(slowest - base)
        peaks.append(max(run.peak_mb for run in runs))
        seconds.append(min(run.took_s for run in runs))
        _print_row(
            name,
            str(runs[0].status or "none"),
            f"{seconds[-1]:.1f}",
            f"{statistics.median(runs[0].healths_ms):.1f}",
            f"{slowest:.0f}",
            f"{delays[-1]:.0f}",
            f"{peaks[-1]:.0f}",
        )
    judge(f"/health at most {TARGET_MS:.0f} ms later", [delay <= TARGET_MS for delay in delays])
    judge(f"within {MEMORY_MB} MB of memory", [peak <= MEMORY_MB for peak in peaks])
    judge(f"answered within {LONGEST_S:.0f} s", [took_s < LONGEST_S for took_s in seconds])


def _print_row(body: str, *figures: str) -> None:
    line = f"{body:<28}" + "".join(f"{figure:>11}" for figure in figures)
    console.print(line, highlight=False, soft_wrap=True)


def _measure(name: str) -> Seen:
    """Send one body to an API of its own, so that its peak of memory is that of this body."""
    media_type, make = BODIES[name]
    body = make()
    with _running_api() as (port, process):
        for _ in range(20):
            _ask(port, "GET", "/health")
        healths: list[float] = []
        done = threading.Event()
        probe = threading.Thread(target=_probe, args=(port, healths, done))
        probe.start()
        began = perf_counter()
        status = _ask(port, "POST", "/api/v1/jobs", body, media_type)
        took_s = perf_counter() - began
        done.wait(0.3)  # what is freed afterwards delays others, too
        done.set()
        probe.join()
        return Seen(status, took_s, tuple(healths), _peak_mb(process))


def _probe(port: int, healths: list[float], done: threading.Event) -> None:
    while not done.is_set():
        began = perf_counter()
        _ask(port, "GET", "/health")
        healths.append((perf_counter() - began) * 1000)
        done.wait(0.005)


def _ask(
    port: int, method: str, path: str, body: bytes | None = None, media_type: str = JSON
) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
    try:
        connection.request(method, path, body, {"Content-Type": media_type})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0  # it took too long, or was refused before it was read
    else:
        return answer.status
    finally:
        connection.close()


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


@contextmanager
def _running_api() -> Iterator[tuple[int, psutil.Process]]:
    with tempfile.TemporaryDirectory() as folder, running_valkey(Path(folder) / "valkey") as valkey:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        variables = {
            "REDIS_URL": f"{valkey.url}/1",
            "DATABASE_URL": migrated_file(Path(folder)),
            "SURFSENSE_URL": "http://127.0.0.1:9",
        }
        command = [sys.executable, "-c", _SERVE, str(port)]
        child = Child("api", command, env=variables, log=Path(folder) / "api.log")
        try:
            while _ask(port, "GET", "/health") != http.HTTPStatus.OK:
                assert child.is_alive, child.log.read_text()
                threading.Event().wait(0.05)
            yield port, psutil.Process(child.identity.pid)
        finally:
            child.end()
