"""A purchase whose buyer dies before it has reported is still the purchase of its job."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import sqlalchemy

from orchestrator.app import build
from orchestrator.identity import company_key
from orchestrator.jobs import Job, JobState
from orchestrator.purchasing import Cost, CostsBy
from orchestrator.settings import load
from tests.support.crew import PATIENCE_S
from tests.support.notifier import FakeNotifier
from tests.support.sandbox import charges, everybody_known
from tests.support.site import Site, new_company, site_of
from tests.support.waiting import wait_until


def test_a_job_pays_for_what_its_dead_worker_has_bought(tmp_path: Path) -> None:
    """Killed after storing and before reporting: spent once, nothing saved, as the ledger has it.

    A lookup of another job is a hit that saves the price.
    """
    company = new_company()
    with site_of(tmp_path) as site, everybody_known(site.stack):
        mortal = site.crew.start("mortal", app="tests.support.dies_reporting")
        job_id = site.submit(company)
        assert mortal.exit_code() == -signal.SIGKILL
        assert site.is_known(company)

        site.crew.start("other")
        wait_until(lambda: _is_done(site, job_id), description="it is done", timeout_s=PATIENCE_S)
        wait_until(lambda: _is_settled(site), description="it is settled", timeout_s=PATIENCE_S)
        job, result, cost = asyncio.run(_told(site, job_id))
        later = site.submit(company)
        wait_until(lambda: _is_done(site, later), description="it is done", timeout_s=PATIENCE_S)
        later_job, later_result, _ = asyncio.run(_told(site, later))
        bill = charges(site.stack.home)

    assert bill == {company_key(company): 1}
    assert (result["source"], result["saved_micros"]) == ("bought", 0)
    assert result["cost_micros"] == job.tally["spent_micros"] == cost.charged_micros > 0
    assert job.tally["saved_micros"] == 0
    assert (cost.purchases, cost.uncertain_micros, cost.served) == (1, 0, 0)
    assert (later_result["source"], later_result["cost_micros"]) == ("hit", 0)
    assert later_job.tally["saved_micros"] == cost.charged_micros


def _is_done(site: Site, job_id: str) -> bool:
    return asyncio.run(_told(site, job_id))[0].state is JobState.DONE


def _is_settled(site: Site) -> bool:
    engine = sqlalchemy.create_engine(f"sqlite:///{site.stack.home / 'emasai.sqlite'}")
    with engine.connect() as connection:
        entered = connection.scalar(sqlalchemy.text("SELECT count(*) FROM purchases"))
    engine.dispose()
    return bool(entered == 1)


async def _told(site: Site, job_id: str) -> tuple[Job, dict[str, Any], Cost]:
    """Return a job, its result, and what the ledger has of its company."""
    async with build(load(**site.stack.variables), notifier=FakeNotifier()) as parts:
        job = await parts.jobs.records.job(job_id)
        assert job is not None
        results = [dict(result) async for _, result in parts.jobs.results.rows(job)]
        costs = await parts.purchasing.costs.by(CostsBy.COMPANY)
    return job, next(iter(results), {}), next(iter(costs), Cost("", 0, 0))
