"""A lead file as a job: Ctrl-C at each step, and results as cells."""

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.cli import batch
from orchestrator.cli.session import follow
from orchestrator.dispatch import Terms
from orchestrator.handlers import CompanyResult, ItemStatus, evidence_key
from orchestrator.handlers.result import CompanyColumns
from orchestrator.jobs import Job, JobKind, JobState, Lane, Origin
from orchestrator.leadfile import FOR_ENRICHMENT, read_lead_file
from orchestrator.spending import Budgets

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
JOB = Job(
    job_id="j1",
    kind=JobKind.ENRICH,
    tenant="acme",
    lane=Lane.INTERACTIVE,
    origin=Origin.CLI,
    state=JobState.RUNNING,
    total=3,
    items=3,
    has_row_map=False,
    answered=0,
    chunks=1,
    max_cost_micros=None,
    accepted_at=NOW,
    started_at=None,
    finished_at=None,
    deadline=None,
    parent=None,
    about=None,
    policy=None,
    buy_again=False,
    tally={},
)


async def _ctrl_c(*, is_swallowed: bool) -> None:
    """Cancel the command, as Ctrl-C does; a Redis command may swallow that."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError) if is_swallowed else contextlib.nullcontext():
        await asyncio.sleep(0)


async def _no_results(*_: object, **__: object) -> dict[int, Any]:
    return {}


async def _no_budgets(*_: object) -> Budgets:
    return {}


def _runtime() -> Any:  # noqa: ANN401 - stands in for a whole runtime
    """Return a runtime without servers: any read of a job's record fails the test."""
    jobs = SimpleNamespace(results=SimpleNamespace(some=_no_results, columns=_no_results))
    return SimpleNamespace(jobs=jobs, purchasing=SimpleNamespace(pace=None))


def _batch(folder: Path, rows: int) -> batch.Batch:
    path = folder / "companies.csv"
    path.write_text("empresa\n" + "".join(f"Acme {n}\n" for n in range(rows)), "utf-8")
    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)
    terms = Terms(tenant="acme")
    return batch.Batch(lead_file, JobKind.ENRICH, CompanyResult, terms)


async def test_a_swallowed_ctrl_c_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Redis command may swallow the one cancellation; no further part is submitted."""
    parts: list[Sequence[str]] = []

    async def submit(_runtime: object, _new: object, items: AsyncIterable[Sequence[str]]) -> None:
        async for part in items:
            parts.append(part)
            await _ctrl_c(is_swallowed=True)

    monkeypatch.setattr(batch, "submit_stream", submit)
    work = batch.run_batch(
        _runtime(), _batch(tmp_path, 3 * batch.PART), batch.Outputs(tmp_path), quiet=True
    )

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work)

    assert len(parts) == 1
    assert "nothing was accepted" in capsys.readouterr().err


async def test_a_ctrl_c_swallowed_by_the_last_step_of_accepting_ends_the_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is accepted then: the command ends at once, and its file says `pending`."""

    async def submit(_runtime: object, _new: object, items: AsyncIterable[object]) -> Job:
        async for _ in items:
            pass
        await _ctrl_c(is_swallowed=True)
        return JOB

    monkeypatch.setattr(batch, "submit_stream", submit)
    monkeypatch.setattr(batch, "read_budgets", _no_budgets)
    target = tmp_path / "out.csv"

    outcome = await asyncio.create_task(
        batch.run_batch(_runtime(), _batch(tmp_path, 3), batch.Outputs(target), quiet=True)
    )

    assert outcome.job == JOB
    assert outcome.summary.pending == 3
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert [row["emasai_status"] for row in csv.DictReader(file)] == ["pending"] * 3


async def test_a_ctrl_c_in_the_last_step_of_accepting_promises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job may have been accepted; the sentence says where that can be seen."""

    async def submit(_runtime: object, _new: object, items: AsyncIterable[object]) -> None:
        async for _ in items:
            pass
        await _ctrl_c(is_swallowed=False)

    monkeypatch.setattr(batch, "submit_stream", submit)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(
            batch.run_batch(_runtime(), _batch(tmp_path, 3), batch.Outputs(tmp_path), quiet=True)
        )

    printed = " ".join(capsys.readouterr().err.split())
    assert "`emasai jobs list` shows whether it was" in printed
    assert "nothing was accepted" not in printed


async def test_watching_takes_a_swallowed_ctrl_c_over_once() -> None:
    """The next steps of the command, such as writing its file, are not cancelled any more."""

    async def watch() -> tuple[Job, int]:
        await _ctrl_c(is_swallowed=True)
        job = await follow(_runtime(), replace(JOB, total=1), quiet=True)
        task = asyncio.current_task()
        assert task is not None
        return job, task.cancelling()

    job, cancelling = await asyncio.create_task(watch())

    assert (job.state, job.total, cancelling) == (JobState.RUNNING, 1, 0)


@pytest.mark.parametrize(
    ("status", "source"), [(ItemStatus.NOT_FOUND, "not_found"), (ItemStatus.AMBIGUOUS, "")]
)
def test_only_a_company_that_was_looked_up_is_not_found(status: ItemStatus, source: str) -> None:
    """An ambiguous name is not looked up."""
    result = CompanyResult(status=status, company="Acme", found=False)

    assert batch.cells_of(result).outcome_source == source


class _Reader:
    """Knows every company; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def columns(self, results: Sequence[CompanyResult]) -> dict[Any, CompanyColumns]:
        """Return the key of each company in place of its sector."""
        self.asked += [each.company_key for each in results]
        return {
            evidence_key(each): CompanyColumns(sector=str(each.company_key)) for each in results
        }


async def test_a_company_is_read_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From part to part what is known is remembered, up to a bound."""
    monkeypatch.setattr(batch, "KNOWN", 2)
    reader: Any = _Reader()
    known = batch.KnownCompanies(reader)
    one, two, three = (
        CompanyResult(
            status=ItemStatus.ENRICHED, company=key, company_key=key, found=True, as_of=NOW
        )
        for key in ("one", "two", "three")
    )

    await known.read([one, two])
    await known.read([two, three, one])
    await known.read([three])

    assert reader.asked == ["one", "two", "three", "three"]
    assert known.of(three).sector == "three"
    assert known.of(one) == CompanyColumns()
    assert batch.cells_of(three, known.of(three)).sector == "three"
