"""`emasai jobs`: what is there, and what is asked of it."""

import json
from pathlib import Path

from .conftest import Emasai


def test_a_finished_job_is_listed_and_shown(emasai: Emasai, tmp_path: Path) -> None:
    """Its state, its tally and what has happened, in its order; a cancel comes too late."""
    companies = tmp_path / "companies.csv"
    companies.write_text(f"company\nListed {tmp_path.name}\n")
    ran = json.loads(emasai("enrich", str(companies), "--json").out)

    listed = json.loads(emasai("jobs", "list", "--json").out)
    shown = json.loads(emasai("jobs", "show", ran["job_id"], "--json").out)
    cancelled = json.loads(emasai("jobs", "cancel", ran["job_id"], "--json").out)

    assert ran["job_id"] in [job["job_id"] for job in listed]
    assert (shown["state"], shown["done"], shown["origin"]) == ("done", 1, "cli")
    assert [each["event"] for each in shown["timeline"]] == ["accepted", "started", "done"]
    assert cancelled["state"] == "done"
    assert ran["job_id"] in emasai("jobs", "list").out
    assert "1 of 1" in emasai("jobs", "show", ran["job_id"]).out


def test_an_unknown_job_is_a_wrong_usage(emasai: Emasai) -> None:
    """One sentence says where the ids are."""
    ended = emasai("jobs", "pause", "nothing")

    assert ended.code == 2
    assert "emasai jobs list" in ended.err
