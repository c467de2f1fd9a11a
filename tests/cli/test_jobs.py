"""`emasai jobs`: what is there, and what is asked of it."""

import json
from pathlib import Path
from uuid import uuid4

import redis

from orchestrator.embedded.stack import EmbeddedStack

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


def test_an_unreadable_job_is_one_line_and_is_removed_by_a_cancel(
    emasai: Emasai, stack: EmbeddedStack
) -> None:
    """The others are listed as ever."""
    job_id = uuid4().hex
    url = stack.variables["REDIS_URL"].removesuffix("/1") + "/3"
    with redis.Redis.from_url(url) as jobs:
        jobs.set(f"jobs1:{job_id}", b"\xff ana@example.com", px=3_600_000)
        jobs.zadd("jobs1:all", {job_id: 1_700_000_000_000})

        listed = emasai("jobs", "list", "--limit", "1000")
        as_json = json.loads(emasai("jobs", "list", "--limit", "1000", "--json").out)
        shown = emasai("jobs", "show", job_id)
        removed = emasai("jobs", "cancel", job_id)
        again = emasai("jobs", "cancel", job_id)

    assert [line for line in listed.out.splitlines() if job_id in line] == [
        line for line in listed.out.splitlines() if "cannot be read" in line
    ]
    assert {"job_id": job_id, "unreadable": "no hash"} in as_json
    assert (shown.code, "cannot be read" in shown.err) == (1, True)
    assert (removed.code, "it was removed" in removed.out) == (0, True)
    assert again.code == 2
