"""The runs of the workspace, in a file that survives `kill -9`: each change is one line."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator.embedded.sandbox.lines import Lines
from orchestrator.embedded.sandbox.search import CAPABILITY

RUNNING, SUCCESS, ERROR, CANCELLED = "running", "success", "error", "cancelled"
#: Error of the runs that a restart finds running.
INTERRUPTED = "Interrupted by server restart"


@dataclass(frozen=True, slots=True)
class Run:
    """One row. `succeeds_late` says of an interrupted run that it will, for nobody to see yet."""

    id: str
    created_at_ms: int
    input: dict[str, Any]
    capability: str = CAPABILITY
    status: str = RUNNING
    item_count: int = 0
    char_count: int = 0
    duration_ms: int | None = None
    cost_micros: int | None = None
    error: str | None = None
    output_text: str | None = None
    succeeds_late: bool = False

    def summary(self) -> dict[str, Any]:
        """Return the row as the list shows it."""
        return {
            "id": f"run_{self.id}",
            "capability": self.capability,
            "origin": "api",
            "status": self.status,
            "item_count": self.item_count,
            "char_count": self.char_count,
            "duration_ms": self.duration_ms,
            "cost_micros": self.cost_micros,
            "error": self.error,
            "created_at": datetime.fromtimestamp(self.created_at_ms / 1000, UTC).isoformat(),
        }

    def detail(self) -> dict[str, Any]:
        """Return the row in full."""
        more = {"thread_id": None, "input": self.input, "output_text": self.output_text}
        return self.summary() | more | {"progress": None}


class RunBook:
    """All runs since the last reset, newest last."""

    def __init__(self, path: Path | None) -> None:
        self._lines = Lines(path)
        self._runs: dict[str, Run] = {}
        for line in self._lines.read():
            if "reset" in line:
                self._runs.clear()
            else:
                self._runs[line["id"]] = Run(**line)

    def write(self, run: Run) -> None:
        """Add or change *run*. When this returns, it is safe from the end of this process."""
        self._lines.append(asdict(run))
        self._runs[run.id] = run

    def get(self, run_id: str) -> Run | None:
        """Return a run by its id, which may have the prefix `run_`."""
        return self._runs.get(run_id.removeprefix("run_"))

    def page(
        self, *, limit: int, offset: int, capability: str | None, status: str | None
    ) -> list[Run]:
        """Return *limit* runs, newest first, *offset* runs on."""
        newest_first = (
            run
            for run in reversed(self._runs.values())
            if capability in {None, run.capability} and status in {None, run.status}
        )
        return list(islice(newest_first, offset, offset + limit))

    def interrupt(self, run: Run, *, succeeds_late: bool) -> None:
        """Mark a run that was under way when the last process ended."""
        interrupted = replace(run, status=ERROR, error=INTERRUPTED, succeeds_late=succeeds_late)
        self.write(interrupted)

    def running(self) -> list[Run]:
        """Return the runs that are under way, or were when the last process ended."""
        return [run for run in self._runs.values() if run.status == RUNNING]

    def late(self) -> Iterator[Run]:
        """Yield the interrupted runs that another process is still at work on."""
        return (run for run in [*self._runs.values()] if run.status == ERROR and run.succeeds_late)

    def reset(self) -> None:
        """Forget all runs; the file keeps the past."""
        self._lines.append({"reset": True})
        self._runs.clear()

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        self._lines.close()
