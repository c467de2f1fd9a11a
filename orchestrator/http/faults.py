"""What pydantic found wrong with a request, in sentences that say what to do. Pure."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from .errors import FieldFault, Refusal, invalid_request

Fault = Mapping[str, Any]
Location = Sequence[str | int]

#: Names that pydantic gives to the kinds of a body; they stand in no request.
TAGS: Final = frozenset({"enrich", "pipeline", "reference", "lead"})
#: The same of the kinds of an item, which no field can be called.
NAME, COMPANY = "<name>", "<company>"

#: The kind of the one fault that stands for those of a list's items.
FAULTY_ITEMS: Final = "faulty_items"

_SHOULD: Final = re.compile(r"^.*?\bshould ")
_NOT_JSON: Final = (
    "must be a JSON object; send one, with the header 'Content-Type: application/json'"
)
_SENTENCES: Final = {
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


def refusal_of(faults: Sequence[Fault]) -> Refusal:
    """Return the answer to a request in which pydantic found *faults*."""
    each = chain.from_iterable(map(_expanded, faults))
    return invalid_request([_field_fault(fault) for fault in each])


def _expanded(fault: Fault) -> Sequence[Fault]:
    """Return the faults that *fault* stands for."""
    if fault["type"] != FAULTY_ITEMS:
        return (fault,)
    within = fault["ctx"]["faults"]
    return [{**each, "loc": (*fault["loc"], *each["loc"])} for each in within]


def path_of(location: Location) -> str:
    """Return *location* as people write it.

    >>> path_of(("leads", 2, "email"))
    'leads[2].email'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


def field_fault(location: Location, complaint: str) -> FieldFault:
    """Return the fault at *location*; *complaint* reads on from the name of the field."""
    path = path_of(location)
    item = next((step for step in location if isinstance(step, int)), None)
    return FieldFault(field=path, item=item, message=f"{path or 'The body'} {complaint}.")


def _field_fault(fault: Fault) -> FieldFault:
    location = fault["loc"][1:]  # without "body", "query" or "path"
    if location and location[0] in TAGS:
        location = location[1:]
    location = tuple(step for step in location if step not in {NAME, COMPANY})
    is_no_object = not location and fault["type"] in {"model_attributes_type", "model_type"}
    return field_fault(location, _NOT_JSON if is_no_object else _complaint(fault))


def _complaint(fault: Fault) -> str:
    message: str = fault["msg"]
    if fault["type"] == "value_error":
        return message.removeprefix("Value error, ")
    if fault["type"] in _SENTENCES:
        return _SENTENCES[fault["type"]]
    if _SHOULD.match(message):
        return f"{_SHOULD.sub('must ', message)}; correct it"
    return f"cannot be used ({message}); correct it"
