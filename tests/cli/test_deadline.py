"""`--deadline`: what has not begun by then fails; what is over cannot be a deadline."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from tests.support.sandbox import charges

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
def test_a_wrong_deadline_is_told_in_a_sentence(
    emasai: Emasai, deadline: str, complaint: str
) -> None:
    """Nothing is accepted."""
    ended = emasai("run", "--lead-id", str(uuid4()), f"--deadline={deadline}")

    assert ended.code == 2
    assert complaint in ended.err


def test_names_that_have_not_begun_by_then_fail(emasai: Emasai, stack: EmbeddedStack) -> None:
    """Nothing is bought for them."""
    name = f"Compañía {uuid4().hex[:12]}"

    ended = emasai("enrich", name, "--deadline", "1ms", "--json")

    (result,) = json.loads(ended.out)
    assert (ended.code, result["code"]) == (3, "deadline")
    assert charges(stack.home)[company_key(name)] == 0
