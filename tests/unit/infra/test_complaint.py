"""A fault that lasts: one line a minute."""

from orchestrator.infra.complaint import Complaint


class FakeLog:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, /, **fields: object) -> None:
        """Keep one line."""
        self.lines.append((event, fields))


class FakeSeconds:
    """A monotonic clock that stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def test_a_lasting_fault_is_said_once_a_minute_with_what_was_left_out() -> None:
    """The first line comes at once, the next after a minute with the number in between."""
    log, seconds = FakeLog(), FakeSeconds()
    complaint = Complaint(log, monotonic=seconds)

    for _ in range(3):
        complaint.make("redis.away", error="TimeoutError")
    seconds.now = 59.9
    complaint.make("redis.away", error="TimeoutError")
    seconds.now = 60.0
    complaint.make("redis.away", error="ConnectionError")

    assert log.lines == [
        ("redis.away", {"left_out": 0, "error": "TimeoutError"}),
        ("redis.away", {"left_out": 3, "error": "ConnectionError"}),
    ]


def test_one_fault_does_not_hide_another() -> None:
    """Each event has a minute of its own."""
    log = FakeLog()
    complaint = Complaint(log, monotonic=FakeSeconds())

    complaint.make("redis.away")
    complaint.make("value.corrupt")

    assert [event for event, _ in log.lines] == ["redis.away", "value.corrupt"]
