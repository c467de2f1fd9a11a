"""`emasai handover`, without a webhook."""

import json
from pathlib import Path
from uuid import uuid4

from tests.cli.conftest import Emasai
from tests.support.project import ROOT

EXAMPLE = ROOT / "examples" / "leads.csv"


def test_pending_hand_overs_are_listed_without_a_webhook(emasai: Emasai, tmp_path: Path) -> None:
    """Opportunities wait in the outbox, each once; the command says what is missing."""
    run = emasai("run", EXAMPLE, "--json", "-o", tmp_path / "out.csv")
    opportunities = json.loads(run.out)["statuses"]["opportunity"]

    ended = emasai("handover", "list", "--state", "pending", "--limit", "10000", "--json")

    listed = json.loads(ended.out)
    assert listed["counts"]["pending"] == len(listed["handovers"]) >= opportunities
    assert listed["counts"]["dead"] == 0
    assert "EMASAI_WEBHOOK_URL is not set" in ended.err


def test_only_given_up_hand_overs_are_retried(emasai: Emasai) -> None:
    """Without any it says so; an event that was not given up is named, with exit code 3."""
    every = emasai("handover", "retry", "--json")
    one = emasai("handover", "retry", str(uuid4()))

    assert (every.code, json.loads(every.out)) == (0, {"owed_again": 0})
    assert one.code == 3
    assert "only 0 of 1" in one.err
