"""The states of a job and what may be asked of it in each."""

import pytest

from orchestrator.jobs import Command, JobState, Lane, lane_of
from orchestrator.jobs.model import INTERACTIVE_ITEMS, origins, target


@pytest.mark.parametrize("command", list(Command))
def test_nothing_leads_out_of_a_final_state(command: Command) -> None:
    """What has ended is not paused, resumed or cancelled any more."""
    assert not any(state.is_final for state in origins(command))


@pytest.mark.parametrize("command", list(Command))
def test_asking_twice_is_asking_once(command: Command) -> None:
    """Where a command leads to, it changes nothing."""
    assert target(command) not in origins(command)


def test_a_job_is_worked_on_only_where_it_may_be() -> None:
    """A paused, cancelled or finished job begins no item."""
    assert {state for state in JobState if state.is_workable} == {
        JobState.ACCEPTED,
        JobState.RUNNING,
    }


def test_every_state_that_is_not_final_leads_to_one() -> None:
    """No job can be stuck: it can be worked on, be cancelled, or is being cancelled."""
    for state in JobState:
        assert state.is_final or state in origins(Command.CANCEL) or state is target(Command.CANCEL)
    # That `cancelling` ends when the last worker has let go, test_commands.py shows of the scripts.


def test_small_jobs_are_interactive() -> None:
    """A person waits for a few companies; a file is a batch."""
    assert lane_of(INTERACTIVE_ITEMS) is Lane.INTERACTIVE
    assert lane_of(INTERACTIVE_ITEMS + 1) is Lane.PIPELINE
