"""Reads the leads and companies of a request, as only the domain can check them. Pure.

Leads are read by the rules of lead files, so the same lead has the same id by every entry point.
Long lists are read by pieces, and no further than the faults that an answer shows.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Final

from pydantic import TypeAdapter

from agents.case import Lead
from orchestrator.identity import InvalidCompanyName, Mention, mention_of, parse_name
from orchestrator.infra.background import Turns
from orchestrator.infra.bounds import MAX_TEXT
from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    LeadFile,
    LeadRow,
    Level,
    RowProblem,
    lead_from,
)
from orchestrator.leadfile.cells import shown, unguard
from orchestrator.leadfile.rows import Sheet
from orchestrator.leads import Imported

from .errors import (
    LISTED_FAULTS,
    FieldFault,
    Location,
    Refused,
    field_fault,
    invalid_request,
)
from .requests import Cells, LeadChanges
from .spooling import RowFault, no_usable_row, parts_of

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
_BLOCK: Final = 500


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
    """Return the leads of *given*.

    Args:
        given: What a request says of them.
        within: Name of the list in the request; None where the lead is the whole request.

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
        if len(block) == _BLOCK:
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

    Args:
        leads: As they were imported.
        imported: What they have become.
        within: As for `read_leads`.
        first: The number of the first of *leads* in that list.
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
