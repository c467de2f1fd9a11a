"""Money as the commands show it: spent, left, and equal to the seller's bill."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.cli.console import dollars
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.purchasing import SOFT_SHARE
from tests.cli.conftest import Emasai
from tests.support.loopback import loopback


def _unheard_of(count: int = 1) -> list[str]:
    return [f"Compañía x{uuid4().hex[:12]}" for _ in range(count)]


def _listing(path: Path, names: list[str]) -> Path:
    path.write_text("\n".join(["empresa", *names, ""]), encoding="utf-8")
    return path


def _budgets(emasai: Emasai) -> dict[str, dict[str, Any]]:
    return {each["account"]: each for each in json.loads(emasai("budget", "--json").out)}


def _today() -> str:
    return f"day:{datetime.now(UTC).date().isoformat()}"


@pytest.mark.parametrize("by", ["day", "tenant", "source", "company"])
def test_the_ledger_equals_the_seller_s_bill(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path, by: str
) -> None:
    """By every grouping: as many purchases and micro-dollars as the seller has charged."""

    def books() -> list[tuple[int, ...]]:
        """Return the purchases so far, also of tests that lose answers, by each account."""
        costs = json.loads(emasai("costs", "--by", by, "--json").out)
        bill = loopback.get(f"{stack.variables['SURFSENSE_URL']}/__bill").raise_for_status().json()
        spent_micros = costs["total"]["spent_micros"]
        return [
            (costs["total"]["purchases"], bill["purchases"]),
            (spent_micros, bill["total_micros"]),
            (sum(cost["spent_micros"] for cost in costs["costs"]), bill["total_micros"]),
            (_budgets(emasai)["global"]["spent_micros"], bill["total_micros"]),
        ]

    before = books()
    emasai("enrich", *_unheard_of(2))
    emasai("enrich", _listing(tmp_path / "companies.csv", _unheard_of(20)))
    after = books()

    for (ours, sellers), (ours_now, sellers_now) in zip(before, after, strict=True):
        assert ours_now - ours == sellers_now - sellers > 0


def test_costs_are_shown_with_their_plot(emasai: Emasai) -> None:
    """A row for each tenant, a line with the sums, bars in between."""
    emasai("enrich", *_unheard_of())

    shown = emasai("costs", "--by", "tenant").out
    said = json.loads(emasai("costs", "--by", "tenant", "--json").out)

    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    for row, cost in [*((each["key"], each) for each in said["costs"]), ("in", said["total"])]:
        figures = [
            f"{cost['purchases']:,}",
            dollars(cost["charged_micros"]),
            dollars(cost["uncertain_micros"]),
            f"{cost['estimated_micros'] / cost['spent_micros']:.0%}",
            f"{cost['served']:,}",
            dollars(cost["saved_micros"]),
        ]
        begin = 2 if row == "in" else 1  # "in all"
        assert rows[row][begin : begin + len(figures)] == figures
    assert "default" in rows
    assert "█" in shown


def test_costs_since_tomorrow_are_none(emasai: Emasai) -> None:
    """The day that is named is the first that counts; a length of time counts back from now."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()

    assert emasai("costs", "--since", tomorrow).out == "Nothing was bought.\n"
    assert "in all" in emasai("costs", "--since", "30d").out
    assert "neither an instant" in emasai("costs", "--since", "yesterday").err


def test_there_is_no_budget_of_an_unknown_job(emasai: Emasai) -> None:
    """A mistyped id is told of, instead of a budget of nothing."""
    ended = emasai("budget", "--job", "nope")

    assert (ended.code, ended.out) == (2, "")
    assert "there is no job nope" in ended.err


def test_explain_shows_which_lookups_a_purchase_has_served(emasai: Emasai) -> None:
    """Later lookups are counted by how they were answered, with what they saved."""
    (name,) = _unheard_of()
    emasai("enrich", name)
    emasai("enrich", name, name.upper())

    (purchase,) = json.loads(emasai("explain", name, "--json").out)["purchases"]
    shown = emasai("explain", name).out

    assert purchase["served"] == {"hit": 2}
    assert purchase["saved_micros"] == 2 * purchase["cost_micros"]
    assert "2 hits" in shown


@pytest.mark.parametrize("scope", ["DAY", "TENANT", "GLOBAL"])
def test_a_hard_cap_stops_buying_and_cached_work_goes_on(
    emasai: Emasai, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    """Stored results are served, the rest says which budget is used up, and the exit code is 4."""
    (known, unknown) = _unheard_of(2)
    emasai("enrich", known)
    monkeypatch.setenv(f"EMASAI_CAP_{scope}_MICROS", "1")
    reasons = {"DAY": "the day", "TENANT": "tenant default", "GLOBAL": "the whole installation"}

    ended = emasai("enrich", known, unknown, "--json")

    served, skipped = json.loads(ended.out)
    assert ended.code == 4
    assert served["source"] == "hit"
    assert skipped["status"] == "skipped_budget"
    assert f"the budget of {reasons[scope]}" in skipped["reason"]["en"]


def test_reaching_the_soft_cap_is_shown_to_people_and_programs(
    emasai: Emasai, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a purchase that takes the share: a sentence, a field, and a diagnosis of the doctor."""
    emasai("enrich", *_unheard_of(6))
    spent = _budgets(emasai)[_today()]["spent_micros"]
    # What is spent so far is just below the share, and the next purchase fits in the rest.
    monkeypatch.setenv("EMASAI_CAP_DAY_MICROS", str(int(spent / SOFT_SHARE) + 1))

    ended = emasai("enrich", *_unheard_of())

    budget = _budgets(emasai)[_today()]
    diagnoses = {each["check"]: each for each in json.loads(emasai("doctor", "--json").out)}
    assert ended.code == 0
    assert f"The budget of {_today()} is nearly used up" in ended.err
    assert budget["soft_cap_reached"] is True
    assert budget["left_micros"] == budget["cap_micros"] - budget["spent_micros"]
    assert diagnoses[f"budget {_today()}"]["level"] == "warning"


def test_a_run_s_own_budget_can_be_seen(emasai: Emasai, tmp_path: Path) -> None:
    """The cap of a job, what it has spent, and what is left of it."""
    listing = _listing(tmp_path / "companies.csv", _unheard_of(6))
    output = tmp_path / "out.csv"

    ended = emasai("enrich", listing, "--max-cost", "0.10", "--json", "-o", output)

    summary = json.loads(ended.out)
    run, *others = summary["budgets"]
    assert ended.code == 4
    assert run["account"] == f"run:{summary['job_id']}"
    assert (run["cap_micros"], run["held_micros"]) == (100_000, 0)
    assert run["spent_micros"] == summary["spent_micros"]
    assert [each["cap_micros"] for each in others] == [None, None, None]
    assert run["account"] in emasai("budget", "--job", summary["job_id"]).out
    with output.open(encoding="utf-8-sig", newline="") as file:
        reasons = {row["emasai_reason"] for row in csv.DictReader(file)}
    assert "Not bought: the budget of this run is used up." in reasons
