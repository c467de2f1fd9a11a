"""What SurfSense says about its verbs, invented in the form of its schemas."""

from collections.abc import Iterable
from typing import Any

from orchestrator.evidence.model import Step
from orchestrator.surfsense.capabilities import USED
from orchestrator.surfsense.verbs import VERBS

JsonObject = dict[str, Any]

_CRAWL: list[JsonObject] = [
    {"unit": "page", "micros_per_unit": 2_000},
    {"unit": "captcha_attempt", "micros_per_unit": 3_000},
]
PRICING: dict[Step, list[JsonObject]] = {
    Step.MAPS: [
        {"unit": "place", "micros_per_unit": 3_500},
        {"unit": "review", "micros_per_unit": 1_500},
    ],
    Step.SEARCH: [{"unit": "page", "micros_per_unit": 5_500}],
    Step.CRAWL: _CRAWL,
    Step.PAGES: _CRAWL,
    Step.JOBS: [{"unit": "job", "micros_per_unit": 3_500}],
}


def verb(
    step: Step,
    *,
    pricing: object = None,
    lacks: Iterable[str] = (),
    requires: Iterable[str] = (),
) -> JsonObject:
    """Return what SurfSense says of the verb of *step*; it *lacks* request or answer fields."""
    use, gone = USED[step], set(lacks)
    item: JsonObject = {"type": "object", "properties": {}, "additionalProperties": True}
    for path in sorted(use.answer - gone):
        _add(item, path.split("."))
    required = [use.limit, *requires] if requires else []
    return {
        "name": VERBS[step].capability,
        "description": "Invented.",
        "input_schema": {
            "type": "object",
            "properties": {name: _nullable({"type": "string"}) for name in use.request - gone},
            "required": required,
        },
        "output_schema": {
            "$defs": {"Item": item},
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
        },
        "pricing": PRICING[step] if pricing is None else pricing,
    }


def every_verb() -> list[JsonObject]:
    """Return all verbs that are used, and one that is not."""
    one_each = {VERBS[step].capability: verb(step) for step in Step}
    return [{"name": "youtube.scrape", "pricing": []}, *one_each.values()]


def _add(schema: JsonObject, path: list[str]) -> None:
    """Add the field at *path*, lists and choices on the way, as pydantic writes them."""
    inner = schema["properties"]
    if len(path) == 1:
        inner[path[0]] = _nullable({"type": "string"})
        return
    outer = inner.setdefault(
        path[0],
        _nullable({"type": "array", "items": {"type": "object", "properties": {}}}),
    )
    _add(outer["anyOf"][0]["items"], path[1:])


def _nullable(schema: JsonObject) -> JsonObject:
    return {"anyOf": [schema, {"type": "null"}]}
