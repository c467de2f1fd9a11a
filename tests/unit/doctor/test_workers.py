"""Judgements of workers, lanes, jobs, messages and hand-overs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.doctor import Diagnosis, Level
from orchestrator.doctor.database import judge_outbox
from orchestrator.doctor.workers import (
    Build,
    judge_lane,
    judge_paused,
    judge_refused,
    judge_unanswered,
    judge_workers,
)
from orchestrator.jobs import Lane, LaneBacklog
from orchestrator.leads import HandOverState
from orchestrator.messaging import Heartbeat, WorkerState

BUILD = Build("1", "profile", "policy")
WELL = replace(
    Heartbeat.of_this_process(
        "a@h", datetime(2026, 1, 1, tzinfo=UTC), version="1", profile="profile", policy="policy"
    ),
    lanes=tuple(Lane),
)
EMPTY, SOME = (0, None), (3, timedelta(seconds=11))


def troubles(*beats: Heartbeat) -> list[Diagnosis]:
    """Return the diagnoses about workers that need action."""
    found = judge_workers(beats, BUILD, stall=timedelta(seconds=60))
    return [diagnosis for diagnosis in found if diagnosis.level is not Level.OK]


def test_healthy_workers_are_counted() -> None:
    """One diagnosis for all of them, by name."""
    beats = [WELL, replace(WELL, name="b@h")]
    (diagnosis,) = judge_workers(beats, BUILD, stall=timedelta(seconds=60))

    assert diagnosis.level is Level.OK
    assert diagnosis.what == "2 at work: a@h, b@h"


def test_the_absence_of_workers_is_a_warning_with_the_command_that_starts_one() -> None:
    """Accepted jobs wait, which loses nothing."""
    (diagnosis,) = troubles()

    assert diagnosis.level is Level.WARNING
    assert "celery -A" in (diagnosis.fix or "")


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"state": WorkerState.STALLED}, Level.FAULT, "is stalled"),
        (
            {"failing": {"sweeper": "KeyError"}},
            Level.WARNING,
            "has background loops that fail: sweeper (KeyError)",
        ),
        ({"unheard_s": 31}, Level.WARNING, "left messages waiting for 31 s"),
        ({"version": "0"}, Level.WARNING, "another version than this program"),
        (
            {"profile": "x", "policy": "y"},
            Level.WARNING,
            "another Celery profile and another policy than this program",
        ),
        (
            {"overruled": ("worker_prefetch_multiplier",)},
            Level.WARNING,
            "with another worker_prefetch_multiplier than the profile's",
        ),
    ],
)
def test_each_fault_of_a_worker_is_named(change: dict[str, Any], level: Level, words: str) -> None:
    """The diagnosis names the worker, and has a fix; the others are healthy."""
    (diagnosis,) = troubles(replace(WELL, name="b@h"), replace(WELL, **change))

    assert (diagnosis.check, diagnosis.level) == ("worker a@h", level)
    assert words in diagnosis.what
    assert diagnosis.fix


@pytest.mark.parametrize("change", [{"state": WorkerState.STOPPING}, {"unheard_s": 29}])
def test_a_stopping_or_briefly_silent_worker_is_healthy(change: dict[str, Any]) -> None:
    """Also where it has left messages waiting for less than half of the limit."""
    assert troubles(replace(WELL, **change)) == []


def test_a_program_without_a_policy_compares_nothing() -> None:
    """The missing policy is a diagnosis of its own."""
    assert len(judge_workers([WELL], None, stall=timedelta(seconds=60))) == 1


@pytest.mark.parametrize(
    ("lane", "waiting", "beats", "level", "words"),
    [
        (Lane.PIPELINE, EMPTY, [], Level.OK, "0 workers"),
        (Lane.PIPELINE, SOME, [], Level.OK, "3 jobs in line"),
        (Lane.PIPELINE, EMPTY, [replace(WELL, lanes=("refresh",))], Level.FAULT, "no worker"),
        (Lane.INTERACTIVE, SOME, [WELL], Level.WARNING, "waited 11 s for a turn"),
        (Lane.PIPELINE, SOME, [WELL], Level.OK, "4 chunks in hand"),
        (
            Lane.PIPELINE,
            (3, timedelta(minutes=6)),
            [WELL],
            Level.WARNING,
            "waited 360 s for a turn",
        ),
    ],
)
def test_lanes(
    lane: Lane,
    waiting: tuple[int, timedelta | None],
    beats: list[Heartbeat],
    level: Level,
    words: str,
) -> None:
    """Each needs a worker, and short waits for a turn."""
    jobs, waited = waiting
    backlog = LaneBacklog(lane, 7, jobs, timedelta(hours=1), 4)

    diagnosis = judge_lane(backlog, waited, beats, 0)

    assert (diagnosis.check, diagnosis.level) == (f"lane {lane}", level)
    assert words in diagnosis.what


def test_paused_jobs_are_named() -> None:
    """They may have been forgotten; three are named, and more are counted."""
    some, many = judge_paused(["a", "b"]), judge_paused(["a", "b", "c", "d", "e"])

    assert judge_paused([]).level is Level.OK
    assert some.level is Level.WARNING
    assert some.what.endswith(": a, b")
    assert many.what.endswith(": a, b, c and 2 more")


@pytest.mark.parametrize(
    ("counts", "has_webhook", "level", "words"),
    [
        ({}, False, Level.OK, "0 pending"),
        ({HandOverState.PENDING: 2}, True, Level.OK, "2 pending"),
        ({HandOverState.PENDING: 2}, False, Level.WARNING, "no webhook is configured"),
        ({HandOverState.DEAD: 1, HandOverState.DELIVERED: 9}, True, Level.WARNING, "1 given up"),
    ],
)
def test_hand_overs(
    counts: dict[HandOverState, int], level: Level, words: str, *, has_webhook: bool
) -> None:
    """Given-up hand-overs, and pending ones without a webhook, are reported with a fix."""
    diagnosis = judge_outbox(counts, has_webhook=has_webhook)

    assert diagnosis.level is level
    assert words in diagnosis.what


def test_messages_that_no_worker_restores_are_a_warning() -> None:
    """A message that was delivered long ago should have been restored by a worker."""
    assert judge_unanswered(0, None).level is Level.OK
    assert judge_unanswered(3, timedelta(seconds=300)).level is Level.OK
    late = judge_unanswered(3, timedelta(seconds=600))
    assert late.level is Level.WARNING
    assert "3 messages" in late.what


def test_refused_messages_are_a_warning() -> None:
    """A wrong sender finds no other trace of its messages."""
    found = judge_refused({"refused:message": 3, "refused:emasai.enrich": 1, "surfsense:hit": 7})

    assert found.level is Level.WARNING
    assert found.what == "today (UTC) workers have refused: 1 of emasai.enrich, 3 of message"
    assert judge_refused({"surfsense:hit": 7}).level is Level.OK
