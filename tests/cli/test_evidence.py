"""`--show-evidence` and `explain`: what was found, what each step cost, and why no more."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from orchestrator.embedded.sandbox import Behaviour
from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.support.waiting import wait_until


@pytest.fixture
def company(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A company of the real world, whose steps are bought by `workspace`."""
    monkeypatch.setenv("SURFSENSE_PROTOCOL", "workspace")
    monkeypatch.setenv("SURFSENSE_WORKSPACE_ID", "1")
    monkeypatch.setenv("SURFSENSE_API_KEY", "sandbox-key")
    url = stack.variables["SURFSENSE_URL"]
    calm = {"world": "real", "wall_rate": 0, "searxng_rate": 0}
    before = httpx.post(f"{url}/__faults", json={}).raise_for_status().json()
    httpx.post(f"{url}/__faults", json=calm).raise_for_status()
    names = httpx.get(f"{url}/__catalogue").raise_for_status().json()
    truths = (
        httpx.get(f"{url}/__truth", params={"company": each["company"]}).json() for each in names
    )
    yield next(
        f"{truth['name']}"
        for truth in truths
        if truth["findable"] and not truth["namesakes"] and truth["stated"].get("website")
    )
    httpx.post(f"{url}/__faults", json={name: before[name] for name in calm}).raise_for_status()


def test_the_evidence_is_shown_step_by_step_and_again_afterwards(
    emasai: Emasai, company: str
) -> None:
    """The steps add up to the price, and showing buys nothing.

    `explain` says the same from the entry, and from the archive when that has gone.
    """
    (bought,) = json.loads(emasai("enrich", company, "--show-evidence", "--json").out)
    (again,) = json.loads(emasai("enrich", company, "--show-evidence", "--json").out)
    shown = emasai("enrich", company, "--show-evidence").out

    research = bought["research"]
    costs = [step["cost_micros"] for step in research["steps"]]
    assert bought["cost_micros"] == sum(costs) == research["cost_micros"] > 0
    assert all(step["bounds"]["lowest"] <= step["score"] for step in research["steps"])
    assert {*(each["step"] for each in research["steps"]), *research["not_bought"]} == {
        *("maps", "search", "crawl", "jobs")
    }
    assert research["stopped"] in {"decided", "exhausted", "capped"}
    assert all(each["reasons"] for each in research["sources"] if each["agreement"] == "agree")
    assert (again["source"], again["research"]) == ("hit", research)
    assert "Google Maps" in shown
    assert "Nothing more is bought" in shown

    def all_settled() -> bool:
        purchases = json.loads(emasai("explain", company, "--json").out)["purchases"]
        return len(purchases) == len(costs)

    wait_until(all_settled, description="the steps are in the ledger")
    explained = json.loads(emasai("explain", company, "--json").out)
    emasai("invalidate", company)
    archived = json.loads(emasai("explain", company, "--json").out)
    printed = emasai("explain", company).out

    assert explained["research"] == research
    assert archived["entry"] is None
    assert archived["research"]["is_current"] is False
    assert [each["step"] for each in archived["research"]["steps"]] == [
        each["step"] for each in research["steps"]
    ]
    assert archived["research"]["values"]
    assert "From the archive" in printed


def test_one_answer_without_steps_is_shown_with_what_there_is(emasai: Emasai) -> None:
    """By the protocol `enrich` the seller gives no steps, and that is said."""
    name = f"Compañía x{uuid4().hex[:12]}"

    (said,) = json.loads(emasai("enrich", name, "--show-evidence", "--json").out)
    shown = emasai("enrich", name, "--show-evidence").out

    assert said["research"]["has_steps"] is False
    assert len(said["research"]["values"]) == len(said["evidence"]["claims"]) > 0
    assert "it names no steps" in shown


def test_show_evidence_is_for_names(
    emasai: Emasai, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file has result columns instead."""
    listing = tmp_path_factory.mktemp("names") / "companies.csv"
    listing.write_text("empresa\nAcme\n", encoding="utf-8")

    ended = emasai("enrich", listing, "--show-evidence")

    assert ended.code == 2
    assert "--show-evidence is for names only" in ended.err


def test_the_behaviours_that_the_tests_change_exist() -> None:
    """The fixture puts back what it has changed."""
    assert {"world", "wall_rate", "searxng_rate"} <= set(Behaviour.model_fields)
