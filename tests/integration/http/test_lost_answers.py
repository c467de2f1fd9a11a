"""Answers that are lost, over HTTP: bought again only on request, compared with the bill."""

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.support.loopback import loopback
from tests.support.sandbox import charges, everybody_known, new_name

from .conftest import finished

JOBS = "/api/v1/jobs"
#: What a purchase is entered with while its cost is unknown.
PRICE = 46_500


@pytest.fixture(autouse=True)
def _losing(stack: EmbeddedStack) -> Iterator[None]:
    with everybody_known(stack):
        lose(stack, 1)
        yield
        lose(stack, 0)


def lose(stack: EmbeddedStack, rate: float) -> None:
    """Have the sandbox charge that share of all requests, and reset their connections."""
    url = f"{stack.variables['SURFSENSE_URL']}/__faults"
    loopback.post(url, json={"reset_rate": rate}).raise_for_status()


def bought(stack: EmbeddedStack, names: list[str]) -> list[int]:
    """Return how often the seller has charged each of *names*."""
    charged = charges(stack.home)
    return [charged[name.lower().replace(" ", "_")] for name in names]


def unheard_of(count: int) -> list[str]:
    """Return names of companies that were never asked for."""
    return [new_name("Perdida") for _ in range(count)]


def done(client: httpx.Client, companies: list[str], **said: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the status of a job of *companies*, with its results, when it is done."""
    answer = client.post(JOBS, json={"kind": "enrich", "companies": companies, **said})
    return finished(client, answer.raise_for_status().json()["url"])


@pytest.mark.timeout(180)
def test_lost_answers_are_bought_again_where_their_reason_is_named(
    client: httpx.Client, stack: EmbeddedStack
) -> None:
    """Many ask at once, and each company is bought once more in all."""
    names = unheard_of(8)
    lost, again = done(client, names), done(client, names)
    path = f"{JOBS}/{lost['job_id']}/requeue"
    told = [each["result"] for each in lost["results"]]
    as_csv = client.get(f"{JOBS}/{lost['job_id']}/results", headers={"Accept": "text/csv"}).text

    unnamed = client.post(path).json()
    lose(stack, 0)
    before = bought(stack, names)
    asked = {"codes": ["answer_lost"]}
    with ThreadPoolExecutor(5) as callers:
        answers = list(callers.map(lambda _: client.post(path, json=asked).json(), range(5)))
    urls = {job["url"] for answer in answers for job in answer["jobs"]}
    jobs = [finished(client, url) for url in urls]

    assert lost["tally"] == again["tally"] == {"failed:answer_lost": 8, "status:failed": 8}
    assert (lost["buy_again"], lost["spent_micros"]) == (False, 0)
    assert [(each["code"], each["uncertain_micros"]) for each in told] == [
        ("answer_lost", PRICE)
    ] * 8
    rows = list(csv.DictReader(as_csv.splitlines()))
    assert {row["uncertain_micros"] for row in rows} == {str(PRICE)}
    assert (unnamed["items"], unnamed["left"]) == (0, {"answer_lost": 8})
    assert before == [1] * 8
    assert sum(job["total"] for job in jobs) == 8
    assert all(job["buy_again"] for job in jobs)
    assert sum(job["tally"]["status:enriched"] for job in jobs) == 8
    assert bought(stack, names) == [2] * 8


@pytest.mark.timeout(180)
def test_many_requests_to_buy_again_buy_once_each_at_most(
    client: httpx.Client, stack: EmbeddedStack
) -> None:
    """Of a company whose answers go on being lost; once one has come, none buys any more."""
    (name,) = unheard_of(1)
    spellings = [name, name.upper(), name.title(), f" {name}", f"{name} ", name.lower()]
    done(client, [name])
    done(client, [name], buy_again=True)
    one_request = bought(stack, [name])

    def ask(spelling: str) -> dict[str, Any]:
        return done(client, [spelling], buy_again=True)

    with ThreadPoolExecutor(len(spellings)) as callers:
        list(callers.map(ask, spellings))
    (in_vain,) = bought(stack, [name])
    lose(stack, 0)
    with ThreadPoolExecutor(len(spellings)) as callers:
        found = list(callers.map(ask, spellings))

    assert one_request == [2]
    assert 3 <= in_vain <= 2 + len(spellings)
    assert bought(stack, [name]) == [in_vain + 1]
    assert [job["tally"].get("status:enriched") for job in found] == [1] * len(spellings)
    assert sum(job["tally"].get("source:bought", 0) for job in found) == 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["body", "address"])
def test_one_lead_is_bought_again_for_whoever_waits_for_it(
    client: httpx.Client, stack: EmbeddedStack, place: str
) -> None:
    """`enriquecer-lead` takes it, and a lead without it stays barred."""
    (name,) = unheard_of(1)
    lead = {"empresa": name, "contacto": "Ana", "correo": f"ana@{uuid4().hex[:12]}.example"}
    door, waiting = "/api/v1/orchestrator/enriquecer-lead", {"wait_s": 25}

    lost = client.post(door, json=lead, params=waiting).json()
    lose(stack, 0)
    barred = client.post(door, json=lead, params=waiting).json()
    body = {"buy_again": True} if place == "body" else {}
    address = {} if body else {"buy_again": "true"}
    asked = client.post(door, json={**lead, **body}, params={**waiting, **address}).json()

    assert [each["result"]["code"] for each in (lost, barred)] == ["answer_lost"] * 2
    assert asked["result"]["source"] == "bought"
    assert bought(stack, [name]) == [2]
