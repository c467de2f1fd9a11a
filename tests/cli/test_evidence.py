"""`--show-evidence` and `explain`: what was found, what each step cost, and why no more."""

import csv
import json
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.sandbox import Behaviour
from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.support.loopback import loopback
from tests.support.waiting import wait_until

COLUMNS = tuple(
    f"emasai_{name}"
    for name in (
        *("website", "sector", "size", "country", "phone", "email"),
        *("confidence", "source_urls"),
    )
)

_NUMBERS = count()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def company(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A company of the real world for each test, whose steps are bought by `workspace`."""
    monkeypatch.setenv("SURFSENSE_PROTOCOL", "workspace")
    monkeypatch.setenv("SURFSENSE_WORKSPACE_ID", "1")
    monkeypatch.setenv("SURFSENSE_API_KEY", "sandbox-key")
    url = stack.variables["SURFSENSE_URL"]
    calm = {"world": "real", "wall_rate": 0, "searxng_rate": 0}
    before = loopback.post(f"{url}/__faults", json={}).raise_for_status().json()
    loopback.post(f"{url}/__faults", json=calm).raise_for_status()
    names = loopback.get(f"{url}/__catalogue").raise_for_status().json()
    truths = (
        loopback.get(f"{url}/__truth", params={"company": each["company"]}).json() for each in names
    )
    suitable = (
        str(truth["name"])
        for truth in truths
        if truth["findable"] and not truth["namesakes"] and truth["stated"].get("website")
    )
    yield next(islice(suitable, next(_NUMBERS), None))
    loopback.post(f"{url}/__faults", json={name: before[name] for name in calm}).raise_for_status()


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
        *("maps", "search", "crawl", "pages", "jobs")
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


def test_show_evidence_is_for_names(emasai: Emasai, tmp_path: Path) -> None:
    """A file has result columns instead."""
    listing = tmp_path / "companies.csv"
    listing.write_text("empresa\nAcme\n", encoding="utf-8")

    ended = emasai("enrich", listing, "--show-evidence")

    assert ended.code == 2
    assert "--show-evidence is for names only" in ended.err


def test_the_behaviours_that_the_tests_change_exist() -> None:
    """The fixture puts back what it has changed."""
    assert {"world", "wall_rate", "searxng_rate"} <= set(Behaviour.model_fields)


def test_result_files_have_what_is_known_of_each_company(
    emasai: Emasai, tmp_path: Path, company: str
) -> None:
    """For companies and for leads that know as much of them, and on every row of a company."""
    companies, leads = tmp_path / "companies.csv", tmp_path / "leads.csv"
    companies.write_text(f'empresa\n"{company}"\n', encoding="utf-8")
    leads.write_text(
        f'company,contact,email\n"{company}",Ana,ana@gmail.com\n"{company}",Eva,eva@gmail.com\n',
        encoding="utf-8",
    )
    emasai("enrich", company)  # in this process, which speaks `workspace`

    enriched, ran = emasai("enrich", companies), emasai("run", leads)

    assert (enriched.code, ran.code) == (0, 0)
    (row,) = _rows(tmp_path / "companies.out.csv")
    first, second = _rows(tmp_path / "leads.out.csv")
    known = [name for name in row if name in COLUMNS]
    assert known == list(COLUMNS)
    assert row["emasai_country"].isalpha()
    assert 0 < float(row["emasai_confidence"]) <= 1
    assert row["emasai_source_urls"].startswith("http")
    assert [first[name] for name in known] == [row[name] for name in known]
    assert [second[name] for name in known] == [row[name] for name in known]
