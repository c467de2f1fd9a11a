"""Which columns of a file hold which field of a lead, in which order they are tried."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .cleaning import fold
from .headings import Heading, Holds, Whose, group, heading


class LeadField(StrEnum):
    """The fields that a lead file can have."""

    COMPANY = "company"
    CONTACT = "contact"
    EMAIL = "email"
    WEBSITE = "website"
    COUNTRY = "country"
    CITY = "city"
    PHONE = "phone"
    SOURCE = "source"
    NOTES = "notes"


FOR_PIPELINE = frozenset({LeadField.COMPANY, LeadField.CONTACT})
"""What `run` needs of every row."""
FOR_ENRICHMENT = frozenset({LeadField.COMPANY})
"""What a list of companies needs of every row."""

Choice = tuple[int, ...]
"""Column numbers from 0 whose cells make one value: given name and surname."""
Columns = Mapping[LeadField, tuple[Choice, ...]]
"""For each field the choices in their order: the first with a usable value counts in a row."""

#: A company's own value before a person's, a person's at work before the one at home.
_COMPANY_FIRST: Final = (Whose.WORK, Whose.COMPANY, Whose.UNSAID, Whose.PERSON, Whose.HOME)
#: The address of the lead, not the company's own.
_PERSON_FIRST: Final = (Whose.WORK, Whose.UNSAID, Whose.PERSON, Whose.COMPANY, Whose.HOME)
_SIMPLE: Final = (
    (LeadField.EMAIL, Holds.EMAIL, _PERSON_FIRST),
    (LeadField.WEBSITE, Holds.WEBSITE, _COMPANY_FIRST),
    (LeadField.COUNTRY, Holds.COUNTRY, _COMPANY_FIRST[:-1]),  # no home of a person
    (LeadField.CITY, Holds.CITY, _COMPANY_FIRST[:-1]),
    (LeadField.PHONE, Holds.PHONE, _COMPANY_FIRST),
    (LeadField.SOURCE, Holds.SOURCE, _PERSON_FIRST),
    (LeadField.NOTES, Holds.NOTES, _PERSON_FIRST),
)


class UnknownColumnError(ValueError):
    """A file has no column of the *name* that was given."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def find_columns(
    header: Sequence[str],
    given: Mapping[LeadField, Sequence[str]] = MappingProxyType({}),
    *,
    of_companies: bool = False,
    groups: Sequence[str] = (),
) -> Columns:
    """Return the columns of *header* that are understood; the others are kept, not read.

    Args:
        header: The names of the columns.
        given: The names of the columns of some fields, as the owner of the file gave them; those
            of one field are alternatives.
        of_companies: The file may be a list of companies, whose `Name` is the company's.
        groups: Whose value each column holds, from a line above the names; blank where unsaid.

    Raises:
        UnknownColumnError: A name of *given* is none of *header*; the message is the name.
    """
    taken = {name: _place_of(header, name) for names in given.values() for name in names}
    headings = {
        number: meaning
        for number, name in enumerate(header)
        if number not in taken.values()
        and (meaning := heading(_in_group(name, groups, number))) is not None
    }
    found: dict[LeadField, tuple[Choice, ...]] = {}
    companies = [
        number
        for holds in (Holds.COMPANY, Holds.ACCOUNT)
        for number in _of(headings, holds, _COMPANY_FIRST)
    ] or _of(headings, Holds.CUSTOMER, _COMPANY_FIRST)
    people = _people(headings)
    names = _of(headings, Holds.NAME, _PERSON_FIRST)
    if of_companies and not companies and people == alternatives(names):
        companies, people = names, ()
    elif not companies and people and _are_contacts(headings, people[0]):
        # Beside a `Contact person` the `Name` is the company's.
        companies = [number for number in names if number not in people[0]]
    found[LeadField.COMPANY] = alternatives(companies)
    found[LeadField.CONTACT] = people
    for field, holds, order in _SIMPLE:
        found[field] = alternatives(_of(headings, holds, order))
    found[LeadField.CITY] = _in_country(found, headings)
    for field, named in given.items():
        found[field] = alternatives(taken[name] for name in named)
    return MappingProxyType({field: choices for field, choices in found.items() if choices})


def _are_contacts(headings: Mapping[int, Heading], choice: Choice) -> bool:
    return all(headings[number].whose is Whose.PERSON for number in choice)


def groups_in(above: Sequence[str], columns: int) -> list[str]:
    """Return whose value each of so many *columns* holds, where the cells *above* them say it.

    A cell stands above the first column of its group: it was merged over all. The list is empty
    where these are not several groups.
    """
    cells = above[:columns]
    if len(set(map(group, cells)) - {""}) <= 1:
        return []
    groups = [""]
    for cell in (*cells, *[""] * (columns - len(cells))):
        # Below a title that says nothing, nothing is a company's or a person's.
        groups.append((group(cell) or cell) if cell.strip() else groups[-1])
    return groups[1:]


def _in_group(name: str, groups: Sequence[str], number: int) -> str:
    return f"{groups[number]} - {name}" if number < len(groups) and groups[number] else name


def _in_country(
    found: Mapping[LeadField, tuple[Choice, ...]], headings: Mapping[int, Heading]
) -> tuple[Choice, ...]:
    """Return the columns of towns, without a person's where the country is the company's."""
    cities, countries = found[LeadField.CITY], found[LeadField.COUNTRY]
    if not countries or headings[countries[0][0]].whose not in _COMPANY_FIRST[:2]:
        return cities
    return tuple(choice for choice in cities if headings[choice[0]].whose is not Whose.PERSON)


def _place_of(header: Sequence[str], name: str) -> int:
    """Return the column called *name*, or numbered so from 1 as in `#3`."""
    for known in (list(header), [fold(each) for each in header]):
        wanted = name if known == list(header) else fold(name)
        if wanted and wanted in known:
            return known.index(wanted)
    number = name.removeprefix("#")
    if name != number and number.isdecimal() and 1 <= int(number) <= len(header):
        return int(number) - 1
    raise UnknownColumnError(name)


def _of(headings: Mapping[int, Heading], holds: Holds, order: Sequence[Whose]) -> list[int]:
    among = [
        number for number, each in headings.items() if each.holds is holds and each.whose in order
    ]
    return sorted(among, key=lambda n: (order.index(headings[n].whose), headings[n].turn, n))


def alternatives(numbers: Iterable[int]) -> tuple[Choice, ...]:
    """Return the choices of one column each."""
    return tuple((number,) for number in numbers)


def first_column(columns: Mapping[LeadField, Sequence[Choice]], field: LeadField) -> int | None:
    """Return the column that is tried first for *field*, None where it has none."""
    choices = columns.get(field)
    return choices[0][0] if choices else None


def _people(headings: Mapping[int, Heading]) -> tuple[Choice, ...]:
    """Return where the name of a person stands: whole, in parts, or in a column of any name."""
    full, given, middle, surnames, contacts, names = (
        _of(headings, holds, _PERSON_FIRST)
        for holds in (
            Holds.FULL,
            Holds.GIVEN,
            Holds.MIDDLE,
            Holds.SURNAME,
            Holds.PERSON,
            Holds.NAME,
        )
    )
    # `Lead name` may be the title of a record, so the parts of the name go before it.
    titles = [number for number in full if headings[number].whose is Whose.PERSON]
    parts: tuple[int, ...] = ()
    if given and surnames:
        # A second surname beside a second given name is another person's, or the same once more.
        parts = (given[0], *middle[:1], *surnames[: 2 if len(given) == 1 else 1])
    elif given:
        # In French and German a `Nom` or `Name` beside a given name is the surname.
        parts = (given[0], *middle[:1], *_alike(headings, given[0], names, titles))
    elif surnames:
        first = _alike(headings, surnames[0], names, titles, contacts)
        parts = (*first, *middle[:1], *surnames[:2])
    choices = (
        *alternatives(number for number in full if number not in titles),
        *([parts] if parts else ()),
        *alternatives(titles),
        *alternatives(contacts),
    )
    return tuple(dict.fromkeys(choices)) or alternatives(names)


def _alike(headings: Mapping[int, Heading], number: int, *among: Sequence[int]) -> Sequence[int]:
    """Return the first column of the first of *among* that is whose *number* is, else any first."""
    ways = [each for columns in among for each in columns]
    alike = [each for each in ways if headings[each].whose is headings[number].whose]
    return (alike or ways)[:1]
