"""`emasai jobs requeue`: what has failed is tried again, each once."""

import json
from uuid import uuid4

from .conftest import Emasai

NAMED = ("--reason", "unknown_lead")


def failed_job(emasai: Emasai) -> str:
    """Return a job whose one lead is not there."""
    ran = json.loads(emasai("run", "--lead-id", str(uuid4()), "--json").out)
    return str(ran["job_id"])


def test_a_dead_letter_is_queued_again_once(emasai: Emasai) -> None:
    """A dry run counts, the command queues, and the next one says as which job that was."""
    job_id = failed_job(emasai)

    foreseen = emasai("jobs", "requeue", "--job", job_id, *NAMED, "--dry-run")
    first = json.loads(emasai("jobs", "requeue", "--job", job_id, *NAMED, "--json").out)
    again = emasai("jobs", "requeue", "--job", job_id, *NAMED)
    item = json.loads(emasai("jobs", "failed", "--job", job_id, "--json").out)["failed"][0]

    assert "Would queue 1 again (1 unknown_lead), for $0.0465 at most." in foreseen.out
    assert (first["items"], first["codes"]) == (1, {"unknown_lead": 1})
    (queued,) = first["jobs"]
    assert queued["parent"] == job_id
    assert "nothing to queue again" in again.out
    assert f"Queued again before: 1, as job {queued['job_id']}." in again.out
    assert item["requeued"] is True
    shown = json.loads(emasai("jobs", "show", queued["job_id"], "--json").out)
    assert (shown["parent"], shown["origin"]) == (job_id, "requeue")


def test_what_must_be_mended_is_left_alone_until_it_is_named(emasai: Emasai) -> None:
    """The command says how many of what, and how to name them."""
    ended = emasai("jobs", "requeue", "--job", failed_job(emasai))

    assert ended.code == 0
    assert "Left out: 1 unknown_lead. Give the --reason" in ended.out


def test_a_sweep_over_everything_must_be_meant(emasai: Emasai) -> None:
    """Without any filter it is a wrong usage; an unknown job is one, too."""
    assert emasai("jobs", "requeue").code == 2
    assert "--since" in emasai("jobs", "requeue").err
    assert emasai("jobs", "requeue", "--job", "nobody").code == 2
