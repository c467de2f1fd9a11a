"""The embedded SurfSense sandbox: a process of its own that keeps its own bill."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

from orchestrator.embedded.child import Child, free_port
from orchestrator.embedded.errors import StackError
from orchestrator.embedded.private import private_folder

#: Seconds that the sandbox has to take connections.
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox."""

    child: Child
    url: str


def start_sandbox(folder: Path, log: Path) -> Sandbox:
    """Start a sandbox that keeps its bill in *folder*, on a free loopback port.

    Raises:
        StackError: It ended, or did not answer in time.
    """
    private_folder(folder)
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "orchestrator.embedded.sandbox", "--port", str(free_port())),
        *("--ready-file", str(ready), "--bill-path", str(folder / "bill.jsonl")),
    ]
    child = Child("sandbox", command, env={}, log=log)
    deadline, pause = monotonic() + START_S, Event()
    while monotonic() < deadline and child.is_alive:
        if ready.exists():
            return Sandbox(child, json.loads(ready.read_text("utf-8"))["url"])
        pause.wait(0.02)
    reason = "did not answer in time" if child.is_alive else "ended at once"
    child.end()
    raise StackError("SurfSense sandbox", reason, child.log)
