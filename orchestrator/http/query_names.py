"""Refuses query parameters that an address does not know: a limit with a typing error is none."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.leadfile.cells import shown

from .errors import FieldFault, Refusal, invalid_request
from .security import DOCUMENTATION

_MOST_PARAMETERS: Final = 1_000
_PLACEHOLDER: Final = re.compile(r"\\{\w+\\}")
#: Name of a parameter -> whether it may be given several times.
_Names = Mapping[str, bool]


class QueryNames:
    """ASGI middleware. Goes by the OpenAPI document: what is documented is what is known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: list[tuple[re.Pattern[str], dict[str, _Names]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 422, or pass the request on."""
        refusal = None
        if scope["type"] == "http" and scope["query_string"]:
            refusal = _refusal(scope["query_string"], self._names_at(scope))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal.response()(scope, receive, send)

    def _names_at(self, scope: Scope) -> _Names | None:
        """Return what the address of a request knows; None where there is nothing."""
        if scope["path"].startswith(DOCUMENTATION):
            return {}
        if self._known is None:
            self._known = _known_in(scope["app"].openapi())
        for pattern, methods in self._known:
            if pattern.fullmatch(scope["path"]):
                return methods.get(scope["method"], {})
        return None


def _known_in(document: dict[str, Any]) -> list[tuple[re.Pattern[str], dict[str, _Names]]]:
    # Addresses without a placeholder first: `failed` is no id.
    paths = sorted(document["paths"].items(), key=lambda each: "{" in each[0])
    return [
        (
            re.compile(_PLACEHOLDER.sub("[^/]+", re.escape(path))),
            {method.upper(): _names_of(operation) for method, operation in operations.items()},
        )
        for path, operations in paths
    ]


def _names_of(operation: dict[str, Any]) -> _Names:
    return {
        each["name"]: "array" in str(each["schema"])
        for each in operation.get("parameters", ())
        if each["in"] == "query"
    }


def _refusal(query: bytes, known: _Names | None) -> Refusal | None:
    if known is None:
        return None
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        return invalid_request([_fault("", "has too many parameters")])
    counts = Counter(name for name, _ in pairs)
    faults = [
        _fault(name, "is not known here; remove it, or correct its name")
        for name in counts
        if name not in known
    ]
    faults += [
        _fault(name, "is given more than once; give it once")
        for name, count in counts.items()
        if count > 1 and known.get(name) is False
    ]
    return invalid_request(faults) if faults else None


def _fault(name: str, complaint: str) -> FieldFault:
    named = shown(name)
    return FieldFault(field=named, message=f"{named or 'The address'} {complaint}.")
