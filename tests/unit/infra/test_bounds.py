"""The bounds that every entry point shares: what passes, what does not, and as what."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestrator.infra import bounds
from orchestrator.infra.clock import utc_now

TENANT: TypeAdapter[str] = TypeAdapter(bounds.Tenant)
NAME: TypeAdapter[str] = TypeAdapter(bounds.FilledText)
INSTANT: TypeAdapter[datetime] = TypeAdapter(bounds.Instant)
UNTIL: TypeAdapter[datetime] = TypeAdapter(bounds.Until)
DEADLINE: TypeAdapter[datetime] = TypeAdapter(bounds.Deadline)
MICROS: TypeAdapter[int] = TypeAdapter(bounds.CostMicros)
USD: TypeAdapter[Decimal] = TypeAdapter(bounds.CostUsd)
FLAG: TypeAdapter[bool] = TypeAdapter(bounds.Flag)
KEY: TypeAdapter[str] = TypeAdapter(bounds.IdempotencyKey)


@pytest.mark.parametrize(
    "value",
    [
        *(60, "60", 1e9, True, None, [], {}, "", "now", "2026-12-30", "20261230T1000Z"),
        *("2026-12-30T10:00", "2026-12-30T10:00:00Z\n", "2026-02-30T10:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-12-30T10:00:00+99:00"),
        *("1969-12-31T23:59:59Z", "3000-01-01T00:00:01Z", "2026-12-30T10:00:00Z" + " " * 40),
    ],
)
def test_an_instant_is_written_out_with_its_zone_and_within_range(value: object) -> None:
    """Neither a number nor a date alone is an instant, nor what UTC cannot express."""
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)


def test_an_instant_becomes_utc() -> None:
    """Two ways to write one instant are one value."""
    tokyo = INSTANT.validate_python("2026-12-30T19:00:00+09:00")

    assert tokyo == INSTANT.validate_python("2026-12-30T10:00:00Z")
    assert tokyo.utcoffset() == timedelta(0)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.datetimes())
def test_whatever_is_given_an_instant_can_be_stored(value: Any) -> None:  # noqa: ANN401 - anything
    """What passes has a timestamp, a text form, and goes through any time zone."""
    try:
        instant = INSTANT.validate_python(value)
    except ValidationError:
        return
    assert datetime.fromisoformat(instant.isoformat()).timestamp() == instant.timestamp()
    assert instant.astimezone(UTC) == instant


def test_a_deadline_lies_ahead_but_not_too_far() -> None:
    """A new request needs time; one that is understood late may have none left."""
    now = utc_now()
    passed, near = now - timedelta(seconds=1), now + timedelta(hours=1)
    far = now + bounds.DEADLINE_HORIZON + timedelta(hours=1)

    assert DEADLINE.validate_python(near) == near
    assert UNTIL.validate_python(passed) == passed
    for adapter, instant in ((DEADLINE, passed), (DEADLINE, far), (UNTIL, far)):
        with pytest.raises(ValidationError):
            adapter.validate_python(instant)


@pytest.mark.parametrize("value", [True, "1", 1.0, -1, None, 10**15 + 1, 10**4000])
def test_micros_are_a_whole_number_within_bounds(value: object) -> None:
    """Texts, truth values and fractions are no micro-dollars."""
    with pytest.raises(ValidationError):
        MICROS.validate_python(value)


@pytest.mark.parametrize(
    "value",
    [
        *(True, None, -1, "-1", "-0", float("nan"), "NaN", float("inf"), "1e9", "1_0", "٣", " 1"),
        *(1_000_000_001, "0.0000001", "9" * 50, 10**400),
    ],
)
def test_dollars_are_a_plain_amount_within_bounds(value: object) -> None:
    """What is no plain amount to the micro-dollar is refused."""
    with pytest.raises(ValidationError):
        USD.validate_python(value)


@pytest.mark.parametrize(
    ("given", "micros"), [(0, 0), (2, 2_000_000), (0.1, 100_000), ("1.000001", 1_000_001)]
)
def test_dollars_become_micros_exactly(given: object, micros: int) -> None:
    """No fraction is lost on the way."""
    assert bounds.micros_of(USD.validate_python(given)) == micros


@pytest.mark.parametrize("value", ["", "a:b", "a b", "ñ", "a\n", "x" * 65, 5, None])
def test_a_tenant_is_short_and_of_a_safe_alphabet(value: object) -> None:
    """It becomes part of Redis keys and log lines."""
    with pytest.raises(ValidationError):
        TENANT.validate_python(value)


@pytest.mark.parametrize(
    "value",
    ["", " ", "\u200b ", "\u2800", "a\0", "a\x1b[1m", "a\x9b1m", "a\x7f", "\ud83d", "x" * 1_001, 5],
)
def test_a_name_is_visible_bounded_and_without_controls(value: object) -> None:
    """What a terminal obeys or a database refuses is no part of a text."""
    with pytest.raises(ValidationError):
        NAME.validate_python(value)


@pytest.mark.parametrize(
    "value", ["Telefónica, S.A.", "Two\nlines\t", "\u200dक्\u200dष", "株式会社"]
)
def test_a_name_of_any_script_passes_unchanged(value: str) -> None:
    """Tabs, line ends and joiners are part of many texts."""
    assert NAME.validate_python(value) == value


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_only_a_truth_value_is_a_flag(value: object) -> None:
    """0 is not false."""
    with pytest.raises(ValidationError):
        FLAG.validate_python(value)


@pytest.mark.parametrize("value", ["", " ", "x" * 256, "a\0", 7])
def test_an_idempotency_key_is_a_short_visible_text(value: object) -> None:
    """Whatever its alphabet."""
    with pytest.raises(ValidationError):
        KEY.validate_python(value)
