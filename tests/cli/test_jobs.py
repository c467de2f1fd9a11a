"""`emasai jobs`: jobs, their failed items, and requeues."""

import json
from pathlib import Path
from uuid import uuid4

import redis

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai


def test_a_finished_job_is_listed_and_shown(emasai: Emasai, tmp_path: Path) -> None:
    """Its state, its tally and its events in order; a cancel comes too late."""
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
    """The others are listed as usual."""
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


def test_a_failed_item_is_listed_with_its_reason(emasai: Emasai) -> None:
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


def test_filters_select_failed_items(emasai: Emasai) -> None:
    """By reason, lane, tenant and instant."""
    job_id = json.loads(emasai("run", "--lead-id", str(uuid4()), "--json").out)["job_id"]

    def listed(*options: str) -> int:
        answer = emasai("jobs", "failed", "--job", job_id, "--json", *options)
        return len(json.loads(answer.out)["failed"])

    assert listed("--since", "1h", "--lane", "interactive", "--reason", "unknown_lead") == 1
    assert listed("--reason", "poison") == 0
    assert listed("--lane", "refresh") == 0
    assert listed("--tenant", "unknown") == 0
    assert listed("--since", "2999-01-01") == 0
    assert listed("--limit", "0") == 0
    assert "Nothing has failed" in emasai("jobs", "failed", "--tenant", "unknown").out


def test_wrong_options_are_refused_in_a_sentence(emasai: Emasai, tmp_path: Path) -> None:
    """An invalid instant, an unknown job."""
    assert "neither an instant" in emasai("jobs", "failed", "--since", "yesterday").err
    ended = emasai("jobs", "failed", "--job", tmp_path.name)
    assert (ended.code, "there is no job" in ended.err) == (2, True)


NAMED = ("--reason", "unknown_lead")


def failed_job(emasai: Emasai) -> str:
    """Return a job whose only lead is unknown."""
    ran = json.loads(emasai("run", "--lead-id", str(uuid4()), "--json").out)
    return str(ran["job_id"])


def test_a_failed_item_is_queued_again_once(emasai: Emasai) -> None:
    """A dry run counts, the command queues, and the next one names the new job."""
    job_id = failed_job(emasai)

    preview = emasai("jobs", "requeue", "--job", job_id, *NAMED, "--dry-run")
    first = json.loads(emasai("jobs", "requeue", "--job", job_id, *NAMED, "--json").out)
    again = emasai("jobs", "requeue", "--job", job_id, *NAMED)
    item = json.loads(emasai("jobs", "failed", "--job", job_id, "--json").out)["failed"][0]

    assert "Would queue 1 again (1 unknown_lead), for $0.0930 at most." in preview.out
    assert (first["items"], first["codes"]) == (1, {"unknown_lead": 1})
    (queued,) = first["jobs"]
    assert queued["parent"] == job_id
    assert "nothing to queue again" in again.out
    assert f"Queued again before: 1, as job {queued['job_id']}." in again.out
    assert item["requeued"] is True
    shown = json.loads(emasai("jobs", "show", queued["job_id"], "--json").out)
    assert (shown["parent"], shown["origin"]) == (job_id, "requeue")


def test_an_item_that_needs_a_fix_is_left_out_until_its_reason_is_given(emasai: Emasai) -> None:
    """The command says how many there are of each reason, and how to include them."""
    ended = emasai("jobs", "requeue", "--job", failed_job(emasai))

    assert ended.code == 0
    assert "Left out: 1 unknown_lead. Give the --reason" in ended.out


def test_a_requeue_of_everything_is_refused(emasai: Emasai) -> None:
    """Without any filter it is a wrong usage; an unknown job is one, too."""
    assert emasai("jobs", "requeue").code == 2
    assert "--since" in emasai("jobs", "requeue").err
    assert emasai("jobs", "requeue", "--job", "unknown").code == 2
