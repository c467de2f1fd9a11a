"""The one shape of every error, and the errors that the API knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

#: Seconds after which a client should repeat what a server that is unavailable could not do.
RETRY_AFTER_S = 5
#: Seconds after which a repeated request should ask whether the first one has been answered.
IN_FLIGHT_RETRY_S = 1
#: Faults of one request that are listed; a caller with more has one cause for them all.
LISTED_FAULTS = 100


class FieldFault(BaseModel):
    """One thing wrong with a request.

    `field` is its path in the request ("leads[2].email"; "" for the request as a whole), `item`
    the number of the list's item, from 0, and `message` a sentence that says what to do.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    item: int | None = None
    message: str


class ErrorDetail(BaseModel):
    """What went wrong: for programs, for people and, in a request, where."""

    code: str
    message: str
    fields: list[FieldFault] | None = None


class ErrorAnswer(BaseModel):
    """The body of every answer that is an error."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": {
                    "code": "invalid_request",
                    "message": "leads[2].email is missing; add it.",
                    "fields": [
                        {
                            "field": "leads[2].email",
                            "item": 2,
                            "message": "leads[2].email is missing; add it.",
                        }
                    ],
                }
            }
        }
    )

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as it is answered."""

    status: HTTPStatus
    code: str
    message: str
    fields: Sequence[FieldFault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        """Return the answer, which is an ASGI application, too."""
        detail = ErrorDetail(
            code=self.code,
            message=self.message,
            fields=list(self.fields[:LISTED_FAULTS]) or None,
        )
        return JSONResponse(
            ErrorAnswer(error=detail).model_dump(mode="json", exclude_none=True),
            self.status,
            headers=dict(self.headers),
        )


class Refused(Exception):
    """Raised by a route to answer with *refusal*."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def invalid_request(faults: Sequence[FieldFault]) -> Refusal:
    """Return the answer to a request with *faults*, of which there is at least one."""
    message = faults[0].message
    if len(faults) > LISTED_FAULTS:
        # Nobody has looked for more: a caller with so many has one cause for them all.
        message = (
            f"The request has more than {LISTED_FAULTS} faults, the first of which are listed; "
            "correct them all."
        )
    elif len(faults) > 1:
        message = f"The request has {len(faults)} faults, which are listed; correct them all."
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message, faults)


def not_found(code: str, message: str) -> Refused:
    """Return the error for something that is not there."""
    return Refused(Refusal(HTTPStatus.NOT_FOUND, code, message))


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of error answers with *statuses*."""
    return {
        status.value: {"model": ErrorAnswer, "description": status.phrase} for status in statuses
    }
