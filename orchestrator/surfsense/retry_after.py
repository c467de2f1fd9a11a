"""How long a 429 asks us to wait. Pure; never raises, whatever the header holds."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: Seconds to wait when the header is missing or unreadable: SurfSense counts in windows
#: of one minute and sends no header for its own limit.
WINDOW_S = 60
#: Seconds beyond which a header is taken for a mistake.
LONGEST_S = 3600

_UNITS = {"s": 1, "m": 60, "h": 3600}
_AMOUNT = re.compile(r"(\d{1,9})(?:\.\d*)?\s*(?:(s|m|h)[a-z]*)?", re.ASCII | re.IGNORECASE)


def retry_after_s(header: str | None, now: datetime) -> int:
    """Return the seconds to wait, from 0 to `LONGEST_S`.

    Args:
        header: `Retry-After` as seconds, as an HTTP date, or in words such as "1 minute",
            which SurfSense sends.
        now: Aware UTC instant at which the answer arrived.
    """
    text = (header or "").strip()
    seconds = _from_amount(text)
    if seconds is None:
        seconds = _from_date(text, now)
    return WINDOW_S if seconds is None else min(max(seconds, 0), LONGEST_S)


def _from_amount(text: str) -> int | None:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) * _UNITS[(match[2] or "s").lower()]


def _from_date(text: str, now: datetime) -> int | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if instant.tzinfo is None:  # "-0000" and a missing zone both mean UTC here
        instant = instant.replace(tzinfo=UTC)
    return round((instant - now).total_seconds())
