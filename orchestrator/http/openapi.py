"""The OpenAPI document, the page `/docs` made of it, and requests held against it.

The document is the same whatever the settings; what the framework leaves out of it is added here.
The page runs no script and loads nothing: its origin spends money, and so could what ran in it
(docs/decisions/0020-docs-without-scripts.md).

`Contract` checks a request before its body is read. A query has documented names only, a misspelt
limit is none; numbers and flags in it are written as JSON writes them, pydantic would take " 5 ",
5.0 and "yes", too. An answer has a media type that the caller accepts. HEAD is answered wherever
GET is.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.leadfile.cells import shown

from .errors import (
    PROBLEM_JSON,
    PROBLEMS,
    REQUEST_ID,
    RETRY_AFTER_S,
    FieldFault,
    Problem,
    Refusal,
    invalid_request,
    type_of,
)

_PROBLEM: Final = {"$ref": f"#/components/schemas/{Problem.__name__}"}
#: An error as the framework documents it.
_AS_JSON: Final = {"application/json": {"schema": _PROBLEM}}
_HEADERS: Final = {
    REQUEST_ID: {
        "description": "The request's id, from the request or made up.",
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "`no-store`; `private, no-cache` of an answer with an `ETag`.",
        "schema": {"type": "string"},
    },
}
_OF_EVERY_OPERATION: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
_LOCATION: Final = {
    "Location": {"description": "The address of what was made.", "schema": {"type": "string"}}
}
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds after which the request should be repeated, if that may help.",
        "schema": {"type": "integer"},
        "example": RETRY_AFTER_S,
    }
}
#: Headers of answers with one status.
_HEADERS_OF: Final[dict[str, dict[str, Any]]] = {
    "201": _LOCATION,
    "202": _LOCATION,
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "example": "Bearer"}},
    "409": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}
_REPLAYED: Final = {
    "Idempotent-Replayed": {
        "description": "`true` if a request with this `Idempotency-Key` was answered before.",
        "schema": {"type": "string"},
    }
}


#: First parts of the addresses that the platform knows without a version.
UNVERSIONED: Final = ("leads", "oportunidades", "dashboard")


class DocumentedApi(FastAPI):
    """An application with a complete document."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, which is made once."""
        if not self.openapi_schema:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with all headers, the form of errors, and addresses with a version."""
    for path, operations in document["paths"].items():
        if path.split("/")[1] in UNVERSIONED:
            operations["servers"] = [{"url": "/"}, {"url": "/api/v1"}]
    for _, _, operation in operations_in(document):
        answers = operation["responses"]
        for status in _OF_EVERY_OPERATION:
            error = {"description": status.phrase, "content": _AS_JSON}
            answers.setdefault(str(status.value), error)
        names = {each["name"] for each in operation.get("parameters", ())}
        replayed = _REPLAYED if "idempotency-key" in names else {}
        for code, answer in answers.items():
            _complete_answer(code, answer, replayed if code < "300" else {})
    return document


def operations_in(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and description of every operation."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "servers":
                yield path, method, operation


def _complete_answer(status: str, answer: dict[str, Any], more: Mapping[str, Any]) -> None:
    if answer.get("content") == _AS_JSON:
        answer["content"] = {PROBLEM_JSON: {"schema": _PROBLEM, "examples": _examples(status)}}
    answer["headers"] = {
        **_HEADERS,
        **_HEADERS_OF.get(status, {}),
        **more,
        **answer.get("headers", {}),
    }


def _examples(status: str) -> dict[str, Any]:
    """Return an example of each problem of *status*; an address has some of them."""
    return {
        code: {
            "summary": title,
            "value": {
                "type": type_of(code),
                "title": title,
                "status": number,
                "detail": f"{title}.",
                "code": code,
                "error": {"code": code, "message": f"{title}."},
            },
        }
        for code, (number, title) in PROBLEMS.items()
        if str(number) == status
    }


documentation = APIRouter(include_in_schema=False)

_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#8881;padding:.7rem;overflow:auto}table{border-collapse:collapse}"
    "td,th{border:1px solid #8886;padding:.2rem .6rem;text-align:left;vertical-align:top}"
    ":root{color-scheme:light dark}"
)
_METHODS: Final = ("get", "put", "post", "delete", "patch")


@documentation.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(page_of(request.app.openapi()), headers=_PAGE_HEADERS)


def page_of(document: Mapping[str, Any]) -> str:
    """Return *document* as HTML. Pure."""
    title = escape(document["info"]["title"])
    return "".join(
        (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
            _paragraphs(document["info"].get("description", "")),
            '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>',
            *_operations(document["paths"]),
            "<h2>Errors</h2>",
            _paragraphs("The `type` of an error leads to its code in this list."),
            _problems(),
            "<h2>Schemas</h2>",
            *_schemas(document.get("components", {}).get("schemas", {})),
            "</body></html>",
        )
    )


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method in _METHODS:
            if method in methods:
                yield from _operation(f"{method.upper()} {path}", methods[method])


def _operation(name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(name)}</code></h2><p><b>{escape(operation['summary'])}.</b></p>"
    yield _paragraphs(operation.get("description", ""))
    parameters = operation.get("parameters", ())
    if parameters:
        rows = [
            (each["name"], each["in"], _kind(each["schema"]), each.get("description", ""))
            for each in parameters
        ]
        yield _table(("parameter", "in", "kind", ""), rows)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{escape(media_type)}</code></p>"
        yield from map(_example, _examples_of(content))
    answers = [
        (status, answer.get("description", "")) for status, answer in operation["responses"].items()
    ]
    yield _table(("answer", ""), answers)


def _examples_of(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    named = content.get("examples", {}).values()
    examples = [(each.get("summary", ""), each["value"]) for each in named]
    return examples + ([("", content["example"])] if "example" in content else [])


def _example(example: tuple[str, Any]) -> str:
    summary, value = example
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return f"<p>{escape(summary)}</p><pre>{escape(text)}</pre>"


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        text = json.dumps(schema, ensure_ascii=False, indent=2)
        yield f"<details><summary><code>{escape(name)}</code></summary>"
        yield f"<pre>{escape(text)}</pre></details>"


def _problems() -> str:
    rows = (
        f'<tr id="{code}"><td>{code}</td><td>{status}</td><td>{escape(title)}.</td></tr>'
        for code, (status, title) in PROBLEMS.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what a value is, in a word or two."""
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(kinds)
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(schema.get("format") or schema.get("type", ""))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "".join(row(each, "td") for each in rows) + "</table>"


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
    return Refusal("unknown_method", message, headers=headers)


def _media_refusal(scope: Scope, operation: _Operation) -> Refusal | None:
    if not operation.media_types:
        return None
    accept = ",".join(Headers(scope=scope).getlist("accept"))
    scope[_MEDIA_TYPE] = preferred(accept, operation.media_types)
    if scope[_MEDIA_TYPE] is not None:
        return None
    offered = " and ".join(f"'{each}'" for each in dict.fromkeys(operation.media_types))
    message = f"The answer can be {offered}; accept that with the header 'Accept', or leave it out."
    return Refusal("not_acceptable", message)


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
