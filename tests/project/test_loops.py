"""Background tasks: each is run by the supervisor, or has a reason here."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.project import ROOT, project_files_like

#: What starts a task or a thread of its own, and why an error cannot silence it for good.
STARTS = {
    "orchestrator/http/health.py": "one question with an end; the next request asks anew",
    "orchestrator/infra/background.py": "the supervisor itself",
    "orchestrator/infra/batching.py": "one batch with an end; each caller gets its error",
    "orchestrator/infra/counters.py": "one flush with an end; the next count starts another",
    "orchestrator/embedded/stack.py": "threads that wait for a child process to end",
    "orchestrator/jobs/chunk.py": "one item with an end",
    "orchestrator/jobs/runner.py": "one slot with an end; the reconciler starts another",
    "orchestrator/infra/lease.py": "one lease; the holder sees by the clock that it has lapsed",
    "orchestrator/memo/flight.py": "one answer that Redis could not take; errors are logged",
    "orchestrator/memo/memo.py": "one flight with an end",
    "orchestrator/memo/store.py": "one confirmation with an end",
    "orchestrator/memo/entry.py": "one read with an end; each caller gets its error",
    "orchestrator/embedded/sandbox/runs.py": "one simulated run with an end",
    "orchestrator/messaging/liveness.py": "a thread in which the supervisor runs its loop",
    "orchestrator/surfsense/runs.py": "one pause and one stream; the wait for the run ends both",
    "orchestrator/surfsense/pace.py": "waits with an end; each caller gets its error",
    "orchestrator/sync.py": "the event loop's thread; each caller gets its error",
    "tasks/runtime.py": "the event loop's thread, and one that ends the process",
}
_STARTERS = {"create_task", "ensure_future", "Thread"}


def _starts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            if name in _STARTERS:
                yield path.relative_to(ROOT).as_posix()


def test_background_tasks_are_supervised() -> None:
    """A new loop uses `background.Supervisor`, so that no error ends it in silence."""
    paths = [
        path
        for path in project_files_like("*.py")
        if path.relative_to(ROOT).parts[0] in {"orchestrator", "tasks"}
    ]

    assert {start for path in paths for start in _starts(path)} - set(STARTS) == set()
