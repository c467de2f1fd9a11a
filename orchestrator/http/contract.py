"""What the OpenAPI document says of a request is held against it before its body is read.

A query has documented names only, a misspelt limit is none; numbers and flags in it are written as
JSON writes them, pydantic would take " 5 ", 5.0 and "yes", too. An answer has a media type that the
caller accepts. HEAD is answered wherever GET is.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.leadfile.cells import shown

from .errors import FieldFault, Refusal, invalid_request
from .openapi import operations_in

_MOST_PARAMETERS: Final = 1_000
_PLACEHOLDER: Final = re.compile(r"\\{\w+\\}")
_RANGE: Final = re.compile(r"\s*([^\s;/]+/[^\s;/]+)\s*(;.*)?", re.DOTALL)
_WEIGHT: Final = re.compile(
    r";\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.IGNORECASE
)
_NO_GZIP: Final = re.compile(r"gzip\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)
_MEDIA_TYPE: Final = "emasai.media_type"
#: What the document leaves out: itself, and the page of it.
_UNLISTED: Final = {"/docs": ("text/html",), "/openapi.json": ("application/json",)}


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """Return the media type that *accept* prefers (RFC 9110, 12.5.1); None if it takes none.

    >>> preferred("text/csv;q=0.5, application/*", ("text/csv", "application/x-ndjson"))
    'application/x-ndjson'
    >>> preferred("text/csv;q=0", ("text/csv",)) is None
    True
    """
    if not accept.strip():
        return offered[0]
    weights: dict[str, float] = {}
    for each in accept.split(","):
        if found := _RANGE.fullmatch(each):
            weight = _WEIGHT.search(found[2] or "")
            weights[found[1].lower()] = 1.0 if weight is None else float(weight[1])
    best = max(offered, key=lambda media_type: _weight_of(media_type, weights))
    return best if _weight_of(best, weights) else None


def _weight_of(media_type: str, weights: Mapping[str, float]) -> float:
    """Return what the most specific range says."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)


def media_type_of_answer(scope: Scope) -> str:
    """Return the media type that a request is answered with, by what it accepts."""
    chosen: str = scope[_MEDIA_TYPE]
    return chosen


#: Type of a query parameter -> how it is written, and what is said otherwise.
_FORMS: Final = {
    "boolean": (re.compile("true|false"), "must be true or false; correct it"),
    "integer": (re.compile("-?[0-9]+"), "must be a whole number; correct it"),
    "number": (
        re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
        "must be a number; correct it",
    ),
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    """What the document says of a parameter of a query."""

    is_list: bool
    form: tuple[re.Pattern[str], str] | None

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> "_Parameter":
        types = [each.get("type") for each in (schema, *schema.get("anyOf", ()))]
        form = next((_FORMS[each] for each in types if each in _FORMS), None)
        return cls("array" in types, form)

    def complaints(self, values: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with *values*."""
        if len(values) > 1 and not self.is_list:
            yield "is given more than once; give it once"
        if self.form is not None and not all(map(self.form[0].fullmatch, values)):
            yield self.form[1]


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the document says of one method of an address."""

    parameters: Mapping[str, _Parameter]
    media_types: Sequence[str]
    has_versions: bool = False

    @classmethod
    def of(cls, operation: Mapping[str, Any]) -> "_Operation":
        parameters = {
            each["name"]: _Parameter.of(each["schema"])
            for each in operation.get("parameters", ())
            if each["in"] == "query"
        }
        answers = [each for status, each in operation["responses"].items() if status < "300"]
        media_types = [media_type for each in answers for media_type in each.get("content", {})]
        return cls(
            parameters, media_types, any("ETag" in each.get("headers", {}) for each in answers)
        )


_UNLISTED_OPERATIONS: Final = {path: _Operation({}, types) for path, types in _UNLISTED.items()}


class Contract:
    """ASGI middleware that holds requests against the OpenAPI document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: list[tuple[re.Pattern[str], dict[str, _Operation]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 406 or 422, or pass the request on; what is not known is for the router."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._answer_head(scope, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._operation_at(scope)
        if operation is not None:
            refusal = _refusal(scope, operation)
            if refusal is not None:
                await refusal.response(scope)(scope, receive, send)
                return
            _restrict_encoding(scope, operation)
        await self._app(scope, receive, send)

    async def _answer_head(self, scope: Scope, send: Send) -> None:
        """Answer as to GET, without the body, of which no more is made than its beginning."""
        as_get = {**scope, "method": "GET"}
        begun = asyncio.Event()
        received = iter(({"type": "http.request", "body": b"", "more_body": False},))

        async def receive() -> Message:
            for message in received:
                return message
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not begun.is_set():
                begun.set()
                await send({"type": "http.response.body"})

        try:
            await self._answer(as_get, receive, send_head)
        finally:
            # What the router has found is for the log.
            scope.update(as_get, method="HEAD")

    def _operation_at(self, scope: Scope) -> _Operation | None:
        path, method = scope["path"], scope["method"]
        if path in _UNLISTED_OPERATIONS:
            return _UNLISTED_OPERATIONS[path]
        if self._known is None:
            self._known = _known_in(scope["app"].openapi())
        for pattern, methods in self._known:
            if pattern.fullmatch(path):
                return methods.get(method)
        return None


def _known_in(document: dict[str, Any]) -> list[tuple[re.Pattern[str], dict[str, _Operation]]]:
    known: dict[str, dict[str, _Operation]] = {}
    for path, method, operation in operations_in(document):
        known.setdefault(path, {})[method.upper()] = _Operation.of(operation)
    # Addresses without a placeholder first: `failed` is no id.
    paths = sorted(known.items(), key=lambda each: "{" in each[0])
    return [
        (re.compile(_PLACEHOLDER.sub("[^/]+", re.escape(path))), methods) for path, methods in paths
    ]


def _refusal(scope: Scope, operation: _Operation) -> Refusal | None:
    if scope["query_string"]:
        refusal = _query_refusal(scope["query_string"], operation.parameters)
        if refusal is not None:
            return refusal
    if not operation.media_types:
        return None
    accept = ",".join(Headers(scope=scope).getlist("accept"))
    scope[_MEDIA_TYPE] = preferred(accept, operation.media_types)
    if scope[_MEDIA_TYPE] is not None:
        return None
    offered = " and ".join(f"'{each}'" for each in dict.fromkeys(operation.media_types))
    message = f"The answer can be {offered}; accept that with the header 'Accept', or leave it out."
    return Refusal(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable", message)


def _restrict_encoding(scope: Scope, operation: _Operation) -> None:
    """Leave records with a version as they are: compressed ones would need an `ETag` of their own.

    The framework's compression does not look at weights.
    """
    headers = Headers(scope=scope)
    if operation.has_versions or _NO_GZIP.search(headers.get("accept-encoding", "")):
        scope["headers"] = [each for each in scope["headers"] if each[0] != b"accept-encoding"]


def _query_refusal(query: bytes, known: Mapping[str, _Parameter]) -> Refusal | None:
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        return invalid_request([_query_fault("", "has too many parameters")])
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    faults = [
        _query_fault(name, "is not known here; remove it, or correct its name")
        for name in given
        if name not in known
    ]
    faults += [
        _query_fault(name, complaint)
        for name, values in given.items()
        if name in known
        for complaint in known[name].complaints(values)
    ]
    return invalid_request(faults) if faults else None


def _query_fault(name: str, complaint: str) -> FieldFault:
    named = shown(name)
    return FieldFault(field=named, message=f"{named or 'The address'} {complaint}.")
