"""A lead file that is run again, corrected or completed."""

import csv
import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Emasai

HEADER = "company,contact,email,website,country\n"


def _statuses(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
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


def test_an_address_that_comes_later_belongs_to_the_lead(emasai: Emasai, tmp_path: Path) -> None:
    """Not to a second one; a namesake is one, and the dry run, the row and the screen say so."""
    leads, output, name = tmp_path / "leads.csv", tmp_path / "out.csv", f"x{uuid4().hex[:8]}"
    address = f"ana@{name}.test"

    def file(*emails: str) -> Path:
        rows = (f"{name},Ana Ruiz,{email},,\n" for email in emails)
        leads.write_text(HEADER + "".join(rows), encoding="utf-8")
        return leads

    ran = [
        json.loads(emasai("run", file(email), "-o", output, "--json").out)
        for email in ("", address, "", address)
    ]
    foretold = emasai("run", file(address, f"x{address}"), "--dry-run")
    ended = emasai("run", leads, "-o", output)

    counts = [[each[name] for name in ("new", "updated", "unchanged")] for each in ran]
    assert counts == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    warning = "row 3: contact 'Ana Ruiz' may be a person who is stored already"
    assert warning in foretold.err
    assert "1 new, 1 unchanged" in foretold.out
    assert warning in ended.err
    assert "1 with warnings" in ended.out
    with output.open(encoding="utf-8-sig", newline="") as rows:
        warnings = [row["emasai_warnings"] for row in csv.DictReader(rows)]
    assert warnings[0] == ""
    assert warnings[1].startswith("contact 'Ana Ruiz' may be a person")


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


def test_rejected_rows_are_corrected_in_a_file_of_their_own(emasai: Emasai, tmp_path: Path) -> None:
    """They stand there as they were, with their reason, and that file is a lead file."""
    leads, errors, email = tmp_path / "leads.csv", tmp_path / "errors.csv", f"x{uuid4().hex[:8]}"
    bad = f'Mango;"Eva ""E."" Gil";{email}@;;nota'
    text = f"empresa;contacto;correo;web;notas\r\n{bad}\r\nZara;Ana;ana@zara.test;;\r\n"
    leads.write_bytes(text.encode("cp1252"))

    ended = emasai("run", leads, "--errors", errors)
    header, row = errors.read_bytes().splitlines()
    errors.write_bytes(errors.read_bytes().replace(f"{email}@".encode(), b"eva@mango.test"))
    corrected = emasai("run", errors, "--json")

    assert ended.code == 3
    assert f"Rows that could not be used (1) are in {errors}." in ended.out
    assert header == b"empresa;contacto;correo;web;notas;emasai_reason"
    assert row.startswith(f'{bad};"correo is not an e-mail address'.encode())
    assert (corrected.code, json.loads(corrected.out)["items"]) == (0, 1)


def test_results_are_in_the_language_of_the_installation(
    emasai: Emasai, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed and what is written: errors first, warnings beside their rows."""
    monkeypatch.setenv("EMASAI_LANGUAGE", "es")
    leads = tmp_path / "leads.tsv"
    leads.write_text(
        "empresa\tcontacto\tpaís\nZara\tAna\tNarnia\n\tEva\t\n\t\t\n", encoding="utf-8"
    )

    ended = emasai("run", leads)

    with (tmp_path / "leads.out.tsv").open(encoding="utf-8-sig", newline="") as file:
        warned, rejected = csv.DictReader(file, delimiter="\t")
    assert f"{leads}, fila 3: empresa falta; rellénelo o borre la fila." in ended.err
    assert f"{leads}, no se lee como fila: 1 fila en blanco." in ended.err
    assert warned["emasai_warnings"].startswith("país 'Narnia' no es ningún país conocido")
    assert rejected["emasai_reason"] == "empresa falta; rellénelo o borre la fila"
