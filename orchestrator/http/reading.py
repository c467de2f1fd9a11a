"""Checks what only the domain can check: names, addresses, countries. Pure.

Leads are read by the rules of lead files, so the same lead has the same id by every door. Long
lists are read by pieces, and no further than the faults that an answer shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.case import Lead
from orchestrator.identity import InvalidCompanyName, Mention, mention_of, parse_name
from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    Level,
    RowProblem,
    lead_from,
)
from orchestrator.leadfile.rows import Sheet

from .errors import LISTED_FAULTS, FieldFault, Refused, invalid_request
from .faults import Location, field_fault
from .pieces import Turns
from .requests import GivenCompany, GivenLead

#: Warnings of one answer; more have one cause.
LISTED_WARNINGS = 100

_SHEET = Sheet(
    file="",
    header=tuple(LeadField),
    columns={field: (column,) for column, field in enumerate(LeadField)},
    needs=FOR_PIPELINE,
)

_COMPANIES = replace(_SHEET, needs=FOR_ENRICHMENT)


@dataclass(frozen=True, slots=True)
class ReadLeads:
    """Sound leads in their order, and a sentence for everything that was left out of them."""

    leads: list[Lead]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class ReadCompanies:
    """How companies are named, in their order, and a sentence for everything that was left out."""

    mentions: list[Mention]
    warnings: list[str]


async def read_leads(given: Sequence[GivenLead], *, within: str | None = None) -> ReadLeads:
    """Return the leads of *given*.

    Args:
        given: What a request says of them.
        within: Name of the list in the request; None where the lead is the whole request.

    Raises:
        Refused: With every fault that is shown.
    """
    leads: list[Lead] = []
    faults: list[FieldFault] = []
    warnings: list[str] = []
    turns = Turns()
    for number, one in enumerate(given):
        await turns.give()
        where = () if within is None else (within, number)
        fields, problems = _SHEET.read(_cells(one))
        if fields is not None:
            leads.append(lead_from(fields))
        for problem in problems:
            fault = _fault(where, problem)
            if problem.level is Level.ERROR:
                faults.append(fault)
            elif len(warnings) < LISTED_WARNINGS:
                warnings.append(fault.message)
        if len(faults) > LISTED_FAULTS:
            break
    if faults:
        raise Refused(invalid_request(faults))
    return ReadLeads(leads, warnings)


async def read_companies(given: Sequence[str | GivenCompany]) -> ReadCompanies:
    """Return how the companies of *given* are named.

    Raises:
        Refused: With every fault that is shown.
    """
    mentions: list[Mention] = []
    faults: list[FieldFault] = []
    warnings: list[str] = []
    turns = Turns()
    for number, one in enumerate(given):
        await turns.give()
        if len(faults) > LISTED_FAULTS:
            break
        name = one if isinstance(one, str) else one.company
        try:
            parse_name(name)
        except InvalidCompanyName as error:
            complaint = f"is not a company name ({error.reason}); write the company's name"
            where = ("companies", number) if one is name else ("companies", number, "company")
            faults.append(field_fault(where, complaint))
            continue
        if isinstance(one, str):
            mentions.append(Mention(one))
            continue
        fields, problems = _COMPANIES.read(_cells(one))
        if len(warnings) < LISTED_WARNINGS:
            warnings += [_fault(("companies", number), each).message for each in problems]
        mentions.append(Mention(name) if fields is None else mention_of(fields))
    if faults:
        raise Refused(invalid_request(faults))
    return ReadCompanies(mentions, warnings[:LISTED_WARNINGS])


def _cells(given: GivenLead | GivenCompany) -> tuple[str, ...]:
    return tuple(getattr(given, field, None) or "" for field in LeadField)


def _fault(where: Location, problem: RowProblem) -> FieldFault:
    return field_fault((*where, problem.field), f"{problem.message}; {problem.hint}")
