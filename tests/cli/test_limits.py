"""Limits of commands: caps, deadlines and patience; prices are the seller's."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from tests.cli.conftest import Emasai
from tests.support.loopback import loopback
from tests.support.sandbox import charges, everybody_known, new_name
from tests.support.waiting import wait_until


def _new_companies(count: int) -> list[str]:
    return [new_name("Compañía") for _ in range(count)]


def _bill_micros(stack: EmbeddedStack) -> int:
    url = f"{stack.variables['SURFSENSE_URL']}/__bill"
    total: int = loopback.get(url).raise_for_status().json()["total_micros"]
    return total


@pytest.fixture(params=["enrich", "workspace"])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The protocol that commands speak with the sandbox, which offers both."""
    name: str = request.param
    monkeypatch.setenv("SURFSENSE_PROTOCOL", name)
    monkeypatch.setenv("SURFSENSE_WORKSPACE_ID", "1")
    monkeypatch.setenv("SURFSENSE_API_KEY", "sandbox-key")
    return name


def _preview(emasai: Emasai, names: Sequence[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(emasai("enrich", *names, "--dry-run", "--json").out)
    return said


def test_a_dry_run_quotes_what_the_seller_reserves(
    emasai: Emasai, stack: EmbeddedStack, protocol: str
) -> None:
    """A cap of that much buys everything, and the bill stays within.

    A micro-dollar less than is reserved at first, by `workspace` for one step each, leaves one.
    """
    company_micros = {"enrich": 46_500, "workspace": 17_000}[protocol]
    reserved = 3 * {"enrich": 46_500, "workspace": 5_500}[protocol]
    affordable, others = _new_companies(3), _new_companies(3)
    preview = _preview(emasai, affordable)
    quoted, billed = preview["cost_micros_at_most"], _bill_micros(stack)

    with everybody_known(stack):
        bought = emasai("enrich", *affordable, "--max-cost", f"{quoted / 1e6:.6f}")
        billed = _bill_micros(stack) - billed
        # Side by side: each is reserved at its price before the first one has been paid.
        short = emasai("enrich", *others, "--max-cost", f"{(reserved - 1) / 1e6:.6f}", "--json")

    assert preview["to_buy"] == preview["affordable"] == 3
    assert quoted == 3 * company_micros
    assert bought.code == 0
    assert 0 < billed <= quoted
    assert short.code == 4
    statuses = [each["status"] for each in json.loads(short.out)]
    assert statuses.count("skipped_budget") == 1


def test_a_requeue_quotes_what_the_seller_reserves(
    emasai: Emasai, tmp_path: Path, protocol: str
) -> None:
    """As the dry run of the failed file did."""
    names = _new_companies(2)
    listing = tmp_path / "companies.csv"
    listing.write_text("\n".join(["empresa", *names, ""]), encoding="utf-8")
    quoted = _preview(emasai, names)["cost_micros_at_most"]
    job_id = json.loads(emasai("enrich", listing, "--deadline", "1ms", "--json").out)["job_id"]

    preview = json.loads(emasai("jobs", "requeue", "--job", job_id, "--dry-run", "--json").out)

    assert (preview["items"], preview["cost_micros_at_most"]) == (2, quoted), protocol


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
    """Not the tenant of the settings."""
    tenant, names = f"t{uuid4().hex[:8]}", _new_companies(1)
    listing = tmp_path / "companies.csv"
    listing.write_text("\n".join(["empresa", *names, ""]), encoding="utf-8")

    emasai("enrich", *(names if form == "names" else [listing]), "--tenant", tenant)

    costs = json.loads(emasai("costs", "--by", "tenant", "--json").out)["costs"]
    assert [each["purchases"] for each in costs if each["key"] == tenant] == [1]


def test_a_requeue_takes_a_deadline(emasai: Emasai, tmp_path: Path) -> None:
    """Items that have not begun by then fail again; the deadline is the new job's."""
    listing = tmp_path / "companies.csv"
    listing.write_text("\n".join(["empresa", *_new_companies(1), ""]), encoding="utf-8")
    job_id = json.loads(emasai("enrich", listing, "--deadline", "1ms", "--json").out)["job_id"]

    again = emasai("jobs", "requeue", "--job", job_id, "--deadline", "30d", "--json")

    (new,) = json.loads(again.out)["jobs"]

    def shown() -> dict[str, Any]:
        return dict(json.loads(emasai("jobs", "show", new["job_id"], "--json").out))

    assert shown()["deadline"] > shown()["accepted_at"]
    # It buys: other tests compare the seller's bill.
    wait_until(lambda: shown()["state"] == "done", description="it is done", timeout_s=60)


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
def test_an_invalid_limit_is_a_wrong_usage(emasai: Emasai, options: tuple[str, ...]) -> None:
    """One sentence and exit code 2, before anything is opened."""
    ended = emasai("enrich", "Acme", *options)

    assert ended.code == 2
    assert ended.err.startswith("emasai: Invalid value")
    assert ended.out == ""


def deadline_of(emasai: Emasai, ran: str) -> datetime:
    """Return the deadline of the job that a command has printed."""
    job_id = json.loads(ran)["job_id"]
    shown = json.loads(emasai("jobs", "show", job_id, "--json").out)
    return datetime.fromisoformat(shown["deadline"])


def test_a_file_and_stored_leads_take_a_deadline(emasai: Emasai, tmp_path: Path) -> None:
    """An instant in UTC, or a length of time from now."""
    companies = tmp_path / "companies.csv"
    companies.write_text(f"company\nDeadline {tmp_path.name}\n")

    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()

    enriched = emasai("enrich", companies, "--deadline", f"{tomorrow}T12:00", "--json").out
    judged = emasai("run", "--lead-id", str(uuid4()), "--deadline", "2h", "--json").out

    assert deadline_of(emasai, enriched) == datetime.combine(tomorrow, time(12), UTC)
    left = deadline_of(emasai, judged) - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)


@pytest.mark.parametrize(
    ("deadline", "complaint"),
    [("2020-01-01", "has passed"), ("-1h", "has passed"), ("tomorrow", "neither an instant")],
)
def test_a_wrong_deadline_is_refused_in_a_sentence(
    emasai: Emasai, deadline: str, complaint: str
) -> None:
    """Nothing is accepted."""
    ended = emasai("run", "--lead-id", str(uuid4()), f"--deadline={deadline}")

    assert ended.code == 2
    assert complaint in ended.err


def test_names_that_have_not_begun_by_then_fail(emasai: Emasai, stack: EmbeddedStack) -> None:
    """Nothing is bought for them."""
    name = new_name("Compañía")

    ended = emasai("enrich", name, "--deadline", "1ms", "--json")

    (result,) = json.loads(ended.out)
    assert (ended.code, result["code"]) == (3, "deadline")
    assert charges(stack.home)[company_key(name)] == 0


def test_a_timeout_and_a_second_request_pay_once(emasai: Emasai, stack: EmbeddedStack) -> None:
    """The first command reports it and exits with 3; the next one is answered from the memo."""
    name = new_name("Compañía")

    hasty = emasai("enrich", name, "--patience", "1ms", "--json")
    patient = emasai("enrich", name, "--patience", "2m", "--json")

    (given_up,), (found,) = json.loads(hasty.out), json.loads(patient.out)
    assert (hasty.code, given_up["code"]) == (3, "still_loading")
    assert "nothing is bought twice" in hasty.err
    assert found["source"] == "hit"
    assert charges(stack.home)[company_key(name)] == 1


@pytest.mark.parametrize("patience", ["soon", "-1s", "5 parsecs"])
def test_patience_is_a_length_of_time(emasai: Emasai, patience: str) -> None:
    """Anything else is a wrong usage, in one sentence."""
    ended = emasai("enrich", "Acme", f"--patience={patience}")

    assert ended.code == 2
    assert "is not a length of time" in ended.err


def test_a_file_takes_no_patience(emasai: Emasai, tmp_path: Path) -> None:
    """Files run as jobs, which have no patience."""
    listing = tmp_path / "companies.csv"
    listing.write_text("empresa\nAcme\n", encoding="utf-8")

    assert emasai("enrich", listing, "--patience", "5s").code == 2
