"""Companies of one name through a whole stack; SurfSense's own bill says what was bought.

The names and domains are sent by another service, and judged by a worker: two processes that
know of each other by the database alone.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery

from orchestrator.app import Runtime, build
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from orchestrator.identity.resolution import DecisionKind, NewDecision
from orchestrator.jobs import JobFilter
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.sandbox import charges, everybody_known
from tests.support.stack import working_stack

Results = list[dict[str, Any]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Run a whole stack with one worker, on a sandbox that knows every company."""
    with (
        working_stack(tmp_path_factory.mktemp("home")) as running,
        everybody_known(running),
    ):
        yield running


@pytest.fixture
async def parts(stack: EmbeddedStack) -> AsyncIterator[Runtime]:
    """Return the parts of this process, which looks and decides and buys nothing."""
    settings = load(**stack.variables)
    notifier = CeleryNotifier(create_app(settings))
    async with build(settings, notifier=notifier) as parts:
        yield parts
    await notifier.aclose()


class Service:
    """Another service, which asks for companies by task."""

    def __init__(self, stack: EmbeddedStack, parts: Runtime) -> None:
        self._stack = stack
        self._parts = parts

    async def enrich(self, *companies: str | dict[str, str]) -> Results:
        """Have *companies* enriched by the worker, and return their results."""
        tenant = uuid4().hex
        app = Celery(broker=create_app(load(**self._stack.variables)).conf.broker_url)
        kwargs = {"companies": list(companies), "tenant": tenant}
        app.send_task("emasai.enrich", kwargs=kwargs, queue="pipeline")
        app.close()
        found: Results = []

        async def is_done() -> bool:
            async for job in self._parts.jobs.job_list.newest(JobFilter(tenant=tenant)):
                if job.state.is_final:
                    found.extend([result async for _, result in self._parts.jobs.results.rows(job)])
            return bool(found)

        await eventually(is_done, "the worker has done the job")
        return found


@pytest.fixture
def service(stack: EmbeddedStack, parts: Runtime) -> Service:
    """Return another service."""
    return Service(stack, parts)


def _name() -> str:
    return f"Compañía x{uuid4().hex[:10]}"


async def test_each_company_of_a_name_is_charged_once(
    stack: EmbeddedStack, service: Service
) -> None:
    """Two domains and countries, two charges, two evidences; the bare name is charged for none."""
    name = _name()
    spain = {"company": name, "website": "https://www.acme.test", "country": "ES"}
    germany = {"company": f"{name} GmbH", "website": "globex.test", "country": "Alemania"}

    results = await service.enrich(name, spain, germany, {**spain, "website": "acme.test"})

    key = company_key(name)
    asked = [key, company_key(f"{name} GmbH (globex.test)")]
    bare, first, second, again = results
    assert [charges(stack.home)[each] for each in asked] == [1, 1]
    assert (bare["status"], bare["reason"]["en"].count("acme.test")) == ("ambiguous", 1)
    assert len(bare["candidates"]) == 2
    assert [first["company_key"], second["company_key"]] == [key, f"{key}~globex.test"]
    assert first["evidence"] != second["evidence"]
    assert again["evidence"] == first["evidence"]
    assert (second["website"], second["country"]) == ("globex.test", "DE")


async def test_a_website_more_or_less_makes_no_second_company(
    stack: EmbeddedStack, service: Service
) -> None:
    """One charge, whether one list names both or one after the other does."""
    name = _name()

    results = await service.enrich(name, {"company": name, "website": "acme.test"})
    results += await service.enrich({"company": name.upper(), "country": "ES"})

    assert {result["company_key"] for result in results} == {company_key(name)}
    assert charges(stack.home)[company_key(name)] == 1


async def test_a_split_takes_effect_in_a_running_worker(
    stack: EmbeddedStack, service: Service, parts: Runtime
) -> None:
    """Decided in this process, obeyed by the other one: what it knows is served no more."""
    name = _name()
    (before,) = await service.enrich(name)
    split = NewDecision(DecisionKind.SPLIT, company_key(name), None, "ana", "two companies")
    await parts.identity.decisions.enter(split)

    async def is_ambiguous() -> bool:
        (result,) = await service.enrich(name)
        return bool(result["status"] == "ambiguous")

    await eventually(is_ambiguous, "the worker obeys")
    assert before["source"] == "bought"
    assert charges(stack.home)[company_key(name)] == 1


async def test_merged_companies_are_charged_once(
    stack: EmbeddedStack, service: Service, parts: Runtime
) -> None:
    """What was bought under the one name answers the other one."""
    old, new = _name(), _name()
    await service.enrich(old)
    merge = NewDecision(DecisionKind.MERGE, company_key(old), company_key(new), "ana", "renamed")
    await parts.identity.decisions.enter(merge)
    found: Results = []

    async def is_one() -> bool:
        found[:] = await service.enrich(old)
        return bool(found[0]["company_key"] == company_key(new))

    await eventually(is_one, "the worker obeys")
    found += await service.enrich(new)

    assert [each["source"] for each in found] == ["hit", "hit"]
    assert found[0]["evidence"] == found[1]["evidence"]
    assert found[0]["evidence"] is not None
    assert [charges(stack.home)[company_key(each)] for each in (old, new)] == [1, 0]
