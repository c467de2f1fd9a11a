"""The best values of one company's evidence, as columns of a result file. Pure.

In the words of the agent, which are the same in every language: `manufacturing`, `51-200`, `ES`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agents.case import Claim, ClaimField, Evidence
from agents.cdao.countries import country_code
from agents.cdao.vocabulary import read_sector, read_size_band, size_band_of

#: Characters of a value, and of an address.
LONGEST_VALUE: Final = 254
LONGEST_URL: Final = 2_000

#: The text of a claim's value, or None where the agent could not read it either.
Read = Callable[[str | int], str | None]


@dataclass(frozen=True, slots=True)
class CompanyColumns:
    """What is known of a company, as text; "" where unknown.

    `sector` and `size` are words of `agents.cdao`, `country` an alpha-2 code, `phone` E.164 as far
    as the source allows. `confidence` is that of the least certain of these values, 0.00 to 1.00;
    `source_urls` are where they stand, in the order of the columns, separated by blanks.
    """

    website: str = ""
    sector: str = ""
    size: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""
    confidence: str = ""
    source_urls: str = ""


def columns_of(evidence: Evidence) -> CompanyColumns:
    """Return the most believed value of each column, the first of equals.

    >>> columns_of(Evidence(company="Acme"))
    CompanyColumns(website='', sector='', size='', country='', phone='', email='', confidence='', \
source_urls='')
    """
    chosen = {name: _best(evidence, readers) for name, readers in _COLUMNS.items()}
    known = {name: found for name, found in chosen.items() if found is not None}
    if not known:
        return CompanyColumns()
    claims = [claim for claim, _ in known.values()]
    return CompanyColumns(
        **{name: text for name, (_, text) in known.items()},
        confidence=f"{min(claim.confidence for claim in claims):.2f}",
        source_urls=" ".join(dict.fromkeys(_urls(claims))),
    )


def _best(evidence: Evidence, readers: Mapping[ClaimField, Read]) -> tuple[Claim, str] | None:
    readable = (
        (claim, text)
        for claim in evidence.claims
        if claim.field in readers and (text := readers[claim.field](claim.value))
    )
    return max(readable, key=lambda found: (found[0].confidence, found[0].as_of), default=None)


def _urls(claims: list[Claim]) -> Iterator[str]:
    for claim in claims:
        url = claim.source_url or ""
        is_web = url.startswith(("http://", "https://")) and len(url) <= LONGEST_URL
        if is_web and not any(map(str.isspace, url)):
            yield url


def _line(value: str | int) -> str | None:
    return " ".join(str(value)[: 2 * LONGEST_VALUE].split())[:LONGEST_VALUE] or None


def _sector(value: str | int) -> str | None:
    sector = read_sector(value) if isinstance(value, str) else None
    return sector and sector.value


def _size(value: str | int) -> str | None:
    size = read_size_band(value) if isinstance(value, str) else None
    return size and size.value


def _size_of_headcount(value: str | int) -> str | None:
    try:
        headcount = int(value)
    except ValueError:
        return None
    return size_band_of(headcount).value if headcount > 0 else None


def _country(value: str | int) -> str | None:
    return country_code(value) if isinstance(value, str) else None


_COLUMNS: Final[Mapping[str, Mapping[ClaimField, Read]]] = {
    "website": {ClaimField.WEBSITE: _line},
    "sector": {ClaimField.SECTOR: _sector},
    "size": {ClaimField.SIZE_BAND: _size, ClaimField.HEADCOUNT: _size_of_headcount},
    "country": {ClaimField.COUNTRY: _country},
    "phone": {ClaimField.PHONE: _line},
    "email": {ClaimField.EMAIL: _line},
}
#: The fields that the columns are made of.
COLUMN_FIELDS: Final = frozenset(field for readers in _COLUMNS.values() for field in readers)
