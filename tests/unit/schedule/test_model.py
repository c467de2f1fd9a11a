"""When a watch is due, and what is done with it then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.case import Claim, ClaimField, Evidence
from orchestrator.schedule import EVERY_MIN, RunEnd, Watch, evidence_digest, new_rule, new_watch
from orchestrator.schedule.model import JITTER, RETRY, Action, action_for, next_instant
from tests.support.cases import NOW

WEEK = timedelta(days=7)
#: Of a list of this length, what may fall into one tenth of the period.
MANY = 1000


def _watch(name: str = "Acme Andina") -> Watch:
    return new_watch(name, tenant="default", every=WEEK, now=NOW)


def _evidence(*values: str, as_of: timedelta = timedelta(0)) -> Evidence:
    claims = tuple(
        Claim(field=ClaimField.NEWS, value=v, confidence=0.5, source_url=None, as_of=NOW + as_of)
        for v in values
    )
    return Evidence(company="Acme Andina", claims=claims, simulated=True)


def test_a_list_is_not_due_all_at_once() -> None:
    """First instants are spread over the whole period, the same for the same company."""
    tenths = [int((_watch(f"Acme {n}").next_at - NOW) / (WEEK / 10)) for n in range(MANY)]

    assert {tenths.count(tenth) > MANY / 20 for tenth in range(10)} == {True}
    assert _watch() == _watch()
    # Written down by another process: a hash that is salted would be another one each time.
    assert _watch().next_at == datetime(2026, 11, 28, 1, 3, 40, 518703, tzinfo=UTC)


def test_jitter_only_shortens_a_period() -> None:
    """No wait is longer than the period, nor much shorter."""
    for number in range(MANY):
        period = next_instant(_watch(f"Acme {number}"), NOW, "enriched") - NOW

        assert WEEK * (1 - JITTER) <= period <= WEEK


@pytest.mark.parametrize("outcome", ["failed", "skipped_budget"])
def test_a_run_without_success_is_tried_again_sooner(outcome: str) -> None:
    """A fault, or a budget that is used up, does not cost a whole period."""
    assert next_instant(_watch(), NOW, outcome) <= NOW + RETRY
    assert next_instant(replace(_watch(), every=EVERY_MIN), NOW, outcome) <= NOW + EVERY_MIN


def test_what_is_done_with_a_watch() -> None:
    """A run that goes on is left alone, also when the next one would be due."""
    due = replace(_watch(), next_at=NOW)
    rule = new_rule(tenant="default", every=WEEK, now=NOW)

    def action(
        watch: Watch | None, *, running: bool = False, worth: bool = True, cancelled: bool = False
    ) -> Action:
        return action_for(watch, NOW, is_running=running, is_worth=worth, was_cancelled=cancelled)

    assert action(due, cancelled=True) is Action.END
    assert action(replace(due, paused=True), cancelled=True) is Action.FORGET

    assert action(None) is Action.FORGET
    assert action(replace(due, paused=True)) is Action.FORGET
    assert action(due) is Action.RUN
    assert action(due, running=True) is Action.LEAVE
    assert action(due, worth=False) is Action.SKIP
    assert action(replace(due, next_at=NOW + WEEK)) is Action.WAIT
    assert action(replace(due, rejudge=True, next_at=NOW + WEEK)) is Action.REJUDGE
    assert action(replace(due, rejudge=True), running=True) is Action.REJUDGE
    assert action(rule) is Action.EXPAND


def test_equal_evidence_has_an_equal_digest_whenever_it_was_bought() -> None:
    """Neither instants nor the order of claims count; each value does."""
    digest = evidence_digest(_evidence("one", "two"))

    assert evidence_digest(_evidence("two", "one", as_of=WEEK)) == digest
    assert evidence_digest(_evidence("one", "three")) != digest
    assert evidence_digest(_evidence()) != evidence_digest(None)


def test_the_first_evidence_there_is_counts_as_no_change() -> None:
    """Changed means that it was another before, by the last run or by what was bought earlier."""
    watch = _watch()

    assert not RunEnd(watch, "j1", "enriched", digest="a").has_changed
    assert not RunEnd(replace(watch, digest="a"), "j1", "enriched", digest="a").has_changed
    assert not RunEnd(replace(watch, digest="a"), "j1", "failed").has_changed
    assert RunEnd(replace(watch, digest="b"), "j1", "enriched", digest="a").has_changed
    assert RunEnd(watch, "j1", "enriched", digest="a", known_digest="b").has_changed
