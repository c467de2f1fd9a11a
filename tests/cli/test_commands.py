"""The commands on good input, as a user sees them."""

import csv
import json
from pathlib import Path
from uuid import uuid4

from tests.cli.conftest import Emasai

HEADER = "company,contact,email\n"


def _leads(path: Path, *companies: str) -> Path:
    lines = [f'"{name}",Ana,ana{i}@x.example\n' for i, name in enumerate(companies)]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def _unheard_of() -> str:
    return f"Compañía x{uuid4().hex[:12]}"


def test_a_second_run_of_the_same_file_buys_nothing_and_says_so(
    emasai: Emasai, tmp_path: Path
) -> None:
    """Companies that were bought once are served from the memo, with the same judgement."""
    name = _unheard_of()
    leads = _leads(tmp_path / "leads.csv", name, name.upper(), f"{name} S.A.")

    first = json.loads(emasai("run", leads, "--json").out)
    second = emasai("run", leads)
    third = json.loads(emasai("run", leads, "--json").out)

    assert first["purchases"] == 1
    assert first["companies"] == 1
    assert "Nothing was bought" in second.out
    assert third["purchases"] == 0
    assert third["spent_micros"] == 0
    assert third["saved_micros"] > 0
    assert third["statuses"] == first["statuses"]


def test_a_dry_run_says_what_would_be_bought_and_buys_nothing(
    emasai: Emasai, tmp_path: Path
) -> None:
    """The estimate counts distinct companies, and nothing is spent."""
    name = _unheard_of()
    leads = _leads(tmp_path / "leads.csv", name, name.lower(), _unheard_of())
    with leads.open("a", encoding="utf-8") as file:
        file.write("S.A.,Ana,ana@gmail.com\n")
        file.write(f"{_unheard_of()},Eva,eva@competitor.example\n")

    preview = json.loads(emasai("run", leads, "--dry-run", "--json").out)
    explained = json.loads(emasai("explain", name, "--json").out)

    assert preview["to_buy"] == 2
    assert preview["ambiguous"] == 1
    assert preview["unneeded"] == 1, "a competitor is discarded for nothing"
    assert preview["again"] == 2, "each has a domain, with which it may be asked for once more"
    assert preview["cost_micros_at_most"] == (2 + 2) * preview["price_micros"]
    assert explained["purchases"] == []


def test_a_cap_on_the_cost_holds_and_ends_with_4(emasai: Emasai, tmp_path: Path) -> None:
    """Purchases stop at the cap; skipped rows say so, stored results are still used."""
    known = _unheard_of()
    emasai("enrich", known)
    leads = _leads(tmp_path / "leads.csv", known, *(_unheard_of() for _ in range(8)))

    ended = emasai("run", leads, "--max-cost", "0.10", "--json", "-o", tmp_path / "out.csv")

    summary = json.loads(ended.out)
    assert ended.code == 4
    assert 0 < summary["spent_micros"] <= 100_000
    assert summary["statuses"]["skipped_budget"] >= 4
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        first, *_ = list(csv.DictReader(file))
    assert first["emasai_status"] != "skipped_budget"


def test_enrich_looks_names_up_and_shows_where_each_value_comes_from(emasai: Emasai) -> None:
    """Evidence is listed with its confidence, its age and its source."""
    ended = emasai("enrich", "Grupo Bimbo", "--json")

    (result,) = json.loads(ended.out)
    assert result["company_key"] == "grupo_bimbo"
    assert result["simulated"] is True
    assert {claim["source_url"] is not None for claim in result["evidence"]["claims"]} == {True}


def test_enrich_takes_a_file_of_companies(emasai: Emasai, tmp_path: Path) -> None:
    """A list needs no contacts; each distinct company is bought once."""
    name = _unheard_of()
    listing = tmp_path / "companies.csv"
    listing.write_text(f"empresa\n{name}\n{name.upper()}\n{_unheard_of()}\n", encoding="utf-8")

    summary = json.loads(emasai("enrich", listing, "--json").out)

    assert summary["rows"] == 3
    assert summary["purchases"] == 2


def test_explain_shows_the_history_and_invalidate_forgets_the_entry(emasai: Emasai) -> None:
    """After an invalidation the next lookup buys again, and both purchases are shown."""
    name = _unheard_of()
    emasai("enrich", name)

    before = json.loads(emasai("explain", f"{name} S.A.", "--json").out)
    forgotten = json.loads(emasai("invalidate", name, "--json").out)
    between = json.loads(emasai("explain", name, "--json").out)
    emasai("enrich", name)
    after = json.loads(emasai("explain", name, "--json").out)

    assert before["legal_form"]
    assert before["entry"]["fresh_for_s"] > 6500 or before["entry"]["status"] == "not_found"
    assert len(before["purchases"]) == 1
    assert forgotten == {"removed": 1}
    assert between["entry"] is None
    assert len(after["purchases"]) == 2


def test_invalidate_by_pattern_forgets_only_matching_keys(emasai: Emasai) -> None:
    """A glob over company keys."""
    tag = uuid4().hex[:12]
    emasai("enrich", f"{tag} Norte", f"{tag} Sur", "Grupo Bimbo")

    forgotten = json.loads(emasai("invalidate", "--pattern", f"{tag}*", "--json").out)
    bimbo = json.loads(emasai("explain", "Grupo Bimbo", "--json").out)

    assert forgotten == {"removed": 2}
    assert bimbo["entry"] is not None


def test_every_command_says_that_data_is_simulated(emasai: Emasai) -> None:
    """The sandbox cannot be mistaken for SurfSense."""
    assert "SurfSense data is simulated" in emasai("enrich", "Grupo Bimbo").err
