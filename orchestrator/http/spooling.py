"""A file that a request brings, read as the command line reads it.

It is kept on disk until its rows are stored, and read in a thread: a few hundred rows are in memory
at a time.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from orchestrator.infra.bounds import MAX_ROWS, FilledText
from orchestrator.leadfile import (
    FOR_PIPELINE,
    LeadField,
    LeadFile,
    LeadFileError,
    LeadRow,
    Level,
    RowProblem,
    Spool,
    read_lead_file,
)

from .errors import FieldFault, Refusal, Refused
from .pieces import set_digest

#: How the file is called in sentences: what came over HTTP has no name.
_NAME: Final = Path("The file")
#: Rows that are read, and stored, together.
_PART: Final = 500
#: Bytes that are written to disk together.
_BLOCK: Final = 1 << 20
#: Characters of a line: other requests wait while one is taken apart.
_MAX_LINE: Final = 1_000_000
#: Seconds that a file waits for the one before it: some are in memory whole while they are opened.
_PATIENCE_S: Final = 30.0
_Names = Annotated[list[FilledText], Field(max_length=20)]


@dataclass(frozen=True, slots=True)
class FileQuery:
    """How a file is to be read: names of columns that do not say what they hold, by field."""

    company: Annotated[_Names | None, Query(description="Columns of the company.")] = None
    contact: Annotated[_Names | None, Query(description="Columns of the person.")] = None
    email: Annotated[_Names | None, Query(description="Columns of the e-mail.")] = None
    website: Annotated[_Names | None, Query(description="Columns of the website.")] = None
    country: Annotated[_Names | None, Query(description="Columns of the country.")] = None
    city: Annotated[_Names | None, Query(description="Columns of the town.")] = None
    phone: Annotated[_Names | None, Query(description="Columns of the phone number.")] = None
    source: Annotated[_Names | None, Query(description="Columns of the source.")] = None
    notes: Annotated[_Names | None, Query(description="Columns of notes.")] = None
    encoding: Annotated[
        FilledText | None, Query(description="Such as cp1250; found out by default.")
    ] = None

    @property
    def columns(self) -> dict[LeadField, list[str]]:
        """The names by field, in the order in which they are tried."""
        return {each: names for each in LeadField if (names := getattr(self, each))}


class RowFault(BaseModel):
    """What is wrong with a row of the file.

    `row` is the line that it begins on, from 1, `field` the column as the file calls it, "" for the
    row as a whole. With `is_error` the row makes no lead or company; otherwise the value was left
    out.
    """

    row: int
    field: str
    message: str
    is_error: bool

    @classmethod
    def of(cls, problem: RowProblem) -> "RowFault":
        """Return *problem* as it is answered."""
        return cls(
            row=problem.row,
            field=problem.field,
            message=_worded(f"{problem.message}; {problem.hint}."),
            is_error=problem.level is Level.ERROR,
        )


async def spooled(request: Request) -> Spool:
    """Return the body, which is on disk then; the request is identified by its content.

    Raises:
        Refused: It broke off, or there is no room for it.
    """
    digest, block = hashlib.sha256(), bytearray()
    with ExitStack() as on_failure:
        try:
            copy = on_failure.enter_context(tempfile.TemporaryFile())
            async for chunk in request.stream():
                digest.update(chunk)
                block += chunk
                if len(block) > _BLOCK:
                    await asyncio.to_thread(copy.write, block)
                    block = bytearray()
            copy.write(block)
            copy.flush()
        except ClientDisconnect:
            raise Refused(_BROKEN_OFF) from None
        except OSError:
            raise Refused(_NO_ROOM) from None
        on_failure.pop_all()
    set_digest(request, digest.hexdigest())
    return Spool(_NAME, copy=copy)


@asynccontextmanager
async def turn(request: Request) -> AsyncIterator[None]:
    """Let one file of the process be read at a time."""
    state = request.app.state
    if not hasattr(state, "reading_file"):
        state.reading_file = asyncio.Lock()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await state.reading_file.acquire()
    except TimeoutError:
        raise Refused(_BUSY) from None
    try:
        yield
    finally:
        state.reading_file.release()


async def opened(
    spool: Spool,
    wanted: FileQuery,
    needs: frozenset[LeadField] = FOR_PIPELINE,
    *,
    is_json: bool = False,
) -> LeadFile:
    """Return the file with its rows still to be read; the arguments are `read_lead_file`'s.

    Raises:
        Refused: It cannot be used at all.
    """
    try:
        file = await asyncio.to_thread(
            read_lead_file,
            _NAME,
            needs=needs,
            columns=wanted.columns,
            encoding=wanted.encoding,
            spool=spool,
            is_json=is_json,
            max_line=_MAX_LINE,
        )
    except LeadFileError as error:
        if getattr(error.__cause__, "errno", None) is not None:
            raise Refused(_NO_ROOM) from error
        message = _worded(f"{error}.")
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise Refused(Refusal(status, "unreadable_file", message)) from error
    if file.length > MAX_ROWS:
        raise Refused(_TOO_LONG)
    return file


async def parts_of(file: LeadFile) -> AsyncIterator[list[LeadRow]]:
    """Yield the rows of *file*, some at a time."""
    rows = file.rows()
    while part := await asyncio.to_thread(lambda: list(islice(rows, _PART))):
        yield part


def no_usable_row(rows: int, what: str, faults: Sequence[RowFault]) -> Refusal:
    """Return the answer to a file none of whose *rows* has what it needs."""
    message = f"None of the {rows:,} rows has a usable {what}; correct what is listed."
    listed = [
        FieldFault(field=fault.field, item=fault.row, message=f"Row {fault.row}: {fault.message}")
        for fault in faults
    ]
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "no_usable_row", message, listed)


def _worded(sentence: str) -> str:
    """Return a sentence of the command line as it reads here."""
    return sentence.replace("--column ", "the parameter ").replace("--encoding", "'encoding'")


_BROKEN_OFF: Final = Refusal(
    HTTPStatus.BAD_REQUEST,
    "broken_off",
    "The upload broke off; nothing was accepted, send it again.",
)
_NO_ROOM: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "disk_full",
    "There is no room on the server's disk for this file; nothing was stored, try again later.",
    headers={"Retry-After": "60"},
)
_BUSY: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "busy",
    "Another file is being read; nothing was stored, send this one again in a minute.",
    headers={"Retry-After": "60"},
)
_TOO_LONG: Final = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_large",
    f"A file has at most {MAX_ROWS:,} rows; split it into several.",
)
