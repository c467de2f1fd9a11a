"""`emasai jobs failed`: what has failed, why, and whether it is worth another try."""

import json
from pathlib import Path
from uuid import uuid4

from .conftest import Emasai


def test_a_dead_letter_is_listed_with_its_reason(emasai: Emasai) -> None:
    """Counted by reason, then each with its job, its instant and a sentence."""
    lead_id = str(uuid4())
    ran = json.loads(emasai("run", "--lead-id", lead_id, "--json").out)

    printed = json.loads(emasai("jobs", "failed", "--job", ran["job_id"], "--json").out)
    table = emasai("jobs", "failed", "--job", ran["job_id"]).out

    (item,) = printed["failed"]
    assert (item["item"], item["code"], item["attempts"]) == (
        lead_id,
        "unknown_lead",
        1,
    )
    assert item["reason"]["en"] == "There is no lead with this id; import it first."
    assert (item["retry"], item["requeued"]) == ("named", False)
    assert printed["counts"]["unknown_lead"]["items"] == 1
    assert "unknown_lead: There is no lead with this id" in table
    assert ran["job_id"] in table


def test_filters_leave_out_what_is_not_meant(emasai: Emasai) -> None:
    """A reason, a lane, a tenant and an instant that do not fit leave nothing."""
    job_id = json.loads(emasai("run", "--lead-id", str(uuid4()), "--json").out)["job_id"]

    def listed(*options: str) -> int:
        answer = emasai("jobs", "failed", "--job", job_id, "--json", *options)
        return len(json.loads(answer.out)["failed"])

    assert listed("--since", "1h", "--lane", "interactive", "--reason", "unknown_lead") == 1
    assert listed("--reason", "poison") == 0
    assert listed("--lane", "refresh") == 0
    assert listed("--tenant", "nobody") == 0
    assert listed("--since", "2999-01-01") == 0
    assert listed("--limit", "0") == 0
    assert "Nothing has failed" in emasai("jobs", "failed", "--tenant", "nobody").out


def test_wrong_options_are_told_in_a_sentence(emasai: Emasai, tmp_path: Path) -> None:
    """An instant that is none, a job that is not there."""
    assert "neither an instant" in emasai("jobs", "failed", "--since", "yesterday").err
    ended = emasai("jobs", "failed", "--job", tmp_path.name)
    assert (ended.code, "there is no job" in ended.err) == (2, True)
