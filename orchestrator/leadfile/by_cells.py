"""What a column holds by its cells, where its name does not say. Pure.

A value that has a form of its own (an e-mail address, a website, a phone, a country) shows in most
cells of its column. A name has none: what shows that a column holds companies is that its names
explain the domains of the e-mails and websites beside them (`Tejidos Norte`, `tejidosnorte.test`),
or that they end with legal forms; people are in the local parts of the addresses (`ana.ruiz@`). A
column that shows neither, or several that show the same, are not read: the wrong company would be
bought. Nor are the addresses of colleagues, sites of others and what may be a fax.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, combinations, permutations
from statistics import fmean
from typing import Final

import phonenumbers

from orchestrator.evidence.hosts import folded_label, registrable
from orchestrator.evidence.names import LabelFit, label_fit

from .cleaning import fold, is_role_address
from .columns import Choice, Columns, LeadField, alternatives, first_column
from .countries import country_code
from .sample import (
    FORMS,
    Sample,
    countries_of,
    domain_in,
    has_legal_form,
    is_linked_name,
    is_mobile,
    is_national_phone,
    may_be_name,
)

#: The share of the rows in which a name must be found in the address beside it. Many addresses
#: have another name than the company's, or none of the person's.
_MANY: Final = 0.5
#: The share of legal forms that makes a second column of companies likely.
_SOME: Final = 0.1
_NEARLY_ALL: Final = 0.9
_SHORTEST_NAME: Final = 3
#: Numbers that show a column of national phones; and how far they are apart, which those that a
#: program counts are not.
_FEWEST_WITH_ZERO: Final = 3
_FEWEST: Final = 5
_GAP: Final = 100
#: In more countries at once, most numbers are phones of one of them.
_MOST_COUNTRIES: Final = 12

_FOUND: Final = frozenset((*FORMS, LeadField.COMPANY, LeadField.CONTACT))
"""The fields whose columns are known by their cells."""


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
    sample = Sample(rows)
    free = [n for n in sorted(among) if not sample.is_blank(n)]
    linked = [n for n in free if sample.has_most(n, is_linked_name)]
    formed = {
        field: [n for n in free if n not in linked and sample.has_most(n, has_form)]
        for field, has_form in FORMS.items()
        if field in missing
    }
    names = []
    if missing & {LeadField.COMPANY, LeadField.CONTACT}:
        names = [n for n in free if n not in linked and sample.has_most(n, may_be_name)]
    found: dict[LeadField, Sequence[Choice]] = dict(known)
    people = [n for choice in known.get(LeadField.CONTACT, ()) for n in choice] or names
    if LeadField.EMAIL in missing:
        found[LeadField.EMAIL] = alternatives(_emails(sample, formed[LeadField.EMAIL], people))
    email = first_column(found, LeadField.EMAIL)
    address = linked[0] if email is None and linked else email
    if LeadField.WEBSITE in missing:
        found[LeadField.WEBSITE] = alternatives(
            _own_sites(sample, formed[LeadField.WEBSITE], address)
        )
    countries = formed.get(LeadField.COUNTRY, [])
    if len(countries) == 1:
        found[LeadField.COUNTRY] = alternatives(countries)
    if LeadField.COMPANY in missing:
        domains = sample.domains(first_column(found, LeadField.WEBSITE), address)
        likely: Collection[int] = ()
        if LeadField.CONTACT in missing and email is not None:
            likely = {n for n in names if _are_found(_places(sample, n, email))}
        found[LeadField.COMPANY] = alternatives(_companies(sample, names, domains, likely))
    company = first_column(found, LeadField.COMPANY)
    if LeadField.CONTACT in missing:
        others = [n for n in names if n != company and not sample.is_constant(n)]
        found[LeadField.CONTACT] = _people(sample, others, email) or alternatives(linked[:1])
    if LeadField.PHONE in missing:
        countries_here = _countries(sample, found)
        phones = formed[LeadField.PHONE] or _national(sample, free, countries_here)
        found[LeadField.PHONE] = alternatives(_phones(sample, phones, company, countries_here))
    return {field: tuple(found[field]) for field in missing if found.get(field)}


def _emails(sample: Sample, columns: Sequence[int], names: Sequence[int]) -> list[int]:
    """Return the columns of the lead's addresses: personal ones at work first.

    A colleague's are of one domain where the leads' are of several, or repeated. Of two people's
    addresses those count in which the *names* beside them are.
    """
    domains = {n: set(filter(None, map(domain_in, sample.column(n)))) for n in columns}
    several = any(len(each) > 1 for each in domains.values())
    kept = [
        n
        for n in columns
        if not sample.is_constant(n)
        and (len(domains[n]) != 1 or not (several or sample.is_repeated(n)))
    ]
    rivals = {n for pair in combinations(kept, 2) if _are_of_two(sample, *pair) for n in pair}
    if rivals:
        named = [n for n in rivals if any(_are_found(_places(sample, name, n)) for name in names)]
        kept = [n for n in kept if n not in rivals or named == [n]]
    return sorted(kept, key=lambda n: (sample.share(n, is_role_address), -len(domains[n])))


def _are_of_two(sample: Sample, one: int, other: int) -> bool:
    """Return whether the addresses in two columns have no word of a name in common."""
    pairs = [
        (_words_of(some), _words_of(others))
        for some, others in zip(sample.column(one), sample.column(other), strict=True)
        if some and others and not is_role_address(some) and not is_role_address(others)
    ]
    shared = [_share_a_word(*pair) or _share_a_word(*reversed(pair)) for pair in pairs]
    return bool(shared) and fmean(shared) < _MANY


def _words_of(email: str) -> list[str]:
    letters = "".join(c if c.isalpha() else " " for c in email.partition("@")[0])
    return fold(letters).split()


def _share_a_word(some: Sequence[str], others: Sequence[str]) -> bool:
    text = "".join(others)
    return any(len(word) >= _SHORTEST_NAME and word in text for word in some)


def _own_sites(sample: Sample, sites: Sequence[int], email: int | None) -> list[int]:
    """Return the columns of the companies' own sites: those that their mail has, too.

    Without mail the only column of different sites: that of a portal, a campaign or partners
    repeats some.
    """
    hosts = {n: sample.hosts(n) for n in sites}
    if email is not None:
        mail = sample.hosts(email)
        shares = {n: _share_alike(hosts[n], mail) for n in sites}
        if any(share is not None for share in shares.values()):
            return [n for n in sites if (shares[n] or 0) >= _MANY]
    different = [n for n in sites if len(set(hosts[n]) - {None}) > _MANY * sample.filled(n)]
    return different if len(sites) == len(different) == 1 else []


def _share_alike(some: Sequence[str | None], others: Sequence[str | None]) -> float | None:
    pairs = [(one, other) for one, other in zip(some, others, strict=True) if one and other]
    return fmean(one == other for one, other in pairs) if pairs else None


def _companies(
    sample: Sample, names: Sequence[int], domains: Sequence[str | None], people: Collection[int]
) -> list[int]:
    """Return the column whose names explain the *domains* of the rows, else end with legal forms.

    Of several those with legal forms: a surname or a deal's title may explain a domain, too. Names
    without any that may be *people*'s, too, count only beside another column of people.
    Without domains nothing tells the company from its parent or the employer before.
    """
    names = [n for n in names if not sample.has_most(n, _is_slug)]
    with_form = {n: sample.share(n, has_legal_form) for n in names}
    if not any(domains):
        likely = {n: (1.0,) for n, share in with_form.items() if share > _SOME}
        return [n for n in _best(sample, likely) if with_form[n] >= _MANY]
    explained = {n: _explained(sample.column(n), domains) for n in names}
    shares = {n: (explained[n], with_form[n]) for n in names if explained[n] >= _MANY}
    surely = {n: share for n, share in shares.items() if with_form[n] or n not in people}
    return _best(sample, surely or (shares if len(people) > 1 else {}))


def _is_slug(text: str) -> bool:
    return text.islower() and " " not in text


def _explained(cells: Sequence[str], domains: Sequence[str | None]) -> float:
    pairs = [(name, domain) for name, domain in zip(cells, domains, strict=True) if name and domain]
    if not pairs:
        return 0.0
    return fmean(
        label_fit(name, folded_label(registrable(domain))) >= LabelFit.SHORTENED
        for name, domain in pairs
    )


def _best(sample: Sample, shares: Mapping[int, tuple[float, ...]]) -> list[int]:
    """Return the column with the largest shares; none if another has them with other cells."""
    best = max(shares.values(), default=())
    first = [n for n in sorted(shares) if shares[n] == best][:1]
    others = (n for n in shares if shares[n] == best)
    return first if all(sample.column(n) == sample.column(first[0]) for n in others) else []


def _people(sample: Sample, names: Sequence[int], email: int | None) -> tuple[Choice, ...]:
    """Return the column of whole names, or those of their parts in the order of the addresses.

    The parts go before a whole that is made of them.
    """
    if email is None:
        return ()
    names = [n for n in names if sample.has_most(n, _is_written)]
    places = {n: _places(sample, n, email) for n in names}
    named = [n for n in names if _are_found(places[n])]
    whole = [n for n in named if sample.share(n, lambda cell: " " in cell) >= _MANY]
    for number in whole:
        for pair in permutations([n for n in names if n not in whole], 2):
            if _is_made_of(sample, number, *pair):
                return (pair,)
    if whole:
        return alternatives(_best(sample, dict.fromkeys(whole, (1.0,))))
    named = [n for n in named if not any(_is_short_for(sample, n, other) for other in named)]
    parts = sorted(named, key=lambda n: (_mean(places[n]), n))[:2]
    if len(parts) == 1:
        others = [n for n in names if n not in parts]
        givens = [n for n in others if _are_initials(sample, n, email, places[parts[0]])]
        parts = [*(givens if len(givens) == 1 else ()), *parts]
    return (tuple(parts),) if parts else ()


def _is_written(cell: str) -> bool:
    """Return whether *cell* is written as names are: a user's name has digits or no capital."""
    return cell[0].isupper() and not any(map(str.isdigit, cell))


def _places(sample: Sample, names: int, email: int) -> list[int | None]:
    """Return where the first word of each name that is in its address stands there.

    It is -1 where none is, and None where there is no name or no address.
    """
    places: list[int | None] = []
    for name, address in zip(sample.column(names), sample.column(email), strict=True):
        words = [word for word in fold(name).split() if len(word) >= _SHORTEST_NAME]
        local = _local(address)
        found = (local.find(word) for word in words if word in local)
        places.append(next(found, -1) if name and local else None)
    return places


def _local(email: str) -> str:
    return fold(email.partition("@")[0]).replace(" ", "")


def _are_found(places: Iterable[int | None]) -> bool:
    said = [place >= 0 for place in places if place is not None]
    return bool(said) and fmean(said) >= _MANY


def _mean(places: Iterable[int | None]) -> float:
    return fmean(place for place in places if place is not None and place >= 0)


def _is_made_of(sample: Sample, whole: int, given: int, surname: int) -> bool:
    """Return whether the names in *whole* are those two, the surname behind or before a comma."""
    rows = zip(*map(sample.column, (whole, given, surname)), strict=True)
    fits = [
        name.startswith(last) and name.endswith(first)
        if "," in name
        else name.startswith(first) and name.endswith(last)
        for name, first, last in rows
        if name and first and last
    ]
    return bool(fits) and fmean(fits) >= _NEARLY_ALL


def _is_short_for(sample: Sample, some: int, others: int) -> bool:
    """Return whether the names in one column begin those in another, as `Lau` begins `Laura`."""
    pairs = zip(sample.column(some), sample.column(others), strict=True)
    fits = [long.startswith(short) and long != short for short, long in pairs if short and long]
    return bool(fits) and fmean(fits) >= _MANY


def _are_initials(sample: Sample, givens: int, email: int, surnames: Sequence[int | None]) -> bool:
    """Return whether the *givens* begin with what stands before the surnames: `aruiz@`."""
    rows = zip(sample.column(givens), sample.column(email), surnames, strict=True)
    fits = [
        fold(given).startswith(_local(address)[:place])
        for given, address, place in rows
        if given and place is not None and place > 0
    ]
    return bool(fits) and fmean(fits) >= _NEARLY_ALL


def _countries(sample: Sample, found: Mapping[LeadField, Sequence[Choice]]) -> frozenset[str]:
    """Return the countries that the rows name, else those of their domains or legal forms."""
    country = first_column(found, LeadField.COUNTRY)
    if country is not None:
        named = frozenset(filter(None, map(country_code, sample.column(country))))
        if named:
            return named
    sites = (first_column(found, field) for field in (LeadField.WEBSITE, LeadField.EMAIL))
    domains = filter(None, sample.domains(*sites))
    endings = {domain.rpartition(".")[2].upper() for domain in domains}
    company = first_column(found, LeadField.COMPANY)
    forms = [countries_of(name) for name in sample.column(company)] if company is not None else []
    here = frozenset(phonenumbers.SUPPORTED_REGIONS) & {*endings, *chain.from_iterable(forms)}
    return here if len(here) <= _MOST_COUNTRIES else frozenset()


def _national(sample: Sample, free: Sequence[int], countries: Collection[str]) -> list[int]:
    """Return the columns of phones without a prefix of a country."""

    def is_phone(text: str) -> bool:
        return is_national_phone(text, countries)

    if not countries:
        return []
    return [n for n in free if sample.has_most(n, is_phone) and _are_chance(sample.column(n))]


def _are_chance(cells: Iterable[str]) -> bool:
    """Return whether the numbers in *cells* are too many and too different to be references.

    One number in two may be a phone by chance, fewer of those that begin with a zero.
    """
    filled = list(filter(None, cells))
    digits = {"".join(filter(str.isdigit, cell)) for cell in filled}
    begins = all(cell.lstrip("(").startswith("0") for cell in filled)
    least = _FEWEST_WITH_ZERO if begins else _FEWEST
    if len(digits) < least or len(digits) * 2 <= len(filled):
        return False
    numbers = [int(each) for each in digits]
    return max(numbers) - min(numbers) > _GAP * len(numbers)


def _phones(
    sample: Sample, columns: Sequence[int], company: int | None, countries: Collection[str]
) -> list[int]:
    """Return the columns of phones; of several landlines one may be a fax.

    A mobile is none, nor are numbers that differ between people of one company.
    """
    columns = [n for n in columns if not sample.is_constant(n)]
    landlines = [n for n in columns if sample.share(n, lambda t: is_mobile(t, countries)) < _MANY]
    if len(landlines) > 1:
        own = [n for n in landlines if company is not None and _is_own(sample, n, company)]
        columns = [n for n in columns if n not in landlines or n in own]
    return columns


def _is_own(sample: Sample, phones: int, company: int) -> bool:
    """Return whether rows of one company mostly have different phones."""
    numbers: dict[str, list[str]] = {}
    for name, phone in zip(sample.column(company), sample.column(phones), strict=True):
        if name and phone:
            numbers.setdefault(fold(name), []).append(phone)
    several = [each for each in numbers.values() if len(each) > 1]
    return bool(several) and fmean(len(set(each)) > 1 for each in several) > _MANY
