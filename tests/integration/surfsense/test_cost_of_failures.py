"""What items have cost whose company could not be researched to the end: the whole path."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.app import build
from orchestrator.dispatch import submit
from orchestrator.embedded.stack import Valkey
from orchestrator.handlers import ItemStatus
from orchestrator.infra.slots import Lane
from orchestrator.jobs import JobKind, NewJob
from orchestrator.settings import load
from tests.integration.surfsense.sandbox_process import SandboxProcess
from tests.support.cases import lead
from tests.support.database import migrated_file
from tests.support.notifier import FakeNotifier

COMPANIES = 10
#: Micro-USD, gone before all of them are researched.
CREDIT_MICROS = 75_000


@pytest.mark.parametrize("kind", [JobKind.PIPELINE, JobKind.ENRICH])
async def test_an_item_that_fails_after_some_steps_names_their_cost(
    own_sandbox: Callable[..., SandboxProcess],
    shared_valkey: Valkey,
    tmp_path: Path,
    kind: JobKind,
) -> None:
    """Its result has what the ledger has; the results' sum is the job's, and the seller's bill."""
    sandbox = own_sandbox(
        *("--world", "real", "--credit-micros", str(CREDIT_MICROS)),
        *("--latency-min-ms", "1", "--latency-max-ms", "2"),
    )
    settings = load(
        REDIS_URL=f"{shared_valkey.url}/1",
        DATABASE_URL=migrated_file(tmp_path),
        SURFSENSE_URL=sandbox.url,
        SURFSENSE_PROTOCOL="workspace",
        SURFSENSE_API_KEY="simulated",
        SURFSENSE_WORKSPACE_ID="1",
        EMASAI_POSTS_PER_MINUTE="6000",
    )
    names = sandbox.catalogue()[:COMPANIES]
    leads = [
        lead(n, company=name, email=f"ana{n}@gmail.com", city="Bilbao")
        for n, name in enumerate(names)
    ]
    async with build(settings, notifier=FakeNotifier()) as runtime:
        await runtime.leads.store.import_leads(leads)
        items = [str(each.id) for each in leads] if kind is JobKind.PIPELINE else names
        job = await submit(runtime, NewJob(kind, tuple(items), "default"))

        await runtime.worker.runner.run_one(Lane.PIPELINE)

        ended = await runtime.jobs.records.job(job.job_id)
        assert ended is not None
        results = [row async for _, row in runtime.jobs.results.rows(ended, with_evidence=False)]
        keys = [each["company_key"] for each in results]
        purchases = {key: await runtime.purchasing.ledger.purchases_of(key) for key in keys}

    entered = {key: sum(each.cost_micros for each in bought) for key, bought in purchases.items()}
    failed = [each for each in results if each["status"] == ItemStatus.SKIPPED_BUDGET]
    assert {each["company_key"]: each["cost_micros"] for each in results} == entered
    assert any(each["cost_micros"] for each in failed)
    assert ended.tally["spent_micros"] == sum(entered.values()) == sandbox.bill()["total_micros"]
