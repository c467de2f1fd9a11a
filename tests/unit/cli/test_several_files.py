"""What is left of the money after each of several files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.app import Runtime
from orchestrator.cli import run
from orchestrator.cli.batch import NO_OUTPUTS, Batch, Outcome
from orchestrator.cli.summary import Summary

CAP_MICROS = 10_000


async def test_a_file_may_not_spend_what_failed_items_have_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By several steps an item may be paid for and fail: its result says that it cost nothing."""
    given: list[int | None] = []

    def open_batch(_: Path, cap_micros: int | None) -> Batch:
        given.append(cap_micros)
        return cast("Batch", SimpleNamespace(lead_file=None))

    async def run_batch(*_: object, **__: object) -> Outcome:
        return Outcome(
            cast("Any", SimpleNamespace(job_id=f"job-{len(given)}")), Summary(1, 0, 0), {}
        )

    async def spent_by(_: Runtime, job_id: str) -> int:
        return {"job-1": 4_000, "job-2": 6_000}[job_id]

    monkeypatch.setattr(run, "run_batch", run_batch)
    monkeypatch.setattr(run, "spent_by", spent_by)
    monkeypatch.setattr(type(NO_OUTPUTS), "checked", lambda outputs, _: outputs)
    work = run._Work(open_batch, NO_OUTPUTS, CAP_MICROS, "leads", as_json=True)  # noqa: SLF001

    await work.do(cast("Runtime", None), paths := [Path("a"), Path("b"), Path("c")])

    assert given == [CAP_MICROS, CAP_MICROS - 4_000]
    assert work.left == paths[2:]
