"""A 429's header, in every shape that servers send."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.surfsense.answers import LONGEST_RETRY_AFTER_S, RATE_WINDOW_S, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        (" 17 ", 17),
        ("1.5", 1),
        ("1 minute", 60),
        ("2 minutes", 120),
        ("30s", 30),
        ("1 hour", 3600),
        ("Mon, 23 Nov 2026 12:00:45 GMT", 45),
        ("Mon, 23 Nov 2026 12:00:45 -0000", 45),
        ("Mon, 23 Nov 2026 11:59:00 GMT", 0),
        ("999999", LONGEST_RETRY_AFTER_S),
        ("Mon, 23 Nov 2037 12:00:45 GMT", LONGEST_RETRY_AFTER_S),
        (None, RATE_WINDOW_S),
        ("", RATE_WINDOW_S),
        ("soon", RATE_WINDOW_S),
        ("-5", RATE_WINDOW_S),
        ("Mon, 99 Nov 2026 12:00:45 GMT", RATE_WINDOW_S),
        ("٣", RATE_WINDOW_S),
    ],
)
def test_a_header_is_read_for_what_it_means(header: str | None, seconds: int) -> None:
    """Seconds, words and dates are understood; anything else waits for the window to end."""
    assert retry_after_s(header, NOW) == seconds


@given(st.text())
def test_no_header_can_break_it(header: str) -> None:
    """Whatever a server sends, the wait is within bounds."""
    assert 0 <= retry_after_s(header, NOW) <= LONGEST_RETRY_AFTER_S


@given(st.integers(min_value=0, max_value=LONGEST_RETRY_AFTER_S))
def test_a_date_and_its_distance_say_the_same(seconds: int) -> None:
    """The two standard forms agree."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s(date, NOW) == retry_after_s(str(seconds), NOW)
