"""The Celery tasks by which other services ask for work, sent as they would send them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from celery import Celery

from orchestrator.app import Runtime, build
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from orchestrator.jobs import Job, JobFilter
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.cases import lead
from tests.support.sandbox import charges
from tests.support.stack import working_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Run a whole stack with one worker."""
    with working_stack(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def celery(stack: EmbeddedStack) -> Iterator[Celery]:
    """Return what another service has: an application on the same broker."""
    app = Celery(broker=create_app(load(**stack.variables)).conf.broker_url)
    yield app
    app.close()


@asynccontextmanager
async def _looking_in(stack: EmbeddedStack) -> AsyncIterator[Runtime]:
    settings = load(**stack.variables)
    notifier = CeleryNotifier(create_app(settings))
    async with build(settings, notifier=notifier) as parts:
        yield parts
    await notifier.aclose()


async def test_enrich_buys_each_company_once(stack: EmbeddedStack, celery: Celery) -> None:
    """Spellings of one company, sent twice, cost one purchase."""
    name = f"Compañía x{uuid4().hex[:10]}"
    companies = [name, f"{name} S.A.", name.upper()]

    for _ in range(2):
        celery.send_task("emasai.enrich", kwargs={"companies": companies}, queue="pipeline")

    async with _looking_in(stack) as parts:

        async def is_bought() -> object:
            return await parts.purchasing.ledger.purchases_of(company_key(name))

        await eventually(is_bought, "the company is bought")
    assert charges(stack.home)[company_key(name)] == 1


async def test_run_pipeline_judges_stored_leads(stack: EmbeddedStack, celery: Celery) -> None:
    """A lead that is named by its id ends with a decision."""
    async with _looking_in(stack) as parts:
        stored = lead(1)
        await parts.leads.store.import_leads([stored])

        celery.send_task(
            "emasai.run_pipeline", kwargs={"lead_ids": [str(stored.id)]}, queue="pipeline"
        )

        async def is_judged() -> object:
            return await parts.leads.store.decisions_of(stored.id)

        await eventually(is_judged, "the lead is judged")


async def test_a_text_instead_of_a_list_is_refused(stack: EmbeddedStack, celery: Celery) -> None:
    """It does not become a job of its letters."""
    before = charges(stack.home).total()
    name = f"Compañía x{uuid4().hex[:10]}"

    celery.send_task("emasai.enrich", kwargs={"companies": "Acme"}, queue="pipeline")
    celery.send_task("emasai.enrich", kwargs={"companies": [name]}, queue="pipeline")

    async def is_bought() -> bool:
        return charges(stack.home)[company_key(name)] == 1

    await eventually(is_bought, "the job behind it is done")
    assert charges(stack.home).total() == before + 1


async def test_a_redelivered_task_with_a_key_makes_no_second_job(
    stack: EmbeddedStack, celery: Celery
) -> None:
    """Not even when its work has ended; the same work under another key is another job."""
    tenant, name = uuid4().hex, f"Compañía x{uuid4().hex[:10]}"

    def send(key: str) -> None:
        kwargs = {"companies": [name], "tenant": tenant, "idempotency_key": key}
        celery.send_task("emasai.enrich", kwargs=kwargs, queue="pipeline")

    async with _looking_in(stack) as parts:

        async def ended() -> list[Job]:
            wanted = JobFilter(tenant=tenant)
            return [job async for job in parts.jobs.job_list.newest(wanted) if job.state.is_final]

        async def are_two() -> bool:
            return len(await ended()) >= 2

        send("first")
        await eventually(ended, "the first has ended")
        for _ in range(5):
            send("first")
        send("second")
        await eventually(are_two, "the second has ended")
        assert len(await ended()) == 2
