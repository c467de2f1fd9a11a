"""What a column holds by its cells, where its name does not say. Pure.

A value that has a form of its own (an e-mail address, a website, a phone, a country) shows in most
cells of its column. A name has none: what shows that a column holds companies is that its names
explain the domains of the e-mails and websites beside them (`Tejidos Norte`, `tejidosnorte.test`),
or that they end with legal forms; people are in the local parts of the addresses (`ana.ruiz@`). A
column that shows neither, or several that show the same, are not read: the wrong company would be
bought.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import Final

from orchestrator.evidence.hosts import folded_label, registrable
from orchestrator.evidence.names import LabelFit, label_fit
from orchestrator.identity import InvalidCompanyName, company_domain, parse_name

from . import cells as checks
from . import flaws
from .cells import unguard, visible
from .cleaning import Blank, blank_kind, is_for_programs, other_field
from .columns import Choice, Columns, LeadField, find_columns
from .countries import country_code
from .folding import fold
from .headings import Holds, heading, is_of_others

#: Rows whose cells are looked at; more would say the same.
SAMPLED_ROWS: Final = 200
#: One in so many cells of a column need not have the form of its values: a few are always damaged.
_ONE_IN: Final = 10
#: The share of the rows in which a name must be found in the address beside it. Many addresses
#: have another name than the company's, or none of the person's.
_MANY: Final = 0.5
_LONGEST_CODE: Final = 3
_SHORTEST_NAME: Final = 3


def fields_by_cells(
    rows: Sequence[Sequence[str]], among: Collection[int], known: Columns
) -> dict[LeadField, tuple[Choice, ...]]:
    """Return the columns that hold what no column of *known* holds.

    Args:
        rows: The first rows of the file, `SAMPLED_ROWS` at most; short ones are filled up.
        among: The numbers of the columns whose meaning is not known.
        known: The columns whose names say what they hold.
    """
    missing = _FOUND.difference(known)
    if not missing:
        return {}
    table = _Table(rows)
    free = [number for number in sorted(among) if any(table.column(number))]
    formed = {
        field: [number for number in free if table.has_most(number, has_form)]
        for field, has_form in _FORMS.items()
        if field in missing
    }
    found: dict[LeadField, tuple[Choice, ...]] = {}
    for field in (LeadField.EMAIL, LeadField.PHONE):
        # What every row has is a colleague's.
        several = [n for n in formed.get(field, []) if not table.is_constant(n)]
        if several:
            found[field] = _each(several)
    email = _first({**known, **found}, LeadField.EMAIL)
    site = _own_site(table, formed.get(LeadField.WEBSITE, []), email)
    if site is not None:
        found[LeadField.WEBSITE] = ((site,),)
    countries = formed.get(LeadField.COUNTRY, [])
    if len(countries) == 1:
        found[LeadField.COUNTRY] = _each(countries)
    if missing & {LeadField.COMPANY, LeadField.CONTACT}:
        names = [number for number in free if table.has_most(number, _may_be_name)]
        found |= _names(table, names, missing, {**known, **found})
    return found


def _names(
    table: "_Table", names: Sequence[int], missing: Collection[LeadField], known: Columns
) -> dict[LeadField, tuple[Choice, ...]]:
    """Return which of *names* hold companies and people, as far as these are missing."""
    found: dict[LeadField, tuple[Choice, ...]] = {}
    email = _first(known, LeadField.EMAIL)
    company = _first(known, LeadField.COMPANY)
    if LeadField.COMPANY in missing:
        company = _company(table, names, table.domains(_first(known, LeadField.WEBSITE), email))
        if company is not None:
            found[LeadField.COMPANY] = ((company,),)
    if LeadField.CONTACT in missing and email is not None:
        people = _people(table, [n for n in names if n != company], email)
        if people:
            found[LeadField.CONTACT] = people
    return found


def columns_in(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    given: Mapping[LeadField, Sequence[str]] = MappingProxyType({}),
    *,
    of_companies: bool = False,
    groups: Sequence[str] = (),
) -> tuple[Columns, frozenset[LeadField]]:
    """Return the columns of each field, and the fields that are known by their cells only.

    Args:
        header: The names of the columns.
        rows: The first rows, `SAMPLED_ROWS` at most.
        given: As for `find_columns`, like the others.
        of_companies: See there.
        groups: See there.

    Raises:
        UnknownColumnError: See there.
    """
    columns = find_columns(header, given, of_companies=of_companies, groups=groups)
    if given.keys() & _NAMED:
        found = fields_by_cells(rows, _unnamed(header, columns), columns)
        return MappingProxyType({**columns, **found}), frozenset(found)
    table = _Table(rows)
    later = {
        field: columns[field]
        for field in _NAMED & columns.keys()
        if all(table.is_blank(number) for choice in columns[field] for number in choice)
    }
    if later:  # another column, that says less by its name, may hold what is blank there
        filled = ["" if table.is_blank(number) else name for number, name in enumerate(header)]
        others = find_columns(filled, of_companies=of_companies, groups=groups)
        columns = {**columns, **{field: others.get(field, ()) for field in later}}
    known = _corrected(columns, table, header, of_companies=of_companies, groups=groups)
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
    return MappingProxyType(known), frozenset(found)


_NAMED: Final = frozenset((LeadField.COMPANY, LeadField.CONTACT))


def _unnamed(header: Sequence[str], known: Columns) -> set[int]:
    read = {number for choices in known.values() for choice in choices for number in choice}
    return {
        number
        for number, name in enumerate(header)
        if number not in read and heading(name) is None and not is_of_others(name)
    }


def _corrected(
    columns: Columns,
    table: "_Table",
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
        if table.has_most(number, is_for_programs)
    }
    refuted = keys | _repeated(columns, table) | _unread(columns, table)
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
    if are_names and all(table.share(number, _has_legal_form) >= _MANY for number in people):
        found[LeadField.COMPANY] = (*found.get(LeadField.COMPANY, ()), *_each(people))
        found[LeadField.CONTACT] = ()
    return {field: choices for field, choices in found.items() if choices}


def _repeated(columns: Columns, table: "_Table") -> set[int]:
    """Return the columns of companies, sites and people with one cell for different mail."""
    mail = _first(columns, LeadField.EMAIL)
    if mail is None or table.is_constant(mail):
        return set()
    has_companies = len(set(filter(None, table.domains(None, mail)))) > 1
    fields = (LeadField.CONTACT, LeadField.COMPANY, LeadField.WEBSITE)
    return {
        number
        for field in (fields if has_companies else fields[:1])
        for choice in columns.get(field, ())
        if all(map(table.is_constant, choice))
        for number in choice
    }


def _unread(columns: Columns, table: "_Table") -> set[int]:
    """Return the columns none of whose cells can be what the name says, while others' can.

    A column of pages of social networks is none of websites, even if there is no other.
    """
    unread = {
        number
        for number in _numbers(columns.get(LeadField.WEBSITE, ()))
        if table.is_several(number) and table.has_most(number, _is_profile)
    }
    for field, can_be in _CHECKED.items():
        numbers = [n for n in _numbers(columns.get(field, ())) if not table.is_blank(n)]
        if len(numbers) > 1:
            good = {number for number in numbers if table.has_any(number, can_be)}
            unread |= set(numbers) - good if good else set()
    return unread


_CHECKED: Final[Mapping[LeadField, Callable[[str], bool]]] = {
    LeadField.EMAIL: lambda text: _read(checks.email_address, text) is not None,
    LeadField.WEBSITE: lambda text: _read(checks.website, text) is not None,
    LeadField.PHONE: lambda text: _read(lambda each: checks.phone(each, None), text) is not None,
    LeadField.CONTACT: lambda text: other_field(text) is None,
}


def _numbers(choices: Iterable[Choice]) -> list[int]:
    return [number for choice in choices for number in choice]


def _is_profile(text: str) -> bool:
    try:
        checks.website(text)
    except checks.BadValueError as bad:
        return bad.flaw.kind == flaws.OTHER_SITE
    return False


def _is_mere_name(name: str) -> bool:
    meaning = heading(name)
    return meaning is not None and meaning.holds is Holds.NAME


def is_row(cells: Iterable[str]) -> bool:
    """Return whether *cells* hold a value, as no names of columns do: the file has no header."""
    texts = [visible(unguard(cell)) for cell in cells]
    return any(
        text and (any(has_form(text) for has_form in _FORMS.values()) or _has_legal_form(text))
        for text in texts
    )


class _Table:
    """The cells of the sample, blank where they are missing or say nothing."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        self._rows = rows
        self._columns: dict[int, list[str]] = {}

    def column(self, number: int) -> list[str]:
        if number not in self._columns:
            cells = (row[number] if number < len(row) else "" for row in self._rows)
            self._columns[number] = [_said(cell) for cell in cells]
        return self._columns[number]

    def share(self, number: int, shows: Callable[[str], bool]) -> float:
        """Return the share of the filled cells for which *shows* is true."""
        filled = [cell for cell in self.column(number) if cell]
        return fmean(map(shows, filled)) if filled else 0.0

    def is_blank(self, number: int) -> bool:
        """Return whether no row says anything there."""
        return not any(self.column(number))

    def has_any(self, number: int, shows: Callable[[str], bool]) -> bool:
        """Return whether *shows* is true for a cell."""
        return any(map(shows, filter(None, self.column(number))))

    def is_several(self, number: int) -> bool:
        """Return whether more rows than one have a cell there."""
        return sum(map(bool, self.column(number))) > 1

    def is_constant(self, number: int) -> bool:
        """Return whether several rows have the same cell, and none has another."""
        filled = list(filter(None, self.column(number)))
        return len(filled) > 1 and len(set(filled)) == 1

    def has_most(self, number: int, shows: Callable[[str], bool]) -> bool:
        """Return whether *shows* is true for all filled cells but one in ten.

        Most columns hold something else: no more of their cells is looked at than shows that.
        """
        filled = [cell for cell in self.column(number) if cell]
        others = 0
        for cell in filled:
            others += not shows(cell)
            if others * _ONE_IN > len(filled):
                return False
        return bool(filled)

    def domains(self, website: int | None, email: int | None) -> list[str | None]:
        """Return the company's domain in each row, as far as website or e-mail tell it."""
        columns = [self.column(number) for number in (website, email) if number is not None]
        return [
            next(filter(None, (_domain_in(column[row]) for column in columns)), None)
            for row in range(len(self._rows))
        ]


def _said(cell: str) -> str:
    text = visible(unguard(cell))
    return "" if not text or blank_kind(text, fold(text)) is Blank.NOTHING else text


def _domain_in(text: str) -> str | None:
    check = checks.email_address if "@" in text else checks.website
    return company_domain(_read(check, text))


def _read(check: Callable[[str], str], text: str) -> str | None:
    try:
        return check(text)
    except checks.BadValueError:
        return None


def _is_email(text: str) -> bool:
    return "@" in text and _read(checks.email_address, text) is not None


def _is_website(text: str) -> bool:
    # `Hornos S.L.` has dots, too.
    return "." in text and not {"@", " "} & set(text) and _read(checks.website, text) is not None


def _is_phone(text: str) -> bool:
    """Return whether *text* is written as phones are: digits alone may be a number of a record."""
    if other_field(text) != "number" or text.isdecimal():
        return False
    is_international = text.startswith(("+", "00"))
    return is_international and _read(lambda each: checks.phone(each, None), text) is not None


def _is_country(text: str) -> bool:
    """Return whether *text* names a country: a code may be a language, a state or a legal form."""
    # `oven, spain` are keywords, `Madrid, Spain` is a place.
    is_list = "," in text and not text[0].isupper()
    is_name = len(text) > _LONGEST_CODE and not is_list and country_code(text) is not None
    return is_name and not _has_legal_form(text)


_FORMS: Final[Mapping[LeadField, Callable[[str], bool]]] = {
    LeadField.EMAIL: _is_email,
    LeadField.WEBSITE: _is_website,
    LeadField.PHONE: _is_phone,
    LeadField.COUNTRY: _is_country,
}


_FOUND: Final = frozenset((*_FORMS, LeadField.COMPANY, LeadField.CONTACT))
"""The fields whose columns are known by their cells."""


def _may_be_name(text: str) -> bool:
    has_form = any(has_form(text) for has_form in _FORMS.values())
    is_page = "." in text and "/" in text
    return not has_form and not is_page and other_field(text) is None


def _each(numbers: Iterable[int]) -> tuple[Choice, ...]:
    return tuple((number,) for number in numbers)


def _first(columns: Columns, field: LeadField) -> int | None:
    choices = columns.get(field)
    return choices[0][0] if choices else None


def _own_site(table: _Table, sites: Sequence[int], email: int | None) -> int | None:
    """Return the column of the companies' own sites: those that their mail has, too.

    Else the only column of different sites: that of a portal or of a campaign repeats one.
    """
    if email is not None:
        mail = table.domains(None, email)
        for number in sites:
            if _share_alike(table.domains(number, None), mail) >= _MANY:
                return number
    different = [n for n in sites if _most_frequent(table.column(n)) < _MANY]
    return different[0] if len(sites) == len(different) == 1 else None


def _share_alike(some: Sequence[str | None], others: Sequence[str | None]) -> float:
    pairs = [(one, other) for one, other in zip(some, others, strict=True) if one and other]
    return fmean(registrable(one) == registrable(other) for one, other in pairs) if pairs else 0.0


def _most_frequent(cells: Iterable[str]) -> float:
    counts = Counter(filter(None, cells))
    return max(counts.values()) / counts.total()


def _company(table: _Table, names: Sequence[int], domains: Sequence[str | None]) -> int | None:
    """Return the column whose names explain the *domains* of the rows, else end with legal forms.

    Of several those with legal forms: a surname or a deal's title may explain a domain, too.
    """
    with_form = {number: table.share(number, _has_legal_form) for number in names}
    if any(domains):
        explained = {number: _explained(table.column(number), domains) for number in names}
        names = [number for number in names if explained[number] >= _MANY]
        return _best(table, {n: (explained[n], with_form[n]) for n in names})
    return _best(table, {n: (share,) for n, share in with_form.items() if share >= _MANY})


def _explained(cells: Sequence[str], domains: Sequence[str | None]) -> float:
    pairs = [(name, domain) for name, domain in zip(cells, domains, strict=True) if name and domain]
    if not pairs:
        return 0.0
    return fmean(
        label_fit(name, folded_label(registrable(domain))) >= LabelFit.SHORTENED
        for name, domain in pairs
    )


def _has_legal_form(text: str) -> bool:
    try:
        return parse_name(text).legal_form is not None
    except InvalidCompanyName:
        return False


def _best(table: _Table, shares: Mapping[int, tuple[float, ...]]) -> int | None:
    """Return the column with the largest shares; None if another has them with other cells."""
    if not shares:
        return None
    best = max(shares.values())
    first, *others = (number for number in sorted(shares) if shares[number] == best)
    is_one = all(table.column(other) == table.column(first) for other in others)
    return first if is_one else None


def _people(table: _Table, names: Sequence[int], email: int) -> tuple[Choice, ...]:
    """Return the column of whole names, or those of their parts in the order of the addresses."""
    locals_ = [fold(text.partition("@")[0]).replace(" ", "") for text in table.column(email)]
    places = {number: list(_places(table.column(number), locals_)) for number in names}
    found = [
        number
        for number, at in places.items()
        if at and sum(place >= 0 for place in at) >= _MANY * len(at) and _is_written(table, number)
    ]
    whole = [n for n in found if table.share(n, lambda cell: " " in cell) >= _MANY]
    if whole:
        best = _best(table, dict.fromkeys(whole, (1.0,)))
        return () if best is None else ((best,),)
    parts = sorted(found, key=lambda n: (fmean(p for p in places[n] if p >= 0), n))
    return (tuple(parts[:2]),) if parts else ()


def _is_written(table: _Table, number: int) -> bool:
    """Return whether the cells are written as names are: a user's name has digits or no capital."""
    return table.has_most(
        number, lambda cell: cell[0].isupper() and not any(map(str.isdigit, cell))
    )


def _places(names: Sequence[str], locals_: Sequence[str]) -> Iterator[int]:
    """Yield where the first word of each name that is in its address stands there; -1 for none."""
    for name, local in zip(names, locals_, strict=True):
        if name and local:
            words = [word for word in fold(name).split() if len(word) >= _SHORTEST_NAME]
            yield next((local.find(word) for word in words if word in local), -1)
