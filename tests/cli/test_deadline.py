"""`--deadline`: what has not begun by then fails; what is over cannot be a deadline."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from .conftest import Emasai


def deadline_of(emasai: Emasai, ran: str) -> datetime:
    """Return the deadline of the job that a command has printed."""
    job_id = json.loads(ran)["job_id"]
    shown = json.loads(emasai("jobs", "show", job_id, "--json").out)
    return datetime.fromisoformat(shown["deadline"])


def test_a_file_and_stored_leads_take_a_deadline(emasai: Emasai, tmp_path: Path) -> None:
    """An instant in UTC, or a length of time from now."""
    companies = tmp_path / "companies.csv"
    companies.write_text(f"company\nDeadline {tmp_path.name}\n")

    enriched = emasai("enrich", companies, "--deadline", "2999-01-01T12:00", "--json").out
    judged = emasai("run", "--lead-id", str(uuid4()), "--deadline", "2h", "--json").out

    assert deadline_of(emasai, enriched) == datetime(2999, 1, 1, 12, tzinfo=UTC)
    left = deadline_of(emasai, judged) - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)


@pytest.mark.parametrize(
    ("deadline", "complaint"),
    [("2020-01-01", "has passed"), ("-1h", "has passed"), ("tomorrow", "no instant")],
)
def test_a_wrong_deadline_is_told_in_a_sentence(
    emasai: Emasai, deadline: str, complaint: str
) -> None:
    """Nothing is accepted."""
    ended = emasai("run", "--lead-id", str(uuid4()), f"--deadline={deadline}")

    assert ended.code == 2
    assert complaint in ended.err


def test_names_have_no_deadline(emasai: Emasai) -> None:
    """Somebody waits for them; that has --patience."""
    assert emasai("enrich", "Acme", "Zara", "--deadline", "2h").code == 2
