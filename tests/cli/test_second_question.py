"""A website settles which company of an ambiguous name is meant, as the seller's bill shows it."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.embedded.sandbox.fake_data import invent
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from orchestrator.infra.clock import utc_now
from tests.cli.conftest import Emasai
from tests.support.loopback import loopback

#: What `EMASAI_PRICE_MICROS` is by default: reserved for each question.
PRICE = 46_500
#: What the sandbox charges for an answer that names several companies.
AMBIGUOUS_MICROS = 11_000
RATES = {"not_found_rate": 0.0, "ambiguous_rate": 0.5}
SITE = "cobre.test"


@pytest.fixture(autouse=True)
def _half_of_all_names_are_ambiguous(stack: EmbeddedStack) -> Iterator[None]:
    url = f"{stack.variables['SURFSENSE_URL']}/__faults"
    loopback.post(url, json=RATES).raise_for_status()
    yield
    loopback.post(url, json=dict.fromkeys(RATES, 0)).raise_for_status()


def _answer_to(name: str) -> str:
    return str(invent(name, company_key(name), utc_now(), **RATES)["estado"])


def _name(with_domain: str) -> str:
    """Return a name that is ambiguous alone, and answered as *with_domain* with the domain."""
    while True:
        name = f"Compañía x{uuid4().hex[:12]}"
        if (_answer_to(name), _answer_to(f"{name} ({SITE})")) == ("ambigua", with_domain):
            return name


def _books(emasai: Emasai, stack: EmbeddedStack) -> list[tuple[int, int]]:
    """Return how many purchases there are, and micro-dollars: by the ledger, and by the bill."""
    total = json.loads(emasai("costs", "--json").out)["total"]
    bill = loopback.get(f"{stack.variables['SURFSENSE_URL']}/__bill").raise_for_status().json()
    return [
        (total["purchases"], total["spent_micros"]),
        (bill["purchases"], bill["total_micros"]),
    ]


def _since(before: list[tuple[int, int]], now: list[tuple[int, int]]) -> set[tuple[int, int]]:
    return {(n - m, b - a) for (m, a), (n, b) in zip(before, now, strict=True)}


def _enrich(emasai: Emasai, name: str, *options: str) -> tuple[int, dict[str, Any]]:
    ended = emasai("enrich", name, "--website", f"www.{SITE}", *options, "--json")
    (result,) = json.loads(ended.out)
    return ended.code, result


def test_the_ledger_has_both_questions_of_the_bill(emasai: Emasai, stack: EmbeddedStack) -> None:
    """The dry run quotes both, the result costs both, and the second lookup costs nothing."""
    name, before = _name("encontrada"), _books(emasai, stack)
    quote = emasai("enrich", name, "--website", SITE, "--dry-run", "--json")

    _, bought = _enrich(emasai, name)
    _, again = _enrich(emasai, name)

    (told,) = _since(before, _books(emasai, stack))
    assert json.loads(quote.out)["cost_micros_at_most"] == 2 * PRICE
    assert (bought["status"], bought["source"]) == ("enriched", "bought")
    assert told == (2, bought["cost_micros"])
    assert AMBIGUOUS_MICROS < bought["cost_micros"] <= 2 * PRICE
    assert (again["status"], again["source"], again["cost_micros"]) == ("enriched", "hit", 0)
    assert again["saved_micros"] == bought["cost_micros"]
    purchases = json.loads(emasai("explain", name, "--json").out)["purchases"]
    assert [each["company"] for each in purchases] == [name, f"{name} ({SITE})"]


def test_the_cap_holds_for_the_second_question(emasai: Emasai, stack: EmbeddedStack) -> None:
    """The command ends as stopped by the budget; without the cap the rest is bought."""
    name, before = _name("encontrada"), _books(emasai, stack)

    code, capped = _enrich(emasai, name, "--max-cost", str(PRICE / 1_000_000))
    at_cap = _since(before, _books(emasai, stack))
    _, full = _enrich(emasai, name)

    (told,) = _since(before, _books(emasai, stack))
    assert (code, capped["status"]) == (4, "skipped_budget")
    assert at_cap == {(1, AMBIGUOUS_MICROS)}
    assert capped["cost_micros"] == AMBIGUOUS_MICROS
    assert full["status"] == "enriched"
    assert told == (2, AMBIGUOUS_MICROS + full["cost_micros"])


def test_a_website_that_was_given_is_not_asked_for(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both answers are ambiguous: in text, JSON and files, in English and Spanish."""
    name, other, before = _name("ambigua"), _name("ambigua"), _books(emasai, stack)
    leads = tmp_path / "leads.csv"
    row = f"{other},Ana,ana@gmail.com,{SITE}"
    leads.write_text(f"company,contact,email,website\n{row}\n", encoding="utf-8")

    english = emasai("enrich", name, "--website", SITE).out
    _, result = _enrich(emasai, name)
    summary = json.loads(emasai("run", leads, "--json").out)
    monkeypatch.setenv("EMASAI_LANGUAGE", "es")
    spanish = emasai("enrich", name, "--website", SITE).out

    with (tmp_path / "leads.out.csv").open(encoding="utf-8-sig", newline="") as file:
        (written,) = csv.DictReader(file)
    assert summary["spent_micros"] == 2 * AMBIGUOUS_MICROS
    assert _since(before, _books(emasai, stack)) == {(4, 4 * AMBIGUOUS_MICROS)}
    assert result["status"] == written["emasai_status"] == "ambiguous"
    for advice in (english, result["reason"]["en"], written["emasai_reason"]):
        assert "its domain does not settle which; write the full name" in advice
        assert "website" not in advice
    for advice in (spanish, result["reason"]["es"]):
        assert "su dominio no aclara cuál; escriba el nombre completo" in advice
        assert "página web" not in advice
