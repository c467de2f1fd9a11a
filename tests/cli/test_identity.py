"""`emasai identity`: decisions about companies, and where they are in force."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai, Ended
from tests.support.sandbox import new_name
from tests.support.waiting import wait_until

WHY = ("--why", "same site, same people")


def _name() -> str:
    return new_name("Firma")


def _key(name: str) -> str:
    return name.lower().replace(" ", "_")


@pytest.fixture
def two(emasai: Emasai) -> tuple[str, str]:
    """Return the keys of two companies that each were bought, and found."""
    # The sandbox knows most companies, not all.
    results = json.loads(emasai("enrich", *(_name() for _ in range(6)), "--json").out)
    losing, winning, *_ = [str(each["company_key"]) for each in results if each["found"]]
    return losing, winning


def _entered(ended: Ended) -> int:
    """Return the number of the decision that a command has entered with `--json`."""
    assert ended.code == 0, ended.err
    number = json.loads(ended.out)["number"]
    assert isinstance(number, int)
    return number


def _listed(emasai: Emasai, number: int) -> dict[str, Any]:
    (found,) = [
        each
        for each in json.loads(emasai("identity", "list", "--json").out)
        if each["number"] == number
    ]
    return dict(found)


def test_a_merge_is_seen_by_other_processes_with_who_and_why(
    emasai: Emasai, stack: EmbeddedStack, two: tuple[str, str]
) -> None:
    """Another process finds the company under the remaining key, with its earlier purchases."""
    losing, winning = two

    ended = emasai("identity", "merge", losing, winning, *WHY, "--by", "ana", "--yes")

    assert ended.code == 0
    assert f"(merge {losing} into {winning}); in force everywhere within 2 s" in ended.out
    assert f"{losing}: purchases 1 ($" in ended.out
    story = json.loads(_elsewhere(stack, "explain", losing, "--json"))
    assert (story["key"], story["because"]) == (winning, "decision")
    assert story["former_keys"] == [losing]
    assert {each["company_key"] for each in story["purchases"]} == {losing, winning}
    (decision,) = story["identity_decisions"]
    assert (decision["by"], decision["why"]) == ("ana", WHY[1])
    told = _elsewhere(stack, "explain", losing)
    assert f"has the key {winning}: by a decision" in told
    assert "ana, 2" in told
    assert WHY[1] in told


def _elsewhere(stack: EmbeddedStack, *arguments: str) -> str:
    """Return what the command prints as a process of its own."""
    done = _process(stack, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _process(
    stack: EmbeddedStack, *arguments: str, stdin: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", *arguments],
        env={**os.environ, "EMASAI_HOME": str(stack.home), "COLUMNS": "200"},
        stdin=stdin,
        capture_output=True,
        check=False,
        text=True,
    )


def test_purchases_under_the_replaced_key_are_still_served(
    emasai: Emasai, two: tuple[str, str], tmp_path: Path
) -> None:
    """Workers follow a merge and its undoing within seconds, and buy nothing for either."""
    losing, winning = two
    emasai("invalidate", winning)
    listing = tmp_path / "companies.csv"
    listing.write_text(f"empresa\n{losing}\n", encoding="utf-8")

    number = _entered(emasai("identity", "merge", losing, winning, *WHY, "--yes", "--json"))

    wait_until(lambda: _keys_of(emasai, listing) == {winning}, description="a merge is followed")
    assert json.loads(emasai("explain", winning, "--json").out)["entry"] is not None
    emasai("identity", "undo", str(number), *WHY)
    wait_until(lambda: _keys_of(emasai, listing) == {losing}, description="its undoing, too")
    assert json.loads(emasai("explain", winning, "--json").out)["entry"] is None
    assert len(json.loads(emasai("explain", losing, "--json").out)["purchases"]) == 1


def _keys_of(emasai: Emasai, listing: Path) -> set[str]:
    """Return under which keys workers look up the companies of a file."""
    results = listing.with_suffix(".out.csv")
    emasai("enrich", listing, "-o", results)
    with results.open(encoding="utf-8-sig", newline="") as file:
        return {row["emasai_company_key"] for row in csv.DictReader(file)}


def test_companies_of_one_name_are_shown_apart_and_forgotten_together(
    emasai: Emasai, tmp_path: Path
) -> None:
    """The name alone could be either, by key and in words; forgetting it forgets both."""
    name = _name()
    key, here, there = _key(name), f"{uuid4().hex[:12]}.es", f"{uuid4().hex[:12]}.de"
    leads = tmp_path / "leads.csv"
    leads.write_text(
        "company,contact,email,website,country\n"
        f"{name} SL,Ana,ana@{here},https://{here},ES\n"
        f"{name} GmbH,Ina,ina@{there},https://{there},DE\n",
        encoding="utf-8",
    )
    emasai("run", leads, "-o", tmp_path / "out.csv")

    shown = json.loads(emasai("identity", "show", name, "--json").out)
    told = emasai("identity", "show", name).out
    german = json.loads(emasai("explain", name, "--country", "DE", "--json").out)
    forgotten = json.loads(emasai("invalidate", name, "--json").out)

    first, second = (claim["key"] for claim in shown["claims"])
    assert shown["ambiguous"]
    assert {first, second} in ({key, f"{key}~{there}"}, {key, f"{key}~{here}"})
    assert f"could be {first}: {shown['candidates'][0]}" in told
    assert (german["ambiguous"], german["key"]) == (False, _claim_of(shown, there)["key"])
    assert [each["company_key"] for each in german["purchases"]] == [german["key"]]
    assert forgotten == {"removed": 2}


def _claim_of(shown: dict[str, Any], domain: str) -> dict[str, Any]:
    return next(dict(claim) for claim in shown["claims"] if claim["domain"] == domain)


def test_two_companies_with_a_history_are_not_merged_without_confirmation(
    emasai: Emasai, two: tuple[str, str]
) -> None:
    """Without a terminal the command says what is affected, and which option confirms."""
    ended = emasai("identity", "merge", *two, *WHY)

    assert ended.code == 2
    assert f"both have a history ({two[0]}: purchases 1" in ended.err
    assert "give --yes" in ended.err
    assert json.loads(emasai("identity", "show", two[0], "--json").out)["key"] == two[0]


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_on_a_terminal_the_command_asks(
    stack: EmbeddedStack, emasai: Emasai, two: tuple[str, str], answer: str, code: int
) -> None:
    """The affected records are shown first; `no` stores nothing."""
    keyboard, terminal = os.openpty()
    os.write(keyboard, f"{answer}\n".encode())

    asked = _process(stack, "identity", "merge", *two, *WHY, stdin=terminal)

    os.close(terminal)
    os.close(keyboard)
    assert asked.returncode == code
    assert f"Both have a history: {two[0]}: purchases 1" in asked.stderr
    assert "Are they one company?" in asked.stderr
    key = json.loads(emasai("identity", "show", two[0], "--json").out)["key"]
    assert key == (two[1] if code == 0 else two[0])


def test_an_undone_decision_is_listed_and_not_in_force(
    emasai: Emasai, two: tuple[str, str]
) -> None:
    """The list names the decision that undid another, for people and for programs."""
    losing, winning = two
    merged = _entered(emasai("identity", "merge", losing, winning, *WHY, "--yes", "--json"))

    undone = _entered(emasai("identity", "undo", str(merged), "--why", "two sites", "--json"))

    assert _listed(emasai, merged)["undone_by"] == undone
    assert _listed(emasai, undone)["undone_by"] is None
    assert f"undone by {undone}" in emasai("identity", "list").out
    assert json.loads(emasai("identity", "show", losing, "--json").out)["key"] == losing


def test_an_alias_leads_a_spelling_and_a_domain_to_a_company(
    emasai: Emasai, two: tuple[str, str]
) -> None:
    """Whatever the name of a lead is."""
    key, other = two
    spelling, domain = _name(), f"{uuid4().hex[:12]}.es"

    emasai("identity", "alias", spelling, key, *WHY)
    emasai("identity", "alias", "--domain", f"https://www.{domain}/", key, *WHY)

    by_name = json.loads(emasai("identity", "show", spelling, "--json").out)
    by_domain = json.loads(
        emasai("identity", "show", other, "--website", f"www.{domain}", "--json").out
    )
    assert (by_name["key"], by_domain["key"]) == (key, key)
    assert {each["subject"] for each in by_name["identity_decisions"]} == {_key(spelling), domain}


def test_a_split_name_is_ambiguous_without_further_facts(emasai: Emasai) -> None:
    """The name alone is ambiguous; a website, or a key, is not."""
    name = _name()
    key = _key(name)

    emasai("identity", "split", name, *WHY)

    alone = json.loads(emasai("explain", name, "--json").out)
    by_site = json.loads(emasai("explain", name, "--website", "acme.mx", "--json").out)
    by_key = json.loads(emasai("explain", f"{key}~acme.mx", "--json").out)
    assert (alone["ambiguous"], alone["because"]) == (True, "shared")
    assert (by_site["ambiguous"], by_site["key"]) == (False, f"{key}~acme.mx")
    assert (by_key["because"], by_key["key"]) == ("key", f"{key}~acme.mx")
    assert "several companies go by that name" in emasai("explain", name).out


def test_forgetting_a_company_includes_its_former_key(emasai: Emasai, two: tuple[str, str]) -> None:
    """By either name: after a merge both entries belong to the company."""
    emasai("identity", "merge", *two, *WHY, "--yes")

    forgotten = json.loads(emasai("invalidate", two[1], "--json").out)

    assert forgotten == {"removed": 2}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("merge", "never heard of {0}", "{0}"), "nothing is known of a company with the key"),
        (("merge", "{0}", "{0} S.A."), "is that company already"),
        (("split", "{0}~acme.com"), "is one company's key already; split the name instead"),
        (("alias", "{0}~acme.com", "{0}"), "is one company's key already; merge it instead"),
        (("alias", "--domain", "gmail.com", "{0}"), "gmail.com is not the domain of a company"),
        (("undo", "999999"), "there is no decision 999999"),
        (("merge", "  ", "{0}"), "is not a company name: it is blank"),
    ],
)
def test_a_senseless_decision_is_refused_in_one_sentence(
    emasai: Emasai, two: tuple[str, str], arguments: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, no traceback, and nothing is entered."""
    before = emasai("identity", "list", "--json").out

    ended = emasai("identity", *(each.format(*two) for each in arguments), *WHY)

    assert ended.code == 2
    assert sentence in ended.err
    assert "Traceback" not in ended.err
    assert emasai("identity", "list", "--json").out == before


def test_a_contradiction_names_the_earlier_decision(emasai: Emasai, two: tuple[str, str]) -> None:
    """Circles, second thoughts, and a name that others lead to: undo comes first."""
    losing, winning = two
    number = _entered(emasai("identity", "merge", losing, winning, *WHY, "--yes", "--json"))

    back = emasai("identity", "merge", winning, losing, *WHY, "--yes")
    again = emasai("identity", "split", losing, *WHY)
    under = emasai("identity", "split", winning, *WHY)

    assert (back.code, again.code, under.code) == (2, 2, 2)
    assert "would go round in a circle" in back.err
    assert f"leads to {winning} by decision {number}; undo that first" in again.err
    assert f"{losing} leads to {winning} by decision {number}, which after a split" in under.err


def test_a_decision_needs_a_reason(emasai: Emasai, two: tuple[str, str]) -> None:
    """It is kept permanently, and must be understood later."""
    missing = emasai("identity", "split", two[0])
    blank = emasai("identity", "split", two[0], "--why", " ")
    unnamed = emasai("identity", "split", two[0], *WHY, "--by", "")

    assert (missing.code, blank.code, unnamed.code) == (2, 2, 2)
    assert "--why" in missing.err
    assert "it must say why" in blank.err
    assert "it must say who decides" in unnamed.err
