"""What the reply of the begin script means."""

from datetime import timedelta

import pytest

from orchestrator.memo import CorruptEntry, Entry
from orchestrator.memo.entry import (
    LEASE_MARGIN,
    Failed,
    Following,
    Fresh,
    Leading,
    encode,
    read_begin_reply,
)

ENTRY = Entry("found", {"a": 1}, 10, 20)


def test_a_stored_entry_is_fresh() -> None:
    """What Redis still has is fresh, since it expires by itself."""
    reply = [b"entry", encode(ENTRY, token="t"), 15]

    assert read_begin_reply("k", reply) == Fresh(ENTRY)


def test_an_unreadable_entry_is_reported() -> None:
    """The driver hears that something lies there, and sets it aside."""
    with pytest.raises(CorruptEntry):
        read_begin_reply("k", [b"entry", b"?", 15])


def test_a_failure_in_force_is_passed_on() -> None:
    """The record is what the codec had made."""
    assert read_begin_reply("k", [b"failure", b'{"code":"x"}', 15, 70]) == Failed(
        {"code": "x"}, timedelta(milliseconds=70)
    )


def test_a_follower_waits_until_just_after_the_lease_can_have_expired() -> None:
    """Asking a little later than the lease ends finds it gone."""
    assert read_begin_reply("k", [b"follower", 500, 15, b"process.flight"]) == Following(
        timedelta(milliseconds=500) + LEASE_MARGIN, "process.flight"
    )


@pytest.mark.parametrize(
    ("record", "read"), [(None, None), (b'{"written_by":"a.1"}', {"written_by": "a.1"})]
)
def test_a_leader_learns_its_generation_and_what_was_left(
    record: bytes | None, read: dict[str, str] | None
) -> None:
    """The record of a leader that never finished comes with the lead."""
    assert read_begin_reply("k", [b"leader", 3, 15, record]) == Leading(3, 15, read)
