"""`POST /leads/import`: a lead file, by the reader of the command line, stored and judged.

Which rows are faulty is said in the answer.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Query

from orchestrator.app import Runtime
from orchestrator.cache import Kind, key_of
from orchestrator.dispatch import Terms, submit_stream
from orchestrator.jobs import JobKind, Origin, RequestKey
from orchestrator.leadfile import (
    LeadField,
    LeadFile,
    LeadRow,
    RowProblem,
    lead_from,
)
from orchestrator.leads import OnConflict

from .bodies import CSV, FILE_TYPES, IMPORT_PATH
from .errors import BODY_ERRORS, LISTED_FAULTS, Refused, documented
from .jobs import url_of
from .reading import FileQuery, RowFault, no_usable_row, opened, parts_of, spooled, turn
from .requests import (
    FILE_SCHEMA,
    CallOfRequest,
    TermsInAddress,
    check_time_is_left,
)
from .submitting import JobAccepted, accepted
from .versions import WHOLE_INSTALLATION

router = APIRouter(tags=["leads"], dependencies=[WHOLE_INSTALLATION])

_WHO_WINS: Final = (
    "What an import changes of a stored lead: everything it says, what was blank, or nothing."
)
_EXAMPLE: Final = (
    "Empresa;Contacto;Correo;País\nTelefónica, S.A.;Ana Ruiz;ana.ruiz@telefonica.example;España\n"
)


class LeadsImported(JobAccepted):
    """The job of the leads of a file, and what became of its rows.

    `rows` are those with text below the header: `leads` different ones, of which `stored` are new,
    `updated` were stored and have changed, and `unchanged` have not; `repeated` rows that have the
    lead of an earlier one, and `faulty` ones without a lead. `faults` has the first hundred of
    `fault_count`. `columns` says by field which columns were read, and `left_out` what of the file
    is no row.
    """

    rows: int
    leads: int
    stored: int
    updated: int
    unchanged: int
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
    updated: int = 0
    unchanged: int = 0
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
        self.fault(row.problems)

    def fault(self, problems: Sequence[RowProblem]) -> None:
        """Count *problems*, and list them while there is room."""
        self.fault_count += len(problems)
        room = LISTED_FAULTS - len(self.faults)
        self.faults += map(RowFault.of, problems[:room])


def _is_new(row: LeadRow) -> bool:
    return row.lead is not None and not row.is_repetition


async def _parts(file: LeadFile, counts: _Counts) -> AsyncIterator[list[LeadRow]]:
    """Yield the rows of *file* with different leads, some at a time."""
    async for part in parts_of(file):
        for row in part:
            counts.add(row)
        rows = [row for row in part if _is_new(row)]
        if rows:
            yield rows


@router.post(
    IMPORT_PATH,
    summary="Store the leads of a file and judge them",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses=documented(*BODY_ERRORS),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {each: {"schema": FILE_SCHEMA} for each in FILE_TYPES}
            | {CSV: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def import_leads(
    wanted: Annotated[FileQuery, Depends()],
    address: TermsInAddress,
    call: CallOfRequest,
    *,
    on_conflict: Annotated[OnConflict, Query(description=_WHO_WINS)] = OnConflict.REPLACE,
) -> LeadsImported:
    """Store the leads of a file, update those that are stored, and run them past the agents.

    A workbook (.xlsx, .ods), CSV in any usual dialect and encoding, or JSON objects, one a line or
    in an array; each also compressed by gzip, or alone in a zip: up to a million rows. The content
    tells what it is, whatever the type in the header. Columns are found by their names; parameters
    name those that are not, as `--column` of the command line does, and `on_conflict` says which
    values of a stored lead are updated.

    Rows without a usable lead are left out, and `faults` says why; the others are one job, and
    `Location` names it. Without any usable row the answer is 422. The cached `lead:*` are dropped.
    `Idempotency-Key` and limits work as for `POST /api/v1/jobs`, and a repeated file stores nothing
    twice.
    """
    terms = call.terms(None, address)
    spool = await spooled(call.request)
    async with call.keyed(terms.tenant) as keyed:
        if before := await call.job_before(keyed):
            job, note = before
            call.response.headers["Location"] = url_of(job.job_id)
            return LeadsImported.model_validate(note)
        check_time_is_left(terms)
        async with turn(call.request):
            file = await opened(spool, wanted)
            answer = await _import_file(
                call.runtime, file, terms, keyed.key if keyed else None, on_conflict
            )
        if keyed is not None:
            await keyed.settled(
                answer.model_dump(mode="json", exclude_unset=True), job_id=answer.job_id
            )
    call.response.headers["Location"] = answer.url
    return answer


async def _import_file(
    runtime: Runtime,
    file: LeadFile,
    terms: Terms,
    request_key: RequestKey | None,
    on_conflict: OnConflict,
) -> LeadsImported:
    """Store the leads of *file* and submit them as a job.

    Raises:
        Refused: No row has a usable lead.
    """
    counts, job_id = _Counts(), uuid4().hex
    parts = _parts(file, counts)
    first = await anext(parts, None)
    if first is None:
        raise Refused(no_usable_row(counts.rows, "lead", counts.faults))

    async def items() -> AsyncIterator[Sequence[str]]:
        async for rows in _chain(first, parts):
            leads = [lead_from(row.lead) for row in rows if row.lead is not None]
            imported = await runtime.leads.store.import_leads(leads, on_conflict=on_conflict)
            counts.stored += imported.report.new
            counts.updated += imported.report.updated
            counts.unchanged += imported.report.unchanged
            of_rows = zip(rows, leads, imported.ids, strict=True)
            doubtful = [
                file.sheet.known_person(row.number, lead.contact)
                for row, lead, lead_id in of_rows
                if lead_id in imported.doubtful
            ]
            counts.fault(doubtful)
            yield list(map(str, imported.ids))

    new = terms.new_job(runtime, JobKind.PIPELINE, origin=Origin.API, about="imported file")
    job = await submit_stream(runtime, new, items(), job_id=job_id, idempotency_key=request_key)
    await runtime.gateway.cache.invalidate_pattern(key_of(Kind.LEAD, "*"))
    return LeadsImported(
        **accepted(job, [], existing=job.job_id != job_id).model_dump(exclude_unset=True),
        **vars(counts),
        columns={each: list(names) for each, names in file.mapping.items()},
        left_out=[each.en for each in file.left_out],
    )


async def _chain(
    first: list[LeadRow], parts: AsyncIterator[list[LeadRow]]
) -> AsyncIterator[list[LeadRow]]:
    yield first
    async for each in parts:
        yield each
