"""Column types that behave alike everywhere."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from orchestrator.database.schema import Instant, Prose

_DIALECT = sqlite.dialect()
_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_naive_datetime_is_refused() -> None:
    """Its instant is unknown."""
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(_NOON.replace(tzinfo=None), _DIALECT)


def test_an_instant_is_stored_in_utc() -> None:
    """The zone it came in is gone, the instant is not."""
    in_madrid = _NOON.astimezone(timezone(timedelta(hours=1)))

    stored = Instant().process_bind_param(in_madrid, _DIALECT)

    assert stored == _NOON
    assert stored is not None
    assert stored.tzinfo is UTC


@pytest.mark.parametrize(
    "delivered", [_NOON.replace(tzinfo=None), _NOON.astimezone(timezone(timedelta(hours=-5)))]
)
def test_an_instant_is_read_in_utc(delivered: datetime) -> None:
    """Whether the database forgot the zone or answers in its own."""
    read = Instant().process_result_value(delivered, _DIALECT)

    assert read == _NOON
    assert read is not None
    assert read.tzinfo is UTC


def test_nothing_stays_nothing() -> None:
    """NULL passes in both directions."""
    assert Instant().process_bind_param(None, _DIALECT) is None
    assert Instant().process_result_value(None, _DIALECT) is None
    assert Prose().process_bind_param(None, _DIALECT) is None
