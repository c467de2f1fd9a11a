"""What a row of a lead file says, and what is wrong with it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

from agents.case import Lead

# Changing it would make a second lead of every lead that was ever imported.
_LEADS = UUID("5d0a4b0e-6a57-5c0e-9d0b-0c6f3c0f4e2a")


class Level(StrEnum):
    """An `ERROR` keeps a row out; after a `WARNING` it goes through."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing wrong with one row; `str()` is the sentence for the person who owns the file.

    `row` is the line on which the row starts, the header being on line 1, as an editor and
    a spreadsheet count. `field` is the column as the file calls it, "" for the row as a whole;
    `message` reads on from it.
    """

    file: str
    row: int
    field: str
    message: str
    hint: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        subject = f"{self.field} " if self.field else ""
        return f"{self.file}, row {self.row}: {subject}{self.message}; {self.hint}"


@dataclass(frozen=True, slots=True)
class LeadFields:
    """What a row says about a lead, checked and normalised.

    `email` has its domain in lower case, `country` is an ISO 3166-1 alpha-2 code, `website` an
    http(s) URL or a bare host, `phone` as it was typed.
    """

    company: str
    company_key: str
    contact: str | None = None
    email: str | None = None
    website: str | None = None
    country: str | None = None
    phone: str | None = None
    source: str | None = None
    notes: str | None = None


def lead_id(fields: LeadFields) -> UUID:
    """Return the identity of a lead: its e-mail (without case) and its company key.

    The same person at the same company is the same lead in every file and on every day, so
    importing a file twice makes no second lead; a new employer makes a new one.
    """
    email = (fields.email or "").casefold()
    # No e-mail address and no company key contains a line break.
    return uuid5(_LEADS, f"{email}\n{fields.company_key}")


def lead_from(fields: LeadFields) -> Lead:
    """Return the lead of a row that was read `FOR_PIPELINE`.

    Raises:
        ValueError: The contact or the e-mail is missing: the row was read for less.
    """
    if fields.contact is None or fields.email is None:
        raise ValueError("a lead needs a contact and an e-mail")
    return Lead(
        id=lead_id(fields),
        company=fields.company,
        contact=fields.contact,
        email=fields.email,
        website=fields.website,
        country=fields.country,
        phone=fields.phone,
        source=fields.source,
        notes=fields.notes,
    )


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One row: `cells` exactly as in the file, and the lead they make, None where they make none.

    `number` is the line the row starts on. `lead_number` counts the leads of the file from 0; a
    row that repeats the lead of an earlier one has the same, and shares its result.
    """

    number: int
    cells: tuple[str, ...]
    lead: LeadFields | None
    problems: tuple[RowProblem, ...] = ()
    lead_number: int | None = None
    is_repetition: bool = False
