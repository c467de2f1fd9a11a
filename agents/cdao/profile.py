"""What is known about a lead's company, each fact with its source, age and trust.

The profile only sorts claims; what a fact is worth is decided in `findings`. Where claims
conflict, the most trusted one wins; the lead's own fields take part as a claim of
low confidence.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from agents.case import Claim, ClaimField, Evidence, Lead
from agents.domains import host_of

from .countries import country_code
from .policy import Ageing, EvidenceRules
from .vocabulary import (
    NewsCategory,
    Sector,
    SizeBand,
    read_news_category,
    read_sector,
    read_size_band,
    size_band_of,
)

T = TypeVar("T", bound=Hashable)

_DIGITS = re.compile(r"[0-9]{1,8}")
#: People or open positions; the largest employers have two or three million of them.
_MAX_COUNT = 10_000_000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Known(_Frozen, Generic[T]):
    """A fact: a value with the claim that carries it.

    `confidence` is the source's, `trust` the same reduced by age, both 0 to 1. `source_url`
    is None for a field of the lead itself, or where the source gave no address.
    """

    value: T
    confidence: float
    trust: float
    source_url: str | None
    as_of: datetime

    @property
    def is_stale(self) -> bool:
        """Whether age has reduced the weight."""
        return self.trust < self.confidence


def _rank(known: Known[T]) -> tuple[float, float, float, str, str, str]:
    """Order by trust, then by recency; the rest only makes ties come out the same each time."""
    return (
        -known.trust,
        -known.as_of.timestamp(),
        -known.confidence,
        repr(known.value),
        known.source_url or "",
        known.as_of.isoformat(),
    )


def best(known: Iterable[Known[T]]) -> Known[T] | None:
    """Return what is trusted most, or None where nothing is known."""
    return min(known, key=_rank, default=None)


def distinct(
    known: Iterable[Known[T]], key: Callable[[T], Hashable] | None = None
) -> tuple[Known[T], ...]:
    """Return each value once, by *key* if given, the most trusted first."""
    first: dict[Hashable, Known[T]] = {}
    for item in sorted(known, key=_rank):
        first.setdefault(key(item.value) if key else item.value, item)
    return tuple(first.values())


def sources_of(known: Iterable[Known[Any]]) -> tuple[str, ...]:
    """Return each source's address once, that of the most trusted fact first."""
    urls = (item.source_url for item in sorted(known, key=_rank))
    return tuple(dict.fromkeys(url for url in urls if url))


class ContactPoint(_Frozen):
    """A way to reach the company: `kind` is `email`, `phone` or `social`."""

    kind: ClaimField
    value: str


class NewsItem(_Frozen):
    """A headline and what it is about."""

    category: NewsCategory
    headline: str


class CompanyProfile(_Frozen):
    """A company as far as it is known; None and empty mean unknown, never "none".

    Lists hold each value once, the most trusted first. `websites` are bare hosts, `country`
    is an alpha-2 code; `open_positions` is how many a source counted, `job_titles` are
    positions it named.
    """

    sector: Known[Sector] | None = None
    size_band: Known[SizeBand] | None = None
    headcount: Known[int] | None = None
    country: Known[str] | None = None
    websites: tuple[Known[str], ...] = ()
    contact_points: tuple[Known[ContactPoint], ...] = ()
    open_positions: tuple[Known[int], ...] = ()
    job_titles: tuple[Known[str], ...] = ()
    news: tuple[Known[NewsItem], ...] = ()
    technologies: tuple[Known[str], ...] = ()

    @property
    def website(self) -> Known[str] | None:
        """The most trusted of the websites."""
        return best(self.websites)


def build_profile(
    lead: Lead, evidence: Evidence | None, rules: EvidenceRules, now: datetime
) -> CompanyProfile:
    """Sort out what the lead and the evidence say. The order of claims does not matter."""
    claims: dict[ClaimField, list[Claim]] = defaultdict(list)
    for claim in (
        *_claims_of_lead(lead, rules.lead_confidence, now),
        *(evidence.claims if evidence else ()),
    ):
        claims[claim.field].append(claim)
    facts = _Reader(claims, rules.facts, now)
    signals = _Reader(claims, rules.signals, now)
    return CompanyProfile(
        sector=best(facts.read(ClaimField.SECTOR, _text(read_sector))),
        size_band=best(
            facts.read(ClaimField.SIZE_BAND, _text(read_size_band))
            # Not only where no band is stated: a trusted headcount beats a doubtful band.
            + facts.read(ClaimField.HEADCOUNT, _band_of_headcount)
        ),
        headcount=best(facts.read(ClaimField.HEADCOUNT, _count)),
        country=best(facts.read(ClaimField.COUNTRY, _text(country_code))),
        websites=distinct(facts.read(ClaimField.WEBSITE, _text(host_of))),
        contact_points=distinct(
            known
            for kind in (ClaimField.EMAIL, ClaimField.PHONE, ClaimField.SOCIAL)
            for known in facts.read(kind, _contact_point(kind))
        ),
        open_positions=distinct(signals.read(ClaimField.HIRING, _count)),
        job_titles=distinct(signals.read(ClaimField.HIRING, _text(_job_title)), key=str.casefold),
        news=distinct(signals.read(ClaimField.NEWS, _text(_news_item))),
        technologies=distinct(
            facts.read(ClaimField.TECHNOLOGY, _text(str.strip)), key=str.casefold
        ),
    )


def _claims_of_lead(lead: Lead, confidence: float, now: datetime) -> tuple[Claim, ...]:
    given = {
        ClaimField.COUNTRY: lead.country,
        ClaimField.WEBSITE: lead.website,
        ClaimField.PHONE: lead.phone,
    }
    return tuple(
        Claim(field=field, value=value, confidence=confidence, as_of=now)
        for field, value in given.items()
        if value
    )


class _Reader:
    """Claims of one field into known values, weighed by age."""

    def __init__(
        self, claims: Mapping[ClaimField, Sequence[Claim]], ageing: Ageing, now: datetime
    ) -> None:
        self._claims = claims
        self._ageing = ageing
        self._now = now

    def read(
        self, field: ClaimField, parse: Callable[[str | int], T | None]
    ) -> tuple[Known[T], ...]:
        """Return what the claims about *field* say; unreadable values are left out."""
        return tuple(
            self._known(value, claim)
            for claim in self._claims.get(field, ())
            if (value := parse(claim.value)) not in (None, "")
        )

    def _known(self, value: T, claim: Claim) -> Known[T]:
        factor = self._ageing.factor(self._now - claim.as_of)
        return Known(
            value=value,
            confidence=claim.confidence,
            trust=claim.confidence * factor,
            source_url=claim.source_url,
            as_of=claim.as_of,
        )


def _text(parse: Callable[[str], T | None]) -> Callable[[str | int], T | None]:
    return lambda value: parse(value) if isinstance(value, str) else None


def _count(value: str | int) -> int | None:
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value.strip()) else 0
    return value if 0 < value <= _MAX_COUNT else None


def _band_of_headcount(value: str | int) -> SizeBand | None:
    headcount = _count(value)
    return size_band_of(headcount) if headcount else None


def _job_title(text: str) -> str | None:
    return None if text.strip().isdecimal() else text.strip()


def _contact_point(kind: ClaimField) -> Callable[[str | int], ContactPoint | None]:
    def parse(value: str | int) -> ContactPoint | None:
        text = str(value).strip()
        return ContactPoint(kind=kind, value=text) if text else None

    return parse


def _news_item(text: str) -> NewsItem | None:
    prefix, _, headline = text.partition(":")
    category = read_news_category(prefix)
    return NewsItem(category=category, headline=headline.strip()) if category else None
