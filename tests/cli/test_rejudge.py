"""`emasai run` over stored leads, and again by another policy: nothing is bought twice."""

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest

from agents.cdao import default_policy_text
from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.cli.test_commands import HEADER
from tests.support.sandbox import charges

COMPANIES = 16


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    """Return a file of new companies, from a source of their own."""
    path, tag = tmp_path / "leads.csv", uuid4().hex[:8]
    rows = [f"{tag} {n},Ana,ana{n}@{tag}.example,{tag}\n" for n in range(COMPANIES)]
    path.write_text(HEADER.strip() + ",source\n" + "".join(rows), encoding="utf-8")
    return path


def _source(leads: Path) -> str:
    return leads.read_text("utf-8").splitlines()[1].rsplit(",", 1)[1]


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process, but no worker, use a policy that discards every lead."""
    path = tmp_path / "policy.toml"
    text = re.sub(r"^threshold = \d+", "threshold = 100", default_policy_text(), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("EMASAI_POLICY_FILE", str(path))


@pytest.mark.usefixtures("strict")
def test_a_dry_run_shows_what_a_policy_would_change(
    emasai: Emasai, stack: EmbeddedStack, leads: Path
) -> None:
    """All opportunities would be discarded, and stay; nothing is bought or stored."""
    ran = json.loads(emasai("run", leads, "--json").out)
    before = charges(stack.home)

    looks = [json.loads(emasai("run", leads, "--rejudge", "--dry-run", "--json").out) for _ in "12"]

    advanced = ran["statuses"].get("opportunity", 0)
    judged = advanced + ran["statuses"].get("discarded", 0)
    assert advanced
    assert looks[0] == looks[1]
    assert looks[0]["changes"]["advance->discard"] == advanced
    assert looks[0]["opportunities_kept"] == advanced
    assert looks[0]["changes"]["unchanged"] == judged - advanced
    assert len(looks[0]["changed"]) == advanced
    assert looks[0]["oldest_evidence"] is not None
    assert charges(stack.home) == before


@pytest.mark.parametrize("by", ["file", "job", "filter"])
def test_leads_are_rejudged_in_workers_without_buying(
    emasai: Emasai, stack: EmbeddedStack, leads: Path, by: str
) -> None:
    """Named by their file, by the job that ran them, or by a filter: the memo has forgotten all."""
    ran = json.loads(emasai("run", leads, "--json").out)
    emasai("invalidate", "--pattern", f"{_source(leads)}*")
    before = charges(stack.home)
    subject = {"file": [leads], "job": [ran["job_id"]]}.get(
        by, ["--where", f"source={_source(leads)}"]
    )

    again = json.loads(emasai("run", *subject, "--rejudge", "--json").out)

    judged = ran["statuses"].get("opportunity", 0) + ran["statuses"].get("discarded", 0)
    assert again["changes"]["unchanged"] == judged
    assert again["spent_micros"] == 0
    assert charges(stack.home) == before


def test_stored_leads_are_run_by_a_filter(emasai: Emasai, leads: Path) -> None:
    """The same leads and judgements, and no second purchase."""
    ran = json.loads(emasai("run", leads, "--json").out)
    conditions = ("--where", f"source={_source(leads)}")

    preview = json.loads(emasai("run", *conditions, "--dry-run", "--json").out)
    again = json.loads(emasai("run", *conditions, "--json").out)

    assert (preview["items"], preview["to_buy"]) == (COMPANIES, 0)
    assert again["statuses"] == ran["statuses"]
    assert again["purchases"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give a lead file"),
        (("--where", "colour=red"), "at most once"),
        (("--where", "country=Narnia"), "is not valid"),
        (("leads.csv", "--where", "country=ES"), "not several"),
        (("--rejudge", "--max-cost", "1"), "buys nothing"),
        (("0" * 32, "--rejudge"), "there is no job"),
        (("--where", "country=ES", "-o", "out.csv"), "belong to a file"),
    ],
    ids=str,
)
def test_a_wrong_choice_of_leads_is_a_usage_error(
    emasai: Emasai, arguments: tuple[str, ...], says: str
) -> None:
    """One sentence, exit code 2, nothing done."""
    ended = emasai("run", *arguments)

    assert ended.code == 2
    assert says in " ".join(re.sub(r"[│╭╮╰╯─]", " ", ended.err).split())
