"""The Python front door against an embedded stack: the examples of its page, and its promises."""

import ast
import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import CodeType
from typing import Any, cast
from uuid import UUID

import pytest

from orchestrator import (
    ConfigurationError,
    InvalidRequest,
    JobHandle,
    Orchestrator,
    SyncOrchestrator,
)
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.jobs import JobGone, JobState
from orchestrator.messaging.app import TASK_ENRICH, TASK_RUN_PIPELINE
from tests.support.project import ROOT
from tests.support.stack import working_stack

_BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)
EXAMPLES = _BLOCK.findall((ROOT / "docs/python.md").read_text("utf-8"))
LEAD = {"company": "Acme", "contact": "Ana Ruiz", "email": "ana@acme.example"}
LEAD_ID = UUID("48d70cec-b179-5fe2-8c3e-6f2b9c0e6a11")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Return a stack with one worker, for all tests of this module."""
    with working_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(autouse=True)
def _environment(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment configure that stack, as a service's does."""
    for name, value in stack.variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("program", "printed"), EXAMPLES)
def test_an_example_prints_what_its_page_says(
    program: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Top-level `await` is meant as in `python -m asyncio`."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(program, "docs/python.md", "exec", flags=flags)

    result = eval(code, {"app": _Sends()})  # noqa: S307 - our own page
    if asyncio.iscoroutine(result):
        asyncio.run(result)

    assert capsys.readouterr().out.splitlines() == printed.splitlines()


class _Sends:
    """Stands for the Celery application of another service."""

    def send_task(self, name: str, *, kwargs: dict[str, object], queue: str) -> None:
        assert name in {TASK_ENRICH, TASK_RUN_PIPELINE}
        assert kwargs
        assert queue == "pipeline"


async def test_a_job_of_python_is_a_job_of_every_entry_point() -> None:
    """Found by its id, listed, steered; equal work is the same job while it is not finished."""
    async with Orchestrator.from_env() as emasai:
        names = (f"Minas {n} SA" for n in range(1_200))
        job = await emasai.submit(names, tenant="python", about="a generator")
        await job.pause()
        again = await emasai.submit([f"Minas {n} SA" for n in range(1_200)], tenant="python")

        assert again.id == job.id
        assert [each.id async for each in emasai.jobs(tenant="python")] == [job.id]
        assert (await emasai.job(job.id)).job.about == "a generator"
        assert (await job.cancel()).state in {JobState.CANCELLING, JobState.CANCELLED}
        assert (await job.wait(MINUTE)).state is JobState.CANCELLED
        with pytest.raises(JobGone):
            await emasai.job("0" * 32)


async def test_results_come_in_order_while_the_job_runs() -> None:
    """The caller need not wait for the end; every row has its result, in its place."""
    names = [f"Cobre {n} SA" for n in range(120)]
    async with Orchestrator.from_env() as emasai:
        job = await emasai.submit(names)

        results = [result.company async for result in job.results(evidence=False)]

        assert results == names


async def test_leads_of_any_form_are_run() -> None:
    """Mappings in either language, and ids of stored leads; the same lead is stored once."""
    async with Orchestrator.from_env() as emasai:
        spanish = {"empresa": "Acme", "contacto": "Ana Ruiz", "correo": "ana@acme.example"}
        job = await emasai.run_leads([LEAD, spanish])
        first, second = [result async for result in job.results()]
        stored = await emasai.run_leads([UUID(first.lead_id)], idempotency_key="again")
        (third,) = [result async for result in stored.results()]

        assert first.lead_id == second.lead_id == third.lead_id


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"companies": [""]}, r"companies\[0\] must have at least 1"),
        ({"companies": ["Acme", {"name": "x"}]}, r"companies\[1\] must be a text or an object"),
        ({"companies": ["a\x00b"]}, r"companies\[0\] contains control characters"),
        ({"companies": ["Acme"], "max_cost_micros": -1}, "max_cost_micros must be greater"),
        ({"companies": ["Acme"], "tenant": "a:b"}, "tenant must match"),
        ({"companies": ["Acme"], "deadline": datetime(2000, 1, 1, tzinfo=UTC)}, "has passed"),
        ({"companies": ["Acme"], "idempotency_key": ""}, "idempotency_key must have at least 1"),
    ],
)
async def test_what_no_entry_point_accepts_is_refused(
    arguments: dict[str, Any], problem: str
) -> None:
    """With a sentence that names the argument; nothing is accepted."""
    async with Orchestrator.from_env() as emasai:
        with pytest.raises(InvalidRequest, match=problem):
            await emasai.submit(**arguments)


@pytest.mark.parametrize(
    ("lead", "problem"),
    [
        ({"company": "Acme"}, r"leads\[1\]\.contact is missing"),
        ({**LEAD, "email": "no-address"}, r"leads\[1\]\.email "),
        ({**LEAD, "salary": "1"}, r"leads\[1\]\.salary is not known"),
        ({**LEAD, "phone": 5}, r"leads\[1\]\.phone must be text"),
    ],
)
async def test_a_faulty_lead_is_refused(lead: dict[str, object], problem: str) -> None:
    """With its number and the field."""
    async with Orchestrator.from_env() as emasai:
        with pytest.raises(InvalidRequest, match=problem):
            await emasai.run_leads([LEAD, lead])


def test_threads_share_one_sync_orchestrator() -> None:
    """As the threads of a Django server do; the company is bought once for all of them."""
    with SyncOrchestrator() as emasai, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(emasai.enrich, ["Plata y Oro SA"] * 8))
        history = emasai.explain("Plata y Oro SA")
        shown = emasai.evidence("Plata y Oro SA")

    assert {result.purchase_id for result in found} == {found[0].purchase_id}
    assert len(history.purchases) == 1
    assert shown is not None
    assert shown == history.shown
    assert not [each for each in threading.enumerate() if each.name == "emasai-orchestrator"]


def test_a_sync_job_is_followed_from_a_thread() -> None:
    """Its results stop to be read when the caller stops; failed items are listed."""
    with SyncOrchestrator() as emasai:
        job = emasai.submit([f"Zinc {n} SA" for n in range(30)])
        first = next(iter(job.results()))
        done = job.wait(MINUTE)

        assert first.company == "Zinc 0 SA"
        assert (done.state, done.done) == (JobState.DONE, 30)
        assert list(job.failed()) == []
        assert emasai.job(job.id).job == done
        assert emasai.forget("Zinc 1 SA") == 1


def test_a_closed_sync_orchestrator_says_so() -> None:
    """In a sentence, and does not hang."""
    emasai = SyncOrchestrator()
    emasai.close()

    with pytest.raises(RuntimeError, match="open one in each process"):
        emasai.enrich("Acme")


@pytest.mark.parametrize("one", ["Acme", {"company": "Acme"}, LEAD_ID])
async def test_one_company_in_place_of_a_list_is_refused(one: object) -> None:
    """Its letters, or the names of its fields, would be looked up and paid for."""
    async with Orchestrator.from_env() as emasai:
        with pytest.raises(InvalidRequest, match="Give a list"):
            await emasai.submit(cast("list[str]", one))
        with pytest.raises(InvalidRequest, match="Give a list"):
            await emasai.enrich_all(cast("list[str]", one))


def test_results_of_one_job_may_be_the_companies_of_the_next() -> None:
    """A lazy iterable is read in the caller's thread: the loop's would wait for itself."""
    with SyncOrchestrator() as emasai:
        first = emasai.submit(["Cobre Uno SA", "Cobre Dos SA"])

        second = emasai.submit(result.company for result in first.results())

        assert second.wait(MINUTE).done == 2


def test_closing_ends_a_call_that_waits_in_another_thread() -> None:
    """It is cancelled, and does not hang; closing again does nothing."""
    emasai = SyncOrchestrator()
    called = threading.Event()

    async def forever() -> None:
        called.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(emasai._loop.call, forever())  # noqa: SLF001 - a call of any method
        assert called.wait(60)
        emasai.close()
        emasai.close()

        with pytest.raises(CancelledError):
            waiting.result(60)


def test_the_host_s_standard_output_is_left_alone() -> None:
    """Lines go to standard error, an exception without the values of its frames."""
    program = (
        "import asyncio, structlog; from orchestrator import Orchestrator\n"
        "async def main():\n"
        "    secret = 'VALUE-OF-A-FRAME'\n"
        "    async with Orchestrator.from_env():\n"
        "        try: raise ValueError(secret)\n"
        "        except ValueError: structlog.get_logger('orchestrator.x').exception('failed')\n"
        "asyncio.run(main())\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout == b""
    assert b"failed" in done.stderr
    assert b"VALUE-OF-A-FRAME" not in done.stderr


async def test_what_is_no_id_of_a_job_is_no_job() -> None:
    """Also where Redis has a key of that name; an instant without a zone is refused."""
    async with Orchestrator.from_env() as emasai:
        with pytest.raises(JobGone):
            await emasai.job("active")
        with pytest.raises(InvalidRequest, match="since"):
            await emasai.requeue(since=datetime(2026, 1, 1))  # noqa: DTZ001 - the fault


def test_a_wrong_setting_leaves_no_thread() -> None:
    """The error names it, as it does for commands."""
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        SyncOrchestrator(DATABASE_URL="none")

    assert not [each for each in threading.enumerate() if each.name == "emasai-orchestrator"]


def test_importing_the_package_imports_nothing_else() -> None:
    """`import orchestrator` costs nothing until a name of it is used."""
    program = (
        "import sys; before = set(sys.modules); import orchestrator; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.decode().strip() == "['orchestrator']"


def test_every_name_of_the_front_door_exists() -> None:
    """And is documented."""
    import orchestrator  # noqa: PLC0415 - all of it is the subject

    assert all(getattr(orchestrator, name).__doc__ for name in orchestrator.__all__)
    assert set(orchestrator.__all__) == set(dir(orchestrator))
    assert issubclass(JobHandle, object)
