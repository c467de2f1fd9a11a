"""Values of options, as they are typed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from orchestrator.cli.options import parse_columns, parse_duration, parse_terms
from orchestrator.leadfile import LeadField

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("5s", timedelta(seconds=5)),
        ("5", timedelta(seconds=5)),
        ("2.5", timedelta(seconds=2.5)),
        ("1h30m", timedelta(minutes=90)),
        ("2w", timedelta(weeks=2)),
        ("0", timedelta(0)),
    ],
)
def test_a_length_of_time_is_read_as_people_write_it(text: str, length: timedelta) -> None:
    """With a unit, with several, or in seconds."""
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "soon", "-1s", "5 s", ".", "9" * 400, "1.2.3"])
def test_anything_else_is_a_wrong_usage(text: str) -> None:
    """One sentence with an example, never a traceback."""
    with pytest.raises(typer.BadParameter, match="is not a length of time, such as 5s"):
        parse_duration(text)


def test_a_short_deadline_from_now_has_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the process is: both instants are of one reading of the clock."""
    readings = iter([NOW])
    monkeypatch.setattr("orchestrator.cli.options.utc_now", lambda: next(readings))
    monkeypatch.setattr("orchestrator.infra.bounds.utc_now", lambda: NOW + timedelta(hours=1))

    assert parse_terms(None, "1ms").deadline == NOW + timedelta(milliseconds=1)


@pytest.mark.parametrize("deadline", ["0s", "-1h", "2020-01-01"])
def test_a_deadline_that_has_passed_is_a_wrong_usage(deadline: str) -> None:
    """One sentence says so."""
    with pytest.raises(typer.BadParameter, match="has passed; give a later one"):
        parse_terms(None, deadline)


def _mapping(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "crm.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_mapping_names_columns_and_column_goes_before_it(tmp_path: Path) -> None:
    """A field has one column, or several in their order."""
    mapping = _mapping(tmp_path, 'company = "Account"\nemail = ["Work", "Other"]\nphone = "Tel"\n')

    assert parse_columns(["phone=Direct"], mapping) == {
        LeadField.COMPANY: ["Account"],
        LeadField.EMAIL: ["Work", "Other"],
        LeadField.PHONE: ["Direct"],
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("firm = 'Account'", "'firm' is no field"),
        ("company = 7", "'company' is no field with the name of a column"),
        ("company = []", "'company' is no field with the name of a column"),
        ("company", "is not TOML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """The sentence says what is wrong with it, and names the fields."""
    with pytest.raises(typer.BadParameter, match=complaint):
        parse_columns(None, _mapping(tmp_path, text))


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As every file that cannot be read."""
    with pytest.raises(typer.BadParameter, match="cannot be read: No such file"):
        parse_columns(None, tmp_path / "none.toml")
