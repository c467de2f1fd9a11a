"""What may be cached, and for how long. Pure."""

from typing import Any, Final

import orjson

from orchestrator.memo import CorruptEntry

#: Seconds beyond which nothing is a cache any more.
LONGEST_TTL_S: Final = 365 * 24 * 3600


def checked_ttl_s(ttl: object) -> int:
    """Return *ttl* if it is a whole number of seconds, from one to a year.

    Raises:
        ValueError: It is not; nothing is stored without a TTL.
    """
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 0 < ttl <= LONGEST_TTL_S:
        raise ValueError(
            f"ttl must be a whole number of seconds from 1 to {LONGEST_TTL_S}, not {ttl!r}: "
            "nothing is cached for ever"
        )
    return ttl


def to_json(value: object) -> bytes:
    """Return *value* as JSON; UUIDs, dates and dataclasses become text and objects.

    Raises:
        TypeError: There is no JSON for it.
    """
    return orjson.dumps(value)


def from_json(key: str, stored: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value that was stored as JSON.

    Raises:
        CorruptEntry: It is not JSON.
    """
    try:
        return orjson.loads(stored)
    except orjson.JSONDecodeError as error:
        raise CorruptEntry(key, "not JSON") from error
