"""What the columns of a file hold: by their names, corrected and filled up by their cells. Pure."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from . import cells as checks
from .by_cells import fields_by_cells
from .cleaning import is_for_programs, other_field
from .columns import Choice, Columns, LeadField, alternatives, find_columns, first_column
from .headings import Holds, Whose, heading, is_of_others
from .joint import Joint, joints_in
from .sample import Sample, has_legal_form, is_profile, read_as

#: The share of the cells of a column called `Name` that must have a legal form.
_MANY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the columns of a file hold.

    `by_cells` are the fields that are known by their cells only, `joints` the columns that have
    several values in each cell.
    """

    columns: Columns
    by_cells: frozenset[LeadField]
    joints: Mapping[int, Joint]


def columns_in(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    given: Mapping[LeadField, Sequence[str]] = MappingProxyType({}),
    *,
    of_companies: bool = False,
    groups: Sequence[str] = (),
) -> Meaning:
    """Return what the columns of a file hold.

    Args:
        header: The names of the columns.
        rows: The first rows, `SAMPLED_ROWS` at most.
        given: As for `find_columns`, like the others.
        of_companies: See there.
        groups: See there.

    Raises:
        UnknownColumnError: See there.
    """
    sample = Sample(rows)
    columns = find_columns(header, given, of_companies=of_companies, groups=groups)
    named = {n for field in given for n in _numbers(columns[field])}
    joints = joints_in(header, sample, named)
    if joints:
        header = ["" if number in joints else name for number, name in enumerate(header)]
        columns = find_columns(header, given, of_companies=of_companies, groups=groups)
    if given.keys() & _NAMED:
        columns = _with_joints(columns, joints, given)
        found = fields_by_cells(rows, _unnamed(header, columns), columns)
        return Meaning(MappingProxyType({**columns, **found}), frozenset(found), joints)
    later = {
        field: columns[field]
        for field in _NAMED & columns.keys()
        if all(sample.is_blank(number) for choice in columns[field] for number in choice)
    }
    if later:  # another column, that says less by its name, may hold what is blank there
        filled = ["" if sample.is_blank(number) else name for number, name in enumerate(header)]
        others = find_columns(filled, of_companies=of_companies, groups=groups)
        columns = {**columns, **{field: others.get(field, ()) for field in later}}
    known = _corrected(columns, sample, header, of_companies=of_companies, groups=groups)
    known = _with_joints(known, joints, given)
    among = _unnamed(header, known)
    people = known.get(LeadField.CONTACT, ())
    if LeadField.COMPANY not in known and len(people) > 1:
        # Of several that are called the contact's one may be the company's.
        among |= {choice[0] for choice in people if len(choice) == 1}
    found = fields_by_cells(rows, among, known)
    taken = {number for choices in found.values() for choice in choices for number in choice}
    for field, choices in {**known, **found}.items():
        kept = tuple(each for each in choices if field in found or not taken & set(each))
        known[field] = tuple(dict.fromkeys((*kept, *later.get(field, ()))))
    for field, choices in later.items():
        known.setdefault(field, choices)
    if LeadField.COMPANY in columns:  # where no column has better names, these are the names
        known.setdefault(LeadField.COMPANY, columns[LeadField.COMPANY])
    return Meaning(MappingProxyType(known), frozenset(found), joints)


_NAMED: Final = frozenset((LeadField.COMPANY, LeadField.CONTACT))


def _with_joints(
    columns: Columns, joints: Mapping[int, Joint], given: Container[LeadField]
) -> dict[LeadField, tuple[Choice, ...]]:
    """Return *columns* with *joints* behind those of one value; not for fields that are *given*.

    Where the company's place is known, no other is looked at.
    """
    found = dict(columns)
    places = {
        n
        for n, joint in joints.items()
        if joint.whose is Whose.COMPANY and LeadField.CITY in joint.fields
    }
    for number, joint in joints.items():
        for field in joint.fields:
            is_others = field in _PLACES and places and number not in places
            if field not in given and not is_others:
                found[field] = (*found.get(field, ()), (number,))
    return found


_PLACES: Final = frozenset((LeadField.CITY, LeadField.COUNTRY))


def _unnamed(header: Sequence[str], known: Columns) -> set[int]:
    read = {number for choices in known.values() for choice in choices for number in choice}
    return {
        number
        for number, name in enumerate(header)
        if number not in read and heading(name) is None and not is_of_others(name)
    }


def _corrected(
    columns: Columns,
    sample: Sample,
    header: Sequence[str],
    *,
    of_companies: bool,
    groups: Sequence[str],
) -> dict[LeadField, tuple[Choice, ...]]:
    """Return *columns* without those whose cells are not what their names say.

    Keys of records are neither companies nor people. One company, person or site for rows with
    different mail is the owner's of the file, a colleague, a form or a portal. Another column, that
    says less by its name, may hold what these do not. A column called `Name` or the like holds
    companies if half of its cells have a legal form.
    """
    keys = {
        number
        for field in _NAMED
        for number in _numbers(columns.get(field, ()))
        if sample.has_most(number, is_for_programs)
    }
    refuted = keys | _repeated(columns, sample) | _unread(columns, sample)
    found = dict(columns)
    if refuted:
        names = ["" if number in refuted else name for number, name in enumerate(header)]
        others = find_columns(names, of_companies=of_companies, groups=groups)
        for field, choices in columns.items():
            # The only company or person in each row is still the lead's.
            kept = choices if field in _NAMED else ()
            found[field] = others.get(field) or tuple(c for c in kept if not keys & set(c))
        found = {**others, **found}
    people = _numbers(found.get(LeadField.CONTACT, ()))
    are_names = bool(people) and all(_is_mere_name(header[number]) for number in people)
    if are_names and all(sample.share(number, has_legal_form) >= _MANY for number in people):
        found[LeadField.COMPANY] = (*found.get(LeadField.COMPANY, ()), *alternatives(people))
        found[LeadField.CONTACT] = ()
    return {field: choices for field, choices in found.items() if choices}


def _repeated(columns: Columns, sample: Sample) -> set[int]:
    """Return the columns of companies, sites and people with one cell for different mail."""
    mail = first_column(columns, LeadField.EMAIL)
    if mail is None or sample.is_constant(mail):
        return set()
    has_companies = len(set(filter(None, sample.domains(None, mail)))) > 1
    fields = (LeadField.CONTACT, LeadField.COMPANY, LeadField.WEBSITE)
    return {
        number
        for field in (fields if has_companies else fields[:1])
        for choice in columns.get(field, ())
        if all(map(sample.is_constant, choice))
        for number in choice
    }


def _unread(columns: Columns, sample: Sample) -> set[int]:
    """Return the columns none of whose cells can be what the name says, while others' can.

    A column of pages of social networks is none of websites, even if there is no other; nor is one
    of pages of one site where another has several.
    """
    hosts = {
        n: len(set(sample.hosts(n)) - {None}) for n in _numbers(columns.get(LeadField.WEBSITE, ()))
    }
    portals = {n for n in hosts if hosts[n] == 1 < max(hosts.values()) and sample.is_several(n)}
    unread = portals | {
        number
        for number in _numbers(columns.get(LeadField.WEBSITE, ()))
        if sample.is_several(number) and sample.has_most(number, is_profile)
    }
    for field, can_be in _CHECKED.items():
        numbers = [n for n in _numbers(columns.get(field, ())) if not sample.is_blank(n)]
        if len(numbers) > 1:
            good = {number for number in numbers if sample.has_any(number, can_be)}
            unread |= set(numbers) - good if good else set()
    return unread


_CHECKED: Final[Mapping[LeadField, Callable[[str], bool]]] = {
    LeadField.EMAIL: lambda text: read_as(checks.email_address, text) is not None,
    LeadField.WEBSITE: lambda text: read_as(checks.website, text) is not None,
    LeadField.PHONE: lambda text: read_as(lambda each: checks.phone(each, None), text) is not None,
    LeadField.CONTACT: lambda text: other_field(text) is None,
}


def _numbers(choices: Iterable[Choice]) -> list[int]:
    return [number for choice in choices for number in choice]


def _is_mere_name(name: str) -> bool:
    meaning = heading(name)
    return meaning is not None and meaning.holds is Holds.NAME
