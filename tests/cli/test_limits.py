"""What a command may spend, and until when, counts wherever it is said; prices are the seller's."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.support.sandbox import everybody_known


def _new_companies(count: int) -> list[str]:
    return [f"Compañía {uuid4().hex[:12]}" for _ in range(count)]


def _bill_micros(stack: EmbeddedStack) -> int:
    url = f"{stack.variables['SURFSENSE_URL']}/__bill"
    total: int = httpx.get(url).raise_for_status().json()["total_micros"]
    return total


@pytest.fixture(params=["enrich", "workspace"])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The protocol that commands speak with the sandbox, which offers both."""
    name: str = request.param
    monkeypatch.setenv("SURFSENSE_PROTOCOL", name)
    monkeypatch.setenv("SURFSENSE_WORKSPACE_ID", "1")
    monkeypatch.setenv("SURFSENSE_API_KEY", "sandbox-key")
    return name


def _foreseen(emasai: Emasai, names: Sequence[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(emasai("enrich", *names, "--dry-run", "--json").out)
    return said


def test_a_dry_run_quotes_what_the_seller_reserves(
    emasai: Emasai, stack: EmbeddedStack, protocol: str
) -> None:
    """A cap of that much buys everything, a micro-dollar less leaves one; the bill stays within."""
    affordable, others = _new_companies(3), _new_companies(3)
    foreseen = _foreseen(emasai, affordable)
    quoted, billed = foreseen["cost_micros_at_most"], _bill_micros(stack)

    with everybody_known(stack):
        bought = emasai("enrich", *affordable, "--max-cost", f"{quoted / 1e6:.6f}")
        billed = _bill_micros(stack) - billed
        # Side by side: each is reserved at its price before the first one has been paid.
        short = emasai("enrich", *others, "--max-cost", f"{(quoted - 1) / 1e6:.6f}", "--json")

    assert foreseen["to_buy"] == foreseen["affordable"] == 3
    assert quoted == 3 * {"enrich": 46_500, "workspace": 5_500}[protocol]
    assert bought.code == 0
    assert 0 < billed <= quoted
    assert short.code == 4
    statuses = [each["status"] for each in json.loads(short.out)]
    assert statuses.count("skipped_budget") == 1


def test_a_requeue_quotes_what_the_seller_reserves(
    emasai: Emasai, tmp_path: Path, protocol: str
) -> None:
    """As the dry run of what had failed did."""
    names = _new_companies(2)
    listing = tmp_path / "companies.csv"
    listing.write_text("\n".join(["empresa", *names, ""]), encoding="utf-8")
    quoted = _foreseen(emasai, names)["cost_micros_at_most"]
    job_id = json.loads(emasai("enrich", listing, "--deadline", "1ms", "--json").out)["job_id"]

    foreseen = json.loads(emasai("jobs", "requeue", "--job", job_id, "--dry-run", "--json").out)

    assert (foreseen["items"], foreseen["cost_micros_at_most"]) == (2, quoted), protocol


def test_names_with_a_cap_of_nothing_buy_nothing(emasai: Emasai, stack: EmbeddedStack) -> None:
    """They end with 4, and the seller has charged nothing."""
    before = _bill_micros(stack)

    ended = emasai("enrich", *_new_companies(2), "--max-cost", "0", "--json")

    assert ended.code == 4
    assert {each["status"] for each in json.loads(ended.out)} == {"skipped_budget"}
    assert _bill_micros(stack) == before


def test_stored_leads_with_a_cap_of_nothing_end_with_4(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path
) -> None:
    """As files and names do."""
    leads = tmp_path / "leads.csv"
    company = _new_companies(1)[0]
    leads.write_text(f"company,contact,email\n{company},Ana,ana@x.example\n", encoding="utf-8")
    in_file = emasai("run", leads, "--max-cost", "0", "--json")
    before = _bill_micros(stack)

    stored = emasai("run", "--where", "status=never-judged", "--max-cost", "0", "--json")

    assert (in_file.code, stored.code) == (4, 4)
    assert json.loads(stored.out)["statuses"]["skipped_budget"] >= 1
    assert _bill_micros(stack) == before


@pytest.mark.parametrize("form", ["names", "file"])
def test_the_tenant_that_is_named_pays(emasai: Emasai, tmp_path: Path, form: str) -> None:
    """Not the one of the settings."""
    tenant, names = f"t{uuid4().hex[:8]}", _new_companies(1)
    listing = tmp_path / "companies.csv"
    listing.write_text("\n".join(["empresa", *names, ""]), encoding="utf-8")

    emasai("enrich", *(names if form == "names" else [listing]), "--tenant", tenant)

    costs = json.loads(emasai("costs", "--by", "tenant", "--json").out)["costs"]
    assert [each["purchases"] for each in costs if each["key"] == tenant] == [1]


def test_a_requeue_takes_a_deadline(emasai: Emasai, tmp_path: Path) -> None:
    """What has not begun by then fails again; it is the new job's."""
    listing = tmp_path / "companies.csv"
    listing.write_text("\n".join(["empresa", *_new_companies(1), ""]), encoding="utf-8")
    job_id = json.loads(emasai("enrich", listing, "--deadline", "1ms", "--json").out)["job_id"]

    again = emasai("jobs", "requeue", "--job", job_id, "--deadline", "30d", "--json")

    (new,) = json.loads(again.out)["jobs"]
    shown = json.loads(emasai("jobs", "show", new["job_id"], "--json").out)
    assert shown["deadline"] > shown["accepted_at"]


@pytest.mark.parametrize(
    "options",
    [
        ("--max-cost", "1e400"),
        ("--max-cost", "NaN"),
        ("--max-cost", "1000000001"),
        ("--max-cost", "0.0000001"),
        ("--max-cost=-0.01",),
        ("--deadline", "9999-12-31T23:59:59-12:00"),
        ("--deadline", "0001-01-01T00:00:00+14:00"),
        ("--deadline", "99999999d"),
        ("--deadline", "2999-01-01"),
        ("--tenant", "a:b"),
        ("--tenant", ""),
        ("--tenant", "x" * 65),
        ("--patience", "99999999999d"),
    ],
)
def test_a_limit_that_is_none_is_a_wrong_usage(emasai: Emasai, options: tuple[str, ...]) -> None:
    """One sentence and exit code 2, before anything is asked for."""
    ended = emasai("enrich", "Acme", *options)

    assert ended.code == 2
    assert ended.err.startswith("emasai: Invalid value")
    assert ended.out == ""
