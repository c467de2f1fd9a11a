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


#: What the document leaves out: itself, and the page of it.
_UNLISTED: Final = {
    "/docs": {"GET": _Operation({}, ("text/html",))},
    "/openapi.json": {"GET": _Operation({}, ("application/json",))},
}


class Contract:
    """ASGI middleware that holds requests against the OpenAPI document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: list[tuple[re.Pattern[str], dict[str, _Operation]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 405, 406 or 422, or pass the request on; unknown addresses are the router's."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._answer_head(scope, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        answer = self._app if refusal is None else refusal.response(scope)
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        operations = self._operations_at(scope)
        if operations is None:
            return None
        operation = operations.get(scope["method"])
        if operation is None:
            return _unknown_method(operations)
        _restrict_encoding(scope, operation)
        return _query_refusal(scope, operation) or _media_refusal(scope, operation)

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

    def _operations_at(self, scope: Scope) -> Mapping[str, _Operation] | None:
        """Return what an address knows, by method; None where there is nothing."""
        path = scope["path"]
        if self._known is None:
            self._known = _known_in(scope["app"].openapi())
        found = (methods for pattern, methods in self._known if pattern.fullmatch(path))
        return _UNLISTED.get(path) or next(found, None)


def _known_in(document: dict[str, Any]) -> list[tuple[re.Pattern[str], dict[str, _Operation]]]:
    known: dict[str, dict[str, _Operation]] = {}
    for path, method, operation in operations_in(document):
        known.setdefault(path, {})[method.upper()] = _Operation.of(operation)
    # Addresses without a placeholder first: `failed` is no id.
    paths = sorted(known.items(), key=lambda each: "{" in each[0])
    return [
        (re.compile(_PLACEHOLDER.sub("[^/]+", re.escape(path))), methods) for path, methods in paths
    ]


def _unknown_method(known: Mapping[str, _Operation]) -> Refusal:
    methods = sorted({*known, "HEAD"} if "GET" in known else known)
    message = "This address does not know this method; the header Allow lists those it knows."
    headers = {"Allow": ", ".join(methods)}
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "unknown_method", message, headers=headers)


def _media_refusal(scope: Scope, operation: _Operation) -> Refusal | None:
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


def _query_refusal(scope: Scope, operation: _Operation) -> Refusal | None:
    query, known = scope["query_string"], operation.parameters
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
