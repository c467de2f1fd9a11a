"""What a job keeps of each item, how it is read back, and which columns a result file has of it.

Results are stored as JSON and read by the CLI, the API and clients. Of a company a job keeps a
`CompanyResult` without its defaults and without its evidence, which the memo or the archive has.
Columns are in the words of the agent, the same in every language: `manufacturing`, `51-200`, `ES`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict

from agents.case import Claim, ClaimField, Decision, Evidence, Localized, OpportunityDraft
from agents.cdao.countries import country_code
from agents.cdao.vocabulary import read_sector, read_size_band, size_band_of
from orchestrator.database import in_chunks
from orchestrator.identity import InvalidCompanyName, Mention
from orchestrator.identity.resolution import by_name
from orchestrator.jobs import Job, JobKind, JobResults, RowResult
from orchestrator.memo import Source
from orchestrator.purchasing import (
    Enrichment,
    EnrichmentStatus,
    EvidenceReader,
    EvidenceReference,
    Spending,
    repeated_source,
    subject_of,
)

JsonObject = dict[str, Any]


class ItemStatus(StrEnum):
    """How an item ended."""

    OPPORTUNITY = "opportunity"
    DISCARDED = "discarded"
    ENRICHED = "enriched"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    SKIPPED_BUDGET = "skipped_budget"
    FAILED = "failed"
    INVALID = "invalid"
    NOT_DUE = "not_due"


class ItemResult(BaseModel):
    """The fields of every item's result.

    `source` is how the evidence came about, None where SurfSense was not asked; `found` is whether
    SurfSense knows the company, None where no source said anything. For an ambiguous one,
    `candidates` are the companies that may be meant. `website`, `country`, `city` and `phone` were
    given beside the company's name. `reason` is one sentence, `code` its machine-readable form.
    `uncertain_micros` is what a purchase may have cost whose answer was lost.
    """

    model_config = ConfigDict(frozen=True)

    status: ItemStatus
    company: str
    website: str | None = None
    country: str | None = None
    city: str | None = None
    phone: str | None = None
    company_key: str | None = None
    code: str | None = None
    reason: Localized | None = None
    source: Source | None = None
    found: bool | None = None
    as_of: datetime | None = None
    cost_micros: int = 0
    saved_micros: int = 0
    uncertain_micros: int = 0
    simulated: bool = False
    candidates: tuple[str, ...] = ()


class LeadResult(ItemResult):
    """A lead's result: the deciding judgement, and the opportunity if there is one.

    `version` identifies the rules of all agents that judge leads, `purchase_id` the evidence in
    the ledger.
    """

    lead_id: str
    opportunity_id: str | None = None
    viable: bool | None = None
    score: int | None = None
    draft: OpportunityDraft | None = None
    version: str | None = None
    purchase_id: str | None = None


class Change(StrEnum):
    """What judging a lead again has changed."""

    DISCARDED = "advance->discard"
    ADVANCED = "discard->advance"
    UNCHANGED = "unchanged"
    FIRST = "first judgement"
    NOT_JUDGED = "not judged"


class RejudgedLead(LeadResult):
    """How a lead is judged now, and how it was judged before."""

    change: Change
    previous_code: str | None = None
    previous_version: str | None = None

    @property
    def keeps_opportunity(self) -> bool:
        """Whether there is an opportunity that would not be created today."""
        return self.viable is False and self.opportunity_id is not None


class CompanyResult(ItemResult):
    """A company's result: what is claimed about it, with its source and age.

    `purchase_id` identifies the evidence in the ledger.
    """

    purchase_id: str | None = None
    evidence: Evidence | None = None


#: What may be given beside a company's name, as its result has it.
_FACTS: Final = Mention._fields[1:]


def name_fields(mention: Mention) -> JsonObject:
    """Return the fields of a company's result that name it."""
    given = zip(("company", *_FACTS), mention, strict=True)
    return {field: text for field, text in given if text is not None}


def mention_in(result: Mapping[str, Any]) -> Mention:
    """Return the mention of which `name_fields` made fields of *result*."""
    return Mention(result["company"], *(result.get(field) for field in _FACTS))


def own_key(mention: Mention) -> str | None:
    """Return the key of *mention* by itself, for a company that was never looked up."""
    try:
        return mention.identify().key
    except InvalidCompanyName:
        return None


def provenance(enrichment: Enrichment) -> JsonObject:
    """Return the fields of a result about its evidence, as JSON without defaults.

    By hand: a job of hits spends much of its time here.
    """
    result: JsonObject = {
        "company_key": enrichment.company_key,
        "source": enrichment.source,
        "found": _is_found(enrichment.status),
    }
    if enrichment.as_of is not None:
        result["as_of"] = enrichment.as_of.isoformat().replace("+00:00", "Z")
    if enrichment.cost_micros:
        result["cost_micros"] = enrichment.cost_micros
    if enrichment.saved_micros:
        result["saved_micros"] = enrichment.saved_micros
    if enrichment.simulated:
        result["simulated"] = True
    return result


def _is_found(status: EnrichmentStatus) -> bool | None:
    return None if status is EnrichmentStatus.UNKNOWN else status is EnrichmentStatus.FOUND


def tally_of(
    status: ItemStatus, enrichment: Enrichment | None, decision: Decision | None = None
) -> Mapping[str, int]:
    """Return what a result adds to its job's tally."""
    code = decision.code if status is ItemStatus.DISCARDED and decision is not None else None
    if enrichment is None:
        return _tally(status, None, 0, 0, code)
    cost, saved = enrichment.cost_micros, enrichment.saved_micros
    return _tally(status, enrichment.source, cost, saved, code, _further_purchases(enrichment))


def tally_of_failure(status: ItemStatus, spent: Spending) -> Mapping[str, int]:
    """Return what an item that has failed adds to its job's tally."""
    tally = _tally(status, None, 0, 0, None, spent.purchases)
    return {**tally, "spent_micros": spent.cost_micros} if spent.cost_micros else tally


def _further_purchases(enrichment: Enrichment) -> int:
    """Return how many purchases a lookup has made beyond the first."""
    if enrichment.source is not Source.BOUGHT:
        return 0
    return max(0, len(enrichment.purchases()) - len(enrichment.unpaid) - 1)


def repeat_tally_of(status: ItemStatus, enrichment: Enrichment | None) -> Mapping[str, int]:
    """Return what each further row with the same result adds to its job's tally."""
    if enrichment is None or enrichment.source is None:
        return _tally(status, None, 0, 0, None)
    return _repeat_tally(
        status, enrichment.source, enrichment.cost_micros + enrichment.saved_micros
    )


@lru_cache(maxsize=1000)
def _tally(
    status: ItemStatus,
    source: Source | None,
    cost: int,
    saved: int,
    discard_code: str | None,
    further_purchases: int = 0,
) -> Mapping[str, int]:
    tally = {f"status:{status}": 1}
    if further_purchases:
        tally["further_purchases"] = further_purchases
    if discard_code is not None:
        tally[f"discard:{discard_code}"] = 1
    if source is not None:
        tally |= {f"source:{source}": 1, "spent_micros": cost, "saved_micros": saved}
    return tally


@lru_cache(maxsize=1000)
def _repeat_tally(status: ItemStatus, source: Source, saved: int) -> Mapping[str, int]:
    return {
        f"status:{status}": 1,
        f"source:{repeated_source(source)}": 1,
        "saved_micros": saved,
    }


#: Identifies the evidence of a result: company key, purchase id, as-of instant, facts given.
EvidenceKey: TypeAlias = tuple[Any, ...]

#: Companies whose evidence is read together: about 1 MB of it.
_BATCH: Final = 100


def evidence_key(result: ItemResult) -> EvidenceKey:
    """Return what identifies the evidence that *result* rests on."""
    purchase_id = result.purchase_id if isinstance(result, CompanyResult | LeadResult) else None
    given = (getattr(result, fact) for fact in _FACTS)
    return result.company_key, purchase_id, result.as_of, *given


_OF_COMPANIES: Final = frozenset({JobKind.ENRICH, JobKind.REFRESH})
_EMPTY: Final = CompanyResult(status=ItemStatus.FAILED, company="").model_dump(mode="json")


#: Characters of a value, and of an address.
LONGEST_VALUE: Final = 254
LONGEST_URL: Final = 2_000

#: The text of a claim's value, or None where the agent could not read it either.
ReadValue = Callable[[str | int], str | None]


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


def _best(evidence: Evidence, readers: Mapping[ClaimField, ReadValue]) -> tuple[Claim, str] | None:
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


_COLUMNS: Final[Mapping[str, Mapping[ClaimField, ReadValue]]] = {
    "website": {ClaimField.WEBSITE: _line},
    "sector": {ClaimField.SECTOR: _sector},
    "size": {ClaimField.SIZE_BAND: _size, ClaimField.HEADCOUNT: _size_of_headcount},
    "country": {ClaimField.COUNTRY: _country},
    "phone": {ClaimField.PHONE: _line},
    "email": {ClaimField.EMAIL: _line},
}
#: The fields that the columns are made of.
COLUMN_FIELDS: Final = frozenset(field for readers in _COLUMNS.values() for field in readers)


class ResultReader:
    """Reads the results of a job row by row, in bounded memory, with the evidence if wanted."""

    def __init__(self, results: JobResults, reader: EvidenceReader) -> None:
        self._results = results
        self._reader = reader

    async def rows(
        self, job: Job, *, start: int = 0, stop: int | None = None, with_evidence: bool = True
    ) -> AsyncIterator[tuple[int, JsonObject]]:
        """Yield (number, result) in order, for the rows that have one.

        Args:
            job: As it was read.
            start: Number of the first row.
            stop: Number behind the last one; None for all.
            with_evidence: Whether to fetch evidence, which is most of the time and of the bytes.

        Raises:
            StoreUnavailable: Redis is unavailable.
            DatabaseUnavailable: Evidence is wanted, and the database is unavailable.
        """
        async for page in self._results.pages(job, start, job.total if stop is None else stop):
            for numbered in await self._of_rows(job, page, with_evidence=with_evidence):
                yield numbered

    async def some(
        self, job: Job, rows: Sequence[int], *, with_evidence: bool = True
    ) -> dict[int, JsonObject]:
        """Return the results of those of *rows*, which ascend, that have one, by number.

        Raises:
            StoreUnavailable: Redis is unavailable.
            DatabaseUnavailable: Evidence is wanted, and the database is unavailable.
        """
        page = await self._results.some(job, rows)
        return dict(await self._of_rows(job, page, with_evidence=with_evidence))

    async def _of_rows(
        self, job: Job, page: Sequence[RowResult], *, with_evidence: bool
    ) -> list[tuple[int, JsonObject]]:
        results = [row.result for row in page]
        if job.kind in _OF_COMPANIES:
            results = await self.complete(results, with_evidence=with_evidence)
        return [
            (row.number, _of_row(row, result)) for row, result in zip(page, results, strict=True)
        ]

    async def columns(self, results: Iterable[ItemResult]) -> dict[EvidenceKey, CompanyColumns]:
        """Return what is known of the companies of *results*, by `evidence_key`.

        In bounded memory: of the evidence a few companies' is read at a time. A result without
        evidence, or whose evidence is not kept any more, is left out.

        Raises:
            StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable.
        """
        wanted = {
            evidence_key(each): each
            for each in results
            if each.as_of and each.found and each.company_key
        }
        found: dict[EvidenceKey, CompanyColumns] = {}
        for keys in in_chunks(list(wanted), _BATCH):
            references = [_reference(wanted[key].model_dump()) for key in keys]
            evidence = await self._reader.find(references, only=COLUMN_FIELDS)
            for key, each in zip(keys, evidence, strict=True):
                if each is not None:
                    found[key] = columns_of(each)
        return found

    async def complete(
        self, kept: Sequence[JsonObject], *, with_evidence: bool = True
    ) -> list[JsonObject]:
        """Return the documented results of companies, from what jobs keep of them."""
        evidence = await self._evidence(kept) if with_evidence else {}
        return [{**_EMPTY, **each, "evidence": evidence.get(_key(each))} for each in kept]

    async def _evidence(self, kept: Sequence[JsonObject]) -> dict[tuple[Any, ...], JsonObject]:
        """Return the evidence of each of *kept* that has some, by its `_key`."""
        found = [each for each in kept if each.get("status") == ItemStatus.ENRICHED]
        wanted = {_key(each): _reference(each) for each in found}
        evidence = await self._reader.find(list(wanted.values()))
        return {
            key: each.model_dump(mode="json")
            for key, each in zip(wanted, evidence, strict=True)
            if each is not None
        }


def _key(kept: Mapping[str, Any]) -> tuple[Any, ...]:
    given = (kept.get(fact) for fact in _FACTS)
    return kept.get("company_key"), kept.get("purchase_id"), kept.get("as_of"), *given


def _reference(kept: Mapping[str, Any]) -> EvidenceReference:
    as_of = kept["as_of"]
    return EvidenceReference(
        kept["company_key"],
        kept.get("purchase_id"),
        as_of if isinstance(as_of, datetime) else datetime.fromisoformat(as_of),
        subject_of(by_name(mention_in(kept).identify())),
    )


def _of_row(row: RowResult, result: JsonObject) -> JsonObject:
    """Return *result* under the row's own spelling, and paid for only once."""
    if row.is_first:
        return result
    repeated = {**result, "cost_micros": 0}
    if row.spelling is not None:
        repeated |= dict.fromkeys(_FACTS) | name_fields(Mention.of(row.spelling))
    if result["source"] is not None:
        repeated["source"] = repeated_source(Source(result["source"])).value
        repeated["saved_micros"] = result["cost_micros"] + result["saved_micros"]
    return repeated
