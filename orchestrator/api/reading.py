"""Checks what only the domain can check: names, addresses, countries. Pure.

Leads are read by the rules of lead files, so the same lead has the same id by every door.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.case import Lead
from orchestrator.identity import InvalidCompanyName, parse_name
from orchestrator.leadfile import FOR_PIPELINE, LeadField, Level, RowProblem, lead_from
from orchestrator.leadfile.fields import FieldReader
from orchestrator.leadfile.records import Record
from orchestrator.leadfile.sheet import Sheet

from .errors import FieldFault, Refused, invalid_request
from .faults import Location, field_fault
from .requests import GivenLead

#: Warnings of one answer; more have one cause.
LISTED_WARNINGS = 100

_SHEET = Sheet(
    file="",
    header=tuple(LeadField),
    columns={field: (column,) for column, field in enumerate(LeadField)},
    needs=FOR_PIPELINE,
)


@dataclass(frozen=True, slots=True)
class ReadLeads:
    """Sound leads in their order, and a sentence for everything that was left out of them."""

    leads: list[Lead]
    warnings: list[str]


def read_leads(given: Sequence[GivenLead], *, within: str | None = None) -> ReadLeads:
    """Return the leads of *given*. Slow for many: call it in a thread.

    Args:
        given: What a request says of them.
        within: Name of the list in the request; None where the lead is the whole request.

    Raises:
        Refused: With every fault of every lead.
    """
    leads: list[Lead] = []
    faults: list[FieldFault] = []
    warnings: list[str] = []
    for number, one in enumerate(given):
        where = () if within is None else (within, number)
        reader = FieldReader(_SHEET, Record(0, 0, _cells(one)))
        fields = reader.lead()
        if fields is not None:
            leads.append(lead_from(fields))
        for problem in reader.problems:
            fault = _fault(where, problem)
            if problem.level is Level.ERROR:
                faults.append(fault)
            else:
                warnings.append(fault.message)
    if faults:
        raise Refused(invalid_request(faults))
    return ReadLeads(leads, warnings[:LISTED_WARNINGS])


def check_companies(names: Sequence[str]) -> None:
    """Accept *names* if each can be a company's. Slow for many: call it in a thread.

    Raises:
        Refused: With every one that cannot.
    """
    faults: list[FieldFault] = []
    for number, name in enumerate(names):
        try:
            parse_name(name)
        except InvalidCompanyName as error:
            complaint = f"is not a company name ({error.reason}); write the company's name"
            faults.append(field_fault(("companies", number), complaint))
    if faults:
        raise Refused(invalid_request(faults))


def _cells(given: GivenLead) -> tuple[str, ...]:
    return tuple(getattr(given, field) or "" for field in LeadField)


def _fault(where: Location, problem: RowProblem) -> FieldFault:
    return field_fault((*where, problem.field), f"{problem.message}; {problem.hint}")
