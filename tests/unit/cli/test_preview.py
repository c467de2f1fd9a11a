"""A dry run shows how a file is read."""

from pathlib import Path

import pytest

from orchestrator.cli.batch import show_reading
from orchestrator.leadfile import LeadField, read_lead_file


def test_a_dry_run_shows_the_columns_and_the_first_leads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read as what, what is not read, and no more than five leads."""
    path = tmp_path / "leads.csv"
    rows = "".join(f"Acme {n},Ana,Gil,,ana{n}@acme.test,x\n" for n in range(9))
    path.write_text(f"Account,First Name,Last Name,Work Email,Email,Owner\n{rows}")
    lead_file = read_lead_file(path)

    show_reading(lead_file)

    shown = capsys.readouterr().out
    assert lead_file.mapping[LeadField.CONTACT] == ("First Name + Last Name",)
    assert "Work Email, else Email" in shown
    assert "Not read: Owner." in shown
    assert "Ana Gil" in shown
    assert ("Acme 4" in shown, "Acme 5" in shown) == (True, False)

    monkeypatch.setenv("EMASAI_LANGUAGE", "es")
    show_reading(lead_file)

    shown = capsys.readouterr().out
    assert "Work Email, si no, Email" in shown
    assert "No se lee: Owner." in shown
