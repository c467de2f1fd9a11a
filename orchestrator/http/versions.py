"""Conditional requests and pages of the gateway: ETag is the version, a cursor the last row."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Header, Query, Response

from orchestrator.fence.writes import Written
from orchestrator.gateway import PageCursor, Read

from .errors import Refusal, Refused
from .requests import CallerOfRequest

#: Says of a read whether it was cached (RFC 9211), and of a write whether copies may be older.
CACHE_STATUS: Final = "Cache-Status"
_DEFERRED: Final = "emasai; detail=deferred"
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_CURSOR: Final = re.compile(r"^\d{1,17}-[0-9a-f]{32}$", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

IfMatch = Annotated[
    str | None, Header(description="The versions that may be changed; else the answer is 412.")
]
IfNoneMatch = Annotated[
    str | None, Header(description="Versions that the caller has; answered with 304.")
]
Cursor = Annotated[
    str | None, Query(pattern=_CURSOR.pattern, description="`next_cursor` of the last page.")
]
#: Headers of answers with a record, as OpenAPI documents them.
RECORD_HEADERS: Final = {
    "ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}},
    CACHE_STATUS: {
        "description": "Of a read `emasai; hit`, with an `Age`, or `emasai; fwd=miss`, with "
        "`stored` if it is cached now. Of a write `emasai; detail=deferred` where reads may "
        "return the version before until Redis answers again, for an hour at most.",
        "schema": {"type": "string"},
    },
}
NOT_MODIFIED: Final = {
    HTTPStatus.NOT_MODIFIED.value: {"description": "The caller has this version."}
}


async def whole_installation(caller: CallerOfRequest) -> None:
    """Refuse keys that are bound to a tenant: leads, companies and costs are of all tenants.

    Raises:
        Refused: The key is bound to one.
    """
    if caller.tenant is not None:
        message = "This concerns all tenants; use a key that is not bound to one."
        raise Refused(Refusal("other_tenant", message))


#: A dependency of every route of the gateway.
WHOLE_INSTALLATION: Final = Depends(whole_installation)


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """Return the versions that a write is meant for, None for any; weak tags match none."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = _TAG.findall(if_match)
    return frozenset(number for weak, tag in tags if not weak for number in _version(tag))


def _version(tag: str) -> tuple[int, ...]:
    return (int(tag),) if re.fullmatch(r"[1-9]\d{0,17}", tag, re.ASCII) else ()


def answer_read(read: Read, if_none_match: str | None) -> Response:
    """Return the answer with a record, or 304 where the caller has this version."""
    status = "emasai; hit" if read.age_s is not None else "emasai; fwd=miss"
    if read.age_s is None and read.stored:
        status += "; stored"
    headers = {"ETag": f'"{read.version}"', CACHE_STATUS: status}
    if read.age_s is not None:
        headers["Age"] = str(read.age_s)
    tags = {tag for _, tag in _TAG.findall(if_none_match or "")}
    if str(read.version) in tags or (if_none_match or "").strip() == "*":
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(read.value, media_type="application/json", headers=headers)


def answer_written(
    written: Written[Any], status: HTTPStatus = HTTPStatus.OK, *, location: str | None = None
) -> Response:
    """Return the answer with a record that was written; *location* where it is a new one."""
    record = written.result
    headers = dict(written_headers(written, record.version))
    if location is not None:
        headers["Location"] = location
    return Response(record.model_dump_json(), status, headers, media_type="application/json")


def written_headers(written: Written[Any], version: int | None = None) -> Mapping[str, str]:
    """Return the headers of the answer to a write."""
    headers = {} if version is None else {"ETag": f'"{version}"'}
    return {**headers, CACHE_STATUS: _DEFERRED} if written.deferred else headers


def cursor_text(cursor: PageCursor | None) -> str | None:
    """Return *cursor* as callers see it."""
    if cursor is None:
        return None
    return f"{(cursor.at - _EPOCH) // _MICROSECOND}-{cursor.id.hex}"


def cursor_of(text: str | None) -> PageCursor | None:
    """Return the place that *text*, which has the pattern of a cursor, names."""
    if text is None:
        return None
    micros, _, record_id = text.partition("-")
    return PageCursor(_EPOCH + int(micros) * _MICROSECOND, UUID(record_id))
