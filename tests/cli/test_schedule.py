"""`emasai schedule`, from adding to removing."""

import json
from uuid import uuid4

import pytest

from tests.cli.conftest import Emasai


def _tenant() -> str:
    return f"tenant-{uuid4().hex[:8]}"


def test_a_watch_is_listed_until_it_is_removed(emasai: Emasai) -> None:
    """With its period, when it is due, and whether it is paused."""
    whose = ("--tenant", _tenant())
    assert (
        emasai("schedule", "add", "Grupo Bimbo", "GRUPO BIMBO", "--every", "7d", *whose).code == 0
    )
    emasai("schedule", "pause", "Grupo Bimbo", *whose)

    (watch,) = json.loads(emasai("schedule", "list", "--json", *whose).out)
    assert watch["company_key"] == "grupo_bimbo"
    assert watch["every_s"] == 7 * 24 * 3600
    assert 0 <= watch["due_in_s"] <= watch["every_s"]
    assert watch["paused"] is True
    assert "paused" in emasai("schedule", "list", *whose).out

    emasai("schedule", "resume", *whose)
    assert "7d" in emasai("schedule", "list", *whose).out
    emasai("schedule", "remove", "Grupo Bimbo", *whose)
    assert json.loads(emasai("schedule", "list", "--json", *whose).out) == []


def test_a_period_shorter_than_freshness_is_explained(emasai: Emasai) -> None:
    """Promise 1 holds for schedules, too: more frequent lookups cost nothing."""
    ended = emasai("schedule", "add", "Acme Andina", "--every", "1h", "--tenant", _tenant())

    assert "An answer is fresh for 2h" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("Acme", "--every", "59m"),
        ("Acme", "--every", "91d"),
        ("Acme", "--every", "soon"),
        ("--every", "7d"),
        ("Acme", "--every", "7d", "--open-opportunities"),
    ],
)
def test_a_name_that_cannot_be_watched_is_refused(
    emasai: Emasai, arguments: tuple[str, ...]
) -> None:
    """One sentence and exit code 2."""
    ended = emasai("schedule", "add", *arguments)

    assert ended.code == 2
    assert "Traceback" not in ended.err


def test_a_company_that_is_not_watched_cannot_be_removed(emasai: Emasai) -> None:
    """The sentence names it."""
    ended = emasai("schedule", "remove", "Nadie", "--tenant", _tenant())

    assert ended.code == 2
    assert "not watched: Nadie" in ended.err


def test_a_rule_watches_all_companies_with_an_opportunity(emasai: Emasai) -> None:
    """It is one line of the list, and its removal removes its companies."""
    whose = ("--tenant", _tenant())

    added = emasai("schedule", "add", "--open-opportunities", "--every", "14d", *whose)

    assert "all companies with an opportunity (every 14d)" in added.out
    assert "all with an opportunity" in emasai("schedule", "list", *whose).out
    emasai("schedule", "remove", "--open-opportunities", *whose)
    assert "Nothing is watched" in emasai("schedule", "list", *whose).out
