"""What any entry point accepts: bounded texts, numbers and instants, as pydantic types. Pure.

HTTP, Celery tasks, commands and settings use the same types, so that no value reaches a stored
record that another part of the program cannot read, compare or write down again. A number never
passes as an instant, nor as a truth value.

>>> from pydantic import TypeAdapter
>>> TypeAdapter(Tenant).validate_python("acme-2")
'acme-2'
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.config import JsonDict

from orchestrator.infra.clock import utc_now

MAX_ITEMS: Final = 100_000
"""Items of a request that is in memory as a whole: HTTP's JSON, a Celery message."""
MAX_ROWS: Final = 1_000_000
"""Rows of a list that is read as it comes."""
MAX_TEXT: Final = 1_000
"""Characters of a name, an address or a number."""
MAX_NOTES: Final = 100_000
MICROS_PER_USD: Final = 1_000_000
MAX_COST_USD: Final = 1_000_000_000
"""A cap beyond it would not be exact: Redis scripts count in doubles."""
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(3000, 1, 1, tzinfo=UTC)
DEADLINE_HORIZON: Final = timedelta(days=366)
"""How far ahead a deadline may be. Jobs are forgotten long before."""

#: Controls except tab and line ends: terminals obey them, and databases refuse NUL.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
#: A date and a time; what follows them is for pydantic to judge. Digits alone would be an epoch.
_WRITTEN_OUT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d[\x20-\x7e]{0,32}", re.ASCII)
_AMOUNT: Final = re.compile(r"\d{1,16}(?:\.\d{1,16})?", re.ASCII)
# Separators, controls and formats: spaces, zero-width characters, byte order marks.
_INVISIBLE: Final = ("Z", "Cc", "Cf")
# Unicode calls these letters and marks, but they are as blank as a space.
_FILLERS: Final = "\u034f\u115f\u1160\u2800\u3164\uffa0"


def is_invisible(char: str) -> bool:
    """Return whether a reader sees nothing of *char*."""
    return unicodedata.category(char).startswith(_INVISIBLE) or char in _FILLERS


def has_control_characters(text: str) -> bool:
    """Return whether *text* contains control characters other than tabs and line ends."""
    return _CONTROL.search(text) is not None


def is_storable(text: str) -> bool:
    """Return whether *text* is free of control characters and of half characters."""
    return not (has_control_characters(text) or _LONE_SURROGATE.search(text))


def _storable(text: str) -> str:
    if has_control_characters(text):
        raise ValueError("contains control characters; remove them")
    if _LONE_SURROGATE.search(text):
        raise ValueError("contains half a character (a lone surrogate); send it whole")
    return text


def _not_blank(text: str) -> str:
    if all(map(is_invisible, text)):
        raise ValueError("is blank; fill it in")
    return text


def _written_out(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not (isinstance(value, str) and _WRITTEN_OUT.fullmatch(value)):
        raise ValueError("must be an instant with its zone, such as 2026-11-30T18:00:00Z")
    return value


def _in_utc(instant: datetime) -> datetime:
    try:
        utc = instant.astimezone(UTC)
    except OverflowError:
        utc = None
    if utc is None or not EARLIEST <= utc <= LATEST:
        raise ValueError(
            f"must be an instant from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}; correct it"
        )
    return utc


def _within_horizon(deadline: datetime) -> datetime:
    if deadline > utc_now() + DEADLINE_HORIZON:
        raise ValueError(f"is more than {DEADLINE_HORIZON.days} days ahead; give an earlier one")
    return deadline


def check_not_passed(deadline: datetime) -> datetime:
    """Return *deadline* if work may still begin before it.

    Raises:
        ValueError: It has passed; the message reads on from the name of the field.
    """
    if deadline <= utc_now():
        raise ValueError("has passed; give a later one")
    return deadline


def _amount(value: object) -> object:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _AMOUNT.fullmatch(value)):
        raise ValueError("must be an amount in US dollars, such as 2 or 0.5; correct it")
    return value


#: As `_CONTROL`, for readers of schemas.
_WITHOUT_CONTROLS: Final[JsonDict] = {
    "pattern": r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
}
Text = Annotated[
    str,
    Field(max_length=MAX_TEXT, json_schema_extra=_WITHOUT_CONTROLS),
    AfterValidator(_storable),
]
FilledText = Annotated[
    str,
    Field(min_length=1, max_length=MAX_TEXT, json_schema_extra=_WITHOUT_CONTROLS),
    AfterValidator(_storable),
    AfterValidator(_not_blank),
]
Notes = Annotated[
    str,
    Field(max_length=MAX_NOTES, json_schema_extra=_WITHOUT_CONTROLS),
    AfterValidator(_storable),
]

#: Whose money is spent. Part of Redis keys, of ledger rows and of log lines.
Tenant = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
#: Chosen by callers to make a repeated request the same request.
IdempotencyKey = Annotated[
    str, Field(min_length=1, max_length=255), AfterValidator(_storable), AfterValidator(_not_blank)
]

CostMicros = Annotated[StrictInt, Field(ge=0, le=MAX_COST_USD * MICROS_PER_USD)]
CostUsd = Annotated[
    Decimal,
    BeforeValidator(_amount),
    Field(ge=0, le=MAX_COST_USD, decimal_places=6),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MAX_COST_USD},
                {"type": "string", "pattern": f"^{_AMOUNT.pattern}$"},
            ]
        }
    ),
]
Flag = StrictBool

#: Aware, in UTC, from `EARLIEST` to `LATEST`: what every store and every text form can hold.
Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
#: Until when work may begin, whether or not that has passed: a repeated request, or one that has
#: waited in a queue, must be understood although it comes late.
Until = Annotated[Instant, AfterValidator(_within_horizon)]
#: The same of a new request, for which it must not have passed.
Deadline = Annotated[Until, AfterValidator(check_not_passed)]


#: What pydantic found wrong with a value: an item of `ValidationError.errors()`.
Fault = Mapping[str, Any]
_SHOULD: Final = re.compile(r"^.*?\bshould ")
_COMPLAINTS: Final = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here; remove it, or correct its name",
    "model_attributes_type": "must be a JSON object; correct it",
    "model_type": "must be a JSON object; correct it",
    "string_type": "must be text; correct it",
    "string_unicode": "contains half a character (a lone surrogate); send it whole",
    "too_wide": "has more fields or entries than any that could be meant; correct it",
    "too_long_value": "is longer than any value that could be meant; shorten it",
    "given_twice": "is given more than once; give it once",
    "timezone_aware": "must have its zone; write it like 2026-11-30T18:00:00Z",
    "union_tag_not_found": 'needs a \'kind\'; add "kind": "enrich" or "kind": "pipeline"',
    "union_tag_invalid": "has an unknown 'kind'; it is 'enrich' or 'pipeline'",
}


def complaint_of(fault: Fault) -> str:
    """Return what is wrong and what to do, as it reads on from the name of the field."""
    message: str = fault["msg"]
    if fault["type"] == "value_error":
        return message.removeprefix("Value error, ")
    if fault["type"] in _COMPLAINTS:
        return _COMPLAINTS[fault["type"]]
    if _SHOULD.match(message):
        return f"{_SHOULD.sub('must ', message)}; correct it"
    return f"cannot be used ({message}); correct it"


def path_of(location: Sequence[str | int]) -> str:
    """Return *location* as people write it.

    >>> path_of(("leads", 2, "email"))
    'leads[2].email'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


def micros_of(usd: Decimal) -> int:
    """Return an amount of `CostUsd` in micro-USD. Exact: smaller fractions are refused."""
    return int(usd * MICROS_PER_USD)
