"""Reads the leads and companies of a request, out of its JSON or a file that it brings.

They are read by the rules of lead files, so the same lead has the same id by every entry point.
Long lists are read by pieces, and no further than the faults that an answer shows. A file is kept
on disk until its rows are stored, and read in a thread: a few hundred rows are in memory at a time.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.requests import ClientDisconnect

from agents.case import Lead
from orchestrator.identity import InvalidCompanyName, Mention, mention_of, parse_name
from orchestrator.infra.background import Turns
from orchestrator.infra.bounds import MAX_ROWS, MAX_TEXT, FilledText
from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    LeadFile,
    LeadFileError,
    LeadRow,
    Level,
    Limits,
    LongFileError,
    RowProblem,
    Spool,
    lead_from,
    read_lead_file,
)
from orchestrator.leadfile.cells import shown, unguard
from orchestrator.leadfile.rows import Sheet
from orchestrator.leads import Imported

from .bodies import one_at_a_time, set_digest
from .errors import (
    FULL_RETRY_S,
    LISTED_FAULTS,
    FieldFault,
    Location,
    Refusal,
    Refused,
    field_fault,
    invalid_request,
)
from .requests import Cells, LeadChanges

#: Warnings of one answer; more have one cause.
LISTED_WARNINGS: Final = 100

_SHEET = Sheet(
    file="",
    header=tuple(LeadField),
    columns={field: ((column,),) for column, field in enumerate(LeadField)},
    needs=FOR_PIPELINE,
)

_COMPANY: Final = list(LeadField).index(LeadField.COMPANY)
_COMPANIES = replace(_SHEET, needs=FOR_ENRICHMENT)


_LEADS: Final = TypeAdapter(list[Lead])
#: Leads that are stored together.
_AT_ONCE: Final = 500


@dataclass(slots=True)
class ReadLeads:
    """Sound leads in their order, and a sentence for everything that was left out of them.

    Leads are kept as JSON by the block, for the reason that `requests` keeps items as texts.
    """

    warnings: list[str] = field(default_factory=list)
    _blocks: list[bytes] = field(default_factory=list)

    def add(self, leads: list[Lead]) -> None:
        """Keep some leads."""
        self._blocks.append(_LEADS.dump_json(leads))

    def leads(self) -> Iterator[list[Lead]]:
        """Yield the leads, some at a time."""
        return map(_LEADS.validate_json, self._blocks)


@dataclass(frozen=True, slots=True)
class ReadCompanies:
    """Companies in their order, each as the text of a `Mention`, and what was left out."""

    mentions: list[str]
    warnings: list[str]


async def read_leads(given: Sequence[Cells], *, within: str | None = None) -> ReadLeads:
    """Return the leads of *given*, a list *within* the request; None where it is one lead itself.

    Raises:
        Refused: With every fault that is shown.
    """
    read = ReadLeads()
    block: list[Lead] = []
    faults: list[FieldFault] = []
    turns = Turns()
    for number, cells in enumerate(given):
        await turns.give()
        where = () if within is None else (within, number)
        fields, problems = _SHEET.read(cells)
        if fields is not None:
            block.append(lead_from(fields))
        if len(block) == _AT_ONCE:
            read.add(block)
            block = []
        for problem in problems:
            fault = _fault(where, problem)
            if problem.level is Level.ERROR:
                faults.append(fault)
            elif len(read.warnings) < LISTED_WARNINGS:
                read.warnings.append(fault.message)
        if len(faults) > LISTED_FAULTS:
            break
    if faults:
        raise Refused(invalid_request(faults))
    read.add(block)
    return read


def known_persons(
    leads: Sequence[Lead], imported: Imported, *, within: str | None = None, first: int = 0
) -> list[str]:
    """Return a warning for each of *leads* that may be a person who was stored already.

    *within* is as for `read_leads`, and *first* the number of the first of them in that list.
    """
    return [
        _fault(() if within is None else (within, n), _SHEET.known_person(0, lead.contact)).message
        for n, (lead, lead_id) in enumerate(zip(leads, imported.ids, strict=True), start=first)
        if lead_id in imported.doubtful
    ]


def read_changes(given: LeadChanges) -> dict[str, str | None]:
    """Return the fields that *given* changes, checked and normalised as those of a new lead.

    Raises:
        Refused: A value cannot be used, which of a new lead would only be left out.
    """
    named = [each for each in LeadField if each in given.model_fields_set]
    cells = [(getattr(given, each) or "") if each in named else "" for each in LeadField]
    sheet = replace(_SHEET, needs=FOR_PIPELINE.intersection(named))
    if LeadField.COMPANY not in named:
        cells[_COMPANY] = "Acme Industrial"  # a row needs one; it is not kept
    fields, problems = sheet.read(cells)
    faults = [
        _fault((), problem)
        for problem in problems
        # That a name alone could be any of many companies is no reason to refuse it.
        if problem.level is Level.ERROR or problem.field in set(named) - {LeadField.COMPANY}
    ]
    if faults or fields is None:
        raise Refused(invalid_request(faults))
    return {each: getattr(fields, each) for each in named}


async def read_companies(given: Sequence[str | Cells]) -> ReadCompanies:
    """Return how the companies of *given* are named.

    Raises:
        Refused: With every fault that is shown.
    """
    mentions: list[str] = []
    faults: list[FieldFault] = []
    warnings: list[str] = []
    turns = Turns()
    for number, one in enumerate(given):
        await turns.give()
        if len(faults) > LISTED_FAULTS:
            break
        name = one if isinstance(one, str) else one[_COMPANY]
        try:
            parse_name(name)
        except InvalidCompanyName as error:
            complaint = f"is not a company name ({error.reason}); write the company's name"
            where = ("companies", number) if one is name else ("companies", number, "company")
            faults.append(field_fault(where, complaint))
            continue
        if isinstance(one, str):
            mentions.append(Mention(one).text)
            continue
        fields, problems = _COMPANIES.read(one)
        if len(warnings) < LISTED_WARNINGS:
            warnings += [_fault(("companies", number), each).message for each in problems]
        mentions.append((Mention(name) if fields is None else mention_of(fields)).text)
    if faults:
        raise Refused(invalid_request(faults))
    return ReadCompanies(mentions, warnings[:LISTED_WARNINGS])


def _fault(where: Location, problem: RowProblem) -> FieldFault:
    return field_fault((*where, problem.field), f"{problem.message}; {problem.hint}")


class UploadedCompanies:
    """The companies of a file, each as the text of a `Mention`, and what was left out of them.

    A row without a usable company is one that fails: the others keep their numbers.
    """

    def __init__(self, file: LeadFile) -> None:
        """Read *file*, which was opened `FOR_ENRICHMENT`."""
        self._file = file
        self._faults: list[RowFault] = []

    @property
    def warnings(self) -> list[str]:
        """A sentence for each row, or value, that was left out of what has been read."""
        return [f"Row {each.row}, {each.field or 'all'}: {each.message}" for each in self._faults]

    async def mentions(self) -> AsyncIterator[list[str]]:
        """Yield the companies, some at a time.

        Raises:
            Refused: No row has a usable company.
        """
        are_usable = False
        async for rows in parts_of(self._file):
            are_usable = are_usable or any(row.lead for row in rows)
            problems = chain.from_iterable(row.problems for row in rows)
            told = (each for each in problems if each.level is not Level.NOTE)
            room = LISTED_WARNINGS - len(self._faults)
            self._faults += map(RowFault.of, islice(told, room))
            yield [self._mention(row).text for row in rows]
        if not are_usable:
            raise Refused(no_usable_row(self._file.length, "company", self._faults))

    def _mention(self, row: LeadRow) -> Mention:
        if row.lead is not None:
            return mention_of(row.lead)
        column = self._file.sheet.columns[LeadField.COMPANY][0][0]
        cell = unguard(row.cells[column]) if column < len(row.cells) else ""
        name = shown(cell, MAX_TEXT)
        try:
            parse_name(name)
        except InvalidCompanyName:
            return Mention(name)
        return Mention("")  # the name, a placeholder for instance, must not be looked up


#: How the file is called in sentences: what came over HTTP has no name.
_NAME: Final = Path("The file")
#: Rows that are read, and stored, together.
_PART: Final = 500
#: Bytes that are written to disk together.
_BLOCK_BYTES: Final = 1 << 20
#: Other requests wait while a line is taken apart. Rows of notes have several lines.
LIMITS: Final = Limits(line=1_000_000, lines=3 * MAX_ROWS, rows=MAX_ROWS)
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
            message=_reword(f"{problem.message}; {problem.hint}."),
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
                if len(block) > _BLOCK_BYTES:
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


def turn(request: Request) -> AbstractAsyncContextManager[None]:
    """Let one file of the process be read at a time: some are in memory whole while opened."""
    return one_at_a_time(request, "file", _BUSY)


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
        return await asyncio.to_thread(
            read_lead_file,
            _NAME,
            needs=needs,
            columns=wanted.columns,
            encoding=wanted.encoding,
            spool=spool,
            is_json=is_json,
            limits=LIMITS,
        )
    except LongFileError as error:
        raise Refused(Refusal("too_large", f"{error}.")) from error
    except LeadFileError as error:
        if getattr(error.__cause__, "errno", None) is not None:
            raise Refused(_NO_ROOM) from error
        raise Refused(Refusal("unreadable_file", _reword(f"{error}."))) from error


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
    return Refusal("no_usable_row", message, listed)


def _reword(sentence: str) -> str:
    """Return a sentence of the command line as it reads here."""
    return sentence.replace("--column ", "the parameter ").replace("--encoding", "'encoding'")


_BROKEN_OFF: Final = Refusal(
    "broken_off",
    "The upload broke off; nothing was accepted, send it again.",
)
_NO_ROOM: Final = Refusal(
    "disk_full",
    "There is no room on the server's disk for this file; nothing was stored, try again later.",
    retry_s=FULL_RETRY_S,
)
_BUSY: Final = Refusal(
    "busy",
    "Another file is being read; nothing was stored, send this one again in a minute.",
    retry_s=FULL_RETRY_S,
)
