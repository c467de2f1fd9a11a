"""A lead file that is run again, corrected or completed."""

import csv
import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Emasai

HEADER = "company,contact,email,website,country\n"


def _statuses(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["emasai_status"] for row in csv.DictReader(file)]


def _rows(*, site: str) -> str:
    """Return two rows, of a company whose name says nothing and of another, with a *site*."""
    return f"S.A.,Ana Ruiz,{site}.ana@gmail.com,{site}.test,ES\nZara,Eva Gil,{site}@zara.test,,\n"


def test_a_corrected_file_is_judged_by_what_it_says_now(emasai: Emasai, tmp_path: Path) -> None:
    """The website that was asked for is bought; the dry run says so; what is equal is unchanged."""
    leads, output, site = tmp_path / "leads.csv", tmp_path / "out.csv", f"x{uuid4().hex[:8]}"
    corrected = HEADER + _rows(site=site)
    leads.write_text(corrected.replace(f",{site}.test,ES", ",,"), encoding="utf-8")
    first = json.loads(emasai("run", leads, "-o", output, "--json").out)
    before = _statuses(output)

    leads.write_text(corrected, encoding="utf-8")
    foretold = json.loads(emasai("run", leads, "--dry-run", "--json").out)
    second = json.loads(emasai("run", leads, "-o", output, "--json").out)

    counts = ("new", "updated", "unchanged")
    assert [first[name] for name in counts] == [2, 0, 0]
    assert [second[name] for name in counts] == [foretold[name] for name in counts] == [0, 1, 1]
    assert (foretold["to_buy"], second["purchases"]) == (1, 1)
    assert before[0] == "ambiguous"
    assert _statuses(output)[0] in {"opportunity", "discarded"}


@pytest.mark.parametrize(("rule", "updated"), [("keep", 0), ("fill", 0), ("replace", 1)])
def test_who_wins_is_an_option(emasai: Emasai, tmp_path: Path, rule: str, updated: int) -> None:
    """A name that is typed otherwise replaces the stored one, or does not."""
    leads, email = tmp_path / "leads.csv", f"x{uuid4().hex[:8]}@zara.test"
    leads.write_text(f"{HEADER}Zara,Ana Riz,{email},,\n", encoding="utf-8")
    emasai("run", leads, "-o", tmp_path / "out.csv")

    leads.write_text(f"{HEADER}Zara,Ana Ruiz,{email},,\n", encoding="utf-8")
    ended = emasai("run", leads, "--on-conflict", rule, "--json")

    assert json.loads(ended.out)["updated"] == updated


def test_every_person_of_a_company_is_a_lead(emasai: Emasai, tmp_path: Path) -> None:
    """Two people behind one address, and one without an address; who repeats is counted."""
    company = f"Compañía x{uuid4().hex[:8]}"
    people = ("Ana Ruiz,info@", "Luis Gil,info@", "Ana Ruiz,INFO@", "Eva Paz,")
    rows = (f"{company},{each}{'zara.test' * each.endswith('@')},,\n" for each in people)
    leads = tmp_path / "leads.csv"
    leads.write_text(HEADER + "".join(rows), encoding="utf-8")

    ran = json.loads(emasai("run", leads, "--json").out)
    required = emasai("run", leads, "--require", "email")

    assert (ran["rows"], ran["items"], ran["repeated"], ran["invalid_rows"]) == (4, 3, 1, 0)
    assert required.code == 3
    assert "row 5: email is missing" in required.err
