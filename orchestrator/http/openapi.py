"""The OpenAPI document, the same whatever the settings: what the framework leaves out of it."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from .errors import REQUEST_ID, RETRY_AFTER_S, Problem
from .problems import PROBLEM_JSON, PROBLEMS, type_of

_PROBLEM: Final = {"$ref": f"#/components/schemas/{Problem.__name__}"}
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
#: Headers of answers with one status.
_HEADERS_OF: Final[dict[str, dict[str, Any]]] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "example": "Bearer"}},
    "503": {
        "Retry-After": {
            "description": "Seconds after which the request should be repeated.",
            "schema": {"type": "integer"},
            "example": RETRY_AFTER_S,
        }
    },
}


class DocumentedApi(FastAPI):
    """An application with a complete document."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, which is made once."""
        if not self.openapi_schema:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with the media type and the examples of errors, and all headers."""
    for status, answer in _answers_in(document):
        content = answer.get("content", {})
        if content.get("application/json", {}).get("schema") == _PROBLEM:
            answer["content"] = {PROBLEM_JSON: {"schema": _PROBLEM, "examples": _examples(status)}}
        headers = {**_HEADERS, **_HEADERS_OF.get(status, {})}
        answer["headers"] = headers | answer.get("headers", {})
    return document


def _answers_in(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from operation["responses"].items()


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
