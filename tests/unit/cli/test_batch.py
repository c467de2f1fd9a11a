"""A lead file that is handed over, and a Ctrl-C in the middle of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.app import Runtime
from orchestrator.cli import batch
from orchestrator.dispatch import Terms
from orchestrator.handlers import CompanyResult
from orchestrator.jobs import JobKind
from orchestrator.leadfile import FOR_ENRICHMENT, read_lead_file


async def test_a_swallowed_ctrl_c_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of Redis may swallow the one cancellation; no further part is handed over."""
    path = tmp_path / "companies.csv"
    path.write_text("empresa\n" + "".join(f"Acme {n}\n" for n in range(3 * batch.PART)), "utf-8")
    parts: list[Sequence[str]] = []

    async def submit(_parts: object, _order: object, items: AsyncIterable[Sequence[str]]) -> None:
        async for part in items:
            parts.append(part)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    monkeypatch.setattr(batch, "submit_stream", submit)
    whole = batch.Batch(
        read_lead_file(path, needs=FOR_ENRICHMENT),
        *(JobKind.ENRICH, lambda lead: str(lead.company), CompanyResult, Terms(tenant="acme")),
    )
    work = batch.run_batch(cast("Runtime", cast("Any", None)), whole, tmp_path, quiet=True)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work)

    assert len(parts) == 1
