"""The OpenAPI document, the same whatever the settings: what the framework leaves out of it."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from .errors import REQUEST_ID, RETRY_AFTER_S, Problem
from .problems import PROBLEM_JSON, PROBLEMS, type_of

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
