"""Dead letters are tried again by a real worker; the seller's bill has each company once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.support.api_process import running_api
from tests.support.loopback import loopback
from tests.support.stack import working_stack

from .conftest import finished

JOBS = "/api/v1/jobs"
COMPANIES = [f"Requeued Company {n}" for n in range(12)]


@pytest.fixture
def stack(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedStack]:
    """Run Valkey, the sandbox and one worker that tries again soon."""
    monkeypatch.setenv("EMASAI_FAILURE_TTL_S", "0.1")
    with working_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def client(stack: EmbeddedStack) -> Iterator[httpx.Client]:
    """Return a client of an API process on the stack."""
    with running_api(stack.variables, stack.home / "logs" / "api.log") as (_, running):
        yield running


def bill(stack: EmbeddedStack) -> dict[str, Any]:
    """Return what the seller itself says that it has sold, by company key."""
    answer = loopback.get(f"{stack.variables['SURFSENSE_URL']}/__bill").json()
    companies: dict[str, Any] = answer["companies"]
    return companies


def break_surfsense(stack: EmbeddedStack, rate: float) -> None:
    """Have the sandbox refuse that share of all requests."""
    changed = loopback.post(
        f"{stack.variables['SURFSENSE_URL']}/__faults", json={"error_rate": rate}
    )
    assert changed.is_success


def accepted(client: httpx.Client, companies: list[str]) -> str:
    """Return the address of a new job."""
    wanted = {"kind": "enrich", "companies": companies}
    url: str = client.post(JOBS, json=wanted).json()["url"]
    return url


def test_what_failed_is_tried_again_and_bought_once(
    client: httpx.Client, stack: EmbeddedStack
) -> None:
    """Many ask at once, and a part was bought meanwhile: one charge a company."""
    break_surfsense(stack, 1)
    failed = finished(client, accepted(client, COMPANIES))
    assert failed["tally"] == {"failed:service_unavailable": 12, "status:failed": 12}
    assert bill(stack) == {}

    break_surfsense(stack, 0)
    finished(client, accepted(client, COMPANIES[:4]))
    path = f"{JOBS}/{failed['job_id']}/requeue"
    preview = client.post(path, json={"dry_run": True}).json()
    with ThreadPoolExecutor(5) as callers:
        answers = [each.json() for each in callers.map(client.post, [path] * 5)]
    jobs = [job for answer in answers for job in answer["jobs"]]
    done = [finished(client, url) for url in {job["url"] for job in jobs}]

    assert (preview["items"], preview["cost_micros_at_most"]) == (12, 8 * 46_500)
    assert sum(job["total"] for job in done) == 12
    assert sum(job["tally"]["status:enriched"] for job in done) == 12
    assert sum(job["tally"]["source:hit"] for job in done) == 4
    charged = bill(stack)
    assert len(charged) == 12
    assert {sold["purchases"] for sold in charged.values()} == {1}
