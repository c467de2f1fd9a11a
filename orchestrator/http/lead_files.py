"""`POST /leads/import`: a lead file, by the reader of the command line, stored and judged.

The file is kept on disk until its rows are stored, and read in a thread: a few hundred rows are in
memory at a time.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from agents.case import Lead
from orchestrator.app import Runtime
from orchestrator.cache import Kind, key_of
from orchestrator.dispatch import Terms, submit_stream
from orchestrator.infra.bounds import MAX_ROWS, FilledText
from orchestrator.jobs import JobKind, Origin, RequestKey
from orchestrator.leadfile import (
    LeadField,
    LeadFile,
    LeadFileError,
    LeadRow,
    Level,
    RowProblem,
    Spool,
    lead_from,
    read_lead_file,
)

from .errors import (
    BODY_ERRORS,
    LISTED_FAULTS,
    FieldFault,
    Refusal,
    Refused,
    documented,
)
from .jobs import url_of
from .limits import CSV, FILE_TYPES, IMPORT_PATH
from .pieces import set_digest
from .requests import (
    CallerOfRequest,
    IdempotencyKey,
    RuntimeOfApp,
    TermsInAddress,
    check_time_is_left,
    terms_of,
)
from .submitting import BROKEN_OFF, JobAccepted, accepted, keyed_request, replayed_job
from .versions import WHOLE_INSTALLATION

router = APIRouter(tags=["leads"], dependencies=[WHOLE_INSTALLATION])

#: How the file is called in sentences: what came over HTTP has no name.
_NAME: Final = Path("The file")
#: Rows that are read, and stored, together.
_PART: Final = 500
#: Bytes that are written to disk together.
_BLOCK: Final = 1 << 20
#: Seconds that a file waits for the one before it: some are in memory whole while they are opened.
_PATIENCE_S: Final = 30.0
_FILE_SCHEMA: Final = {"type": "string", "format": "binary"}
_EXAMPLE: Final = (
    "Empresa;Contacto;Correo;País\nTelefónica, S.A.;Ana Ruiz;ana.ruiz@telefonica.example;España\n"
)
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
        FilledText | None, Query(description="Such as cp1252; found out by default.")
    ] = None

    @property
    def columns(self) -> dict[LeadField, list[str]]:
        """The names by field, in the order in which they are tried."""
        return {each: names for each in LeadField if (names := getattr(self, each))}


class RowFault(BaseModel):
    """What is wrong with a row of the file.

    `row` is the line that it begins on, from 1, `field` the column as the file calls it, "" for the
    row as a whole. With `is_error` the row makes no lead; otherwise the value was left out.
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


class LeadsImported(JobAccepted):
    """The job of the leads of a file, and what became of its rows.

    `rows` are those with text below the header: `leads` different ones, of which `stored` are new,
    `repeated` rows that have the lead of an earlier one, and `faulty` ones without a lead. `faults`
    has the first hundred of `fault_count`. `columns` says by field which columns were read, and
    `left_out` what of the file is no row.
    """

    rows: int
    leads: int
    stored: int
    repeated: int
    faulty: int
    fault_count: int
    faults: list[RowFault]
    columns: dict[LeadField, list[str]]
    left_out: list[str]


@dataclass
class _Counts:
    """What a pass over the rows of a file has found; the fields of `LeadsImported`."""

    rows: int = 0
    leads: int = 0
    stored: int = 0
    repeated: int = 0
    faulty: int = 0
    fault_count: int = 0
    faults: list[RowFault] = field(default_factory=list)

    def add(self, row: LeadRow) -> None:
        """Count *row*."""
        self.rows += 1
        self.leads += _is_new(row)
        self.repeated += row.is_repetition
        self.faulty += row.lead is None
        self.fault_count += len(row.problems)
        room = LISTED_FAULTS - len(self.faults)
        self.faults += map(RowFault.of, row.problems[:room])


def _is_new(row: LeadRow) -> bool:
    return row.lead is not None and not row.is_repetition


async def _parts(file: LeadFile, counts: _Counts) -> AsyncIterator[list[Lead]]:
    """Yield the different leads of *file*, some at a time."""
    rows = file.rows()
    while part := await asyncio.to_thread(lambda: list(islice(rows, _PART))):
        for row in part:
            counts.add(row)
        leads = [lead_from(row.lead) for row in part if row.lead and not row.is_repetition]
        if leads:
            yield leads


@router.post(
    IMPORT_PATH,
    summary="Store the leads of a file and judge them",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses=documented(*BODY_ERRORS),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {each: {"schema": _FILE_SCHEMA} for each in FILE_TYPES}
            | {CSV: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def import_leads(
    request: Request,
    wanted: Annotated[FileQuery, Depends()],
    address: TermsInAddress,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
) -> LeadsImported:
    """Store the leads of a file, update those that are stored, and run them past the agents.

    A workbook (.xlsx, .ods), CSV in any usual dialect and encoding, or JSON objects, one a line or
    in an array; each also compressed by gzip, or alone in a zip: up to a million rows. The content
    tells what it is, whatever the type in the header. Columns are found by their names; parameters
    name those that are not, as `--column` of the command line does.

    Rows without a usable lead are left out, and `faults` says why; the others are one job, and
    `Location` names it. Without any usable row the answer is 422. The cached `lead:*` are dropped.
    `Idempotency-Key` and limits work as for `POST /api/v1/jobs`, and a repeated file stores nothing
    twice.
    """
    terms = terms_of(None, address)
    tenant = caller.tenant_of(terms.tenant, runtime.settings.tenant)
    terms = replace(terms, tenant=tenant)
    spool = await _spooled(request)
    async with keyed_request(runtime, request, tenant, idempotency_key) as keyed:
        before = await replayed_job(runtime, keyed, response)
        if keyed is not None and keyed.replay is not None and before is not None:
            response.headers["Location"] = url_of(before.job_id)
            return LeadsImported.model_validate(keyed.replay.note)
        check_time_is_left(terms)
        async with _turn(request):
            file = await _opened(spool, wanted)
            request_key = None if keyed is None else keyed.key
            answer = await _imported(runtime, file, terms, request_key)
        if keyed is not None:
            await keyed.settled(
                answer.model_dump(mode="json", exclude_unset=True), job_id=answer.job_id
            )
    response.headers["Location"] = answer.url
    return answer


async def _spooled(request: Request) -> Spool:
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
            raise Refused(BROKEN_OFF) from None
        except OSError:
            raise Refused(_NO_ROOM) from None
        on_failure.pop_all()
    set_digest(request, digest.hexdigest())
    return Spool(_NAME, copy=copy)


@asynccontextmanager
async def _turn(request: Request) -> AsyncIterator[None]:
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


async def _opened(spool: Spool, wanted: FileQuery) -> LeadFile:
    """Return the file with its rows still to be read.

    Raises:
        Refused: It cannot be used at all.
    """
    columns, encoding = wanted.columns, wanted.encoding
    try:
        file = await asyncio.to_thread(
            read_lead_file, _NAME, columns=columns, encoding=encoding, spool=spool
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


async def _imported(
    runtime: Runtime, file: LeadFile, terms: Terms, request_key: RequestKey | None
) -> LeadsImported:
    """Store the leads of *file* and submit them as a job.

    Raises:
        Refused: No row has a usable lead.
    """
    counts, job_id = _Counts(), uuid4().hex
    parts = _parts(file, counts)
    first = await anext(parts, None)
    if first is None:
        raise Refused(_unusable(counts))

    async def items() -> AsyncIterator[Sequence[str]]:
        async for leads in _chained(first, parts):
            report = await runtime.leads.store.import_leads(leads)
            counts.stored += report.new
            yield [str(lead.id) for lead in leads]

    new = terms.new_job(runtime, JobKind.PIPELINE, origin=Origin.API, about="imported file")
    job = await submit_stream(runtime, new, items(), job_id=job_id, idempotency_key=request_key)
    await runtime.gateway.cache.invalidate_pattern(key_of(Kind.LEAD, "*"))
    return LeadsImported(
        **accepted(job, [], existing=job.job_id != job_id).model_dump(exclude_unset=True),
        **vars(counts),
        columns={each: list(names) for each, names in file.mapping.items()},
        left_out=list(file.left_out),
    )


async def _chained(
    first: list[Lead], parts: AsyncIterator[list[Lead]]
) -> AsyncIterator[list[Lead]]:
    yield first
    async for each in parts:
        yield each


def _worded(sentence: str) -> str:
    """Return a sentence of the command line as it reads here."""
    return sentence.replace("--column ", "the parameter ").replace("--encoding", "'encoding'")


def _unusable(counts: _Counts) -> Refusal:
    message = f"None of the {counts.rows:,} rows has a usable lead; correct what is listed."
    faults = [
        FieldFault(field=fault.field, item=fault.row, message=f"Row {fault.row}: {fault.message}")
        for fault in counts.faults
    ]
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "no_usable_row", message, faults)


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
