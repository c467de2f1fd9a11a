"""The results of a job as its rows see them, in order and in bounded memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from orchestrator.handlers.result import CompanyResult, ItemStatus, named
from orchestrator.identity import Mention
from orchestrator.jobs import Job, JobKind, JobResults, RowResult
from orchestrator.memo import Source
from orchestrator.purchasing import EvidenceReference, Recall, source_again

JsonObject = dict[str, Any]

_OF_COMPANIES: Final = frozenset({JobKind.ENRICH, JobKind.REFRESH})
_EMPTY: Final = CompanyResult(status=ItemStatus.FAILED, company="").model_dump(mode="json")


class ResultReader:
    """Reads what jobs keep, and says it for each row; evidence is fetched where it is kept."""

    def __init__(self, results: JobResults, recall: Recall) -> None:
        self._results = results
        self._recall = recall

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
            StoreUnavailable: Redis is away.
            DatabaseUnavailable: Evidence is wanted, and the database is away.
        """
        async for page in self._results.pages(job, start, job.total if stop is None else stop):
            for numbered in await self._seen(job, page, with_evidence=with_evidence):
                yield numbered

    async def some(
        self, job: Job, rows: Sequence[int], *, with_evidence: bool = True
    ) -> dict[int, JsonObject]:
        """Return the results of those of *rows*, which ascend, that have one, by number.

        Raises:
            StoreUnavailable: Redis is away.
            DatabaseUnavailable: Evidence is wanted, and the database is away.
        """
        page = await self._results.some(job, rows)
        return dict(await self._seen(job, page, with_evidence=with_evidence))

    async def _seen(
        self, job: Job, page: Sequence[RowResult], *, with_evidence: bool
    ) -> list[tuple[int, JsonObject]]:
        results = [row.result for row in page]
        if job.kind in _OF_COMPANIES:
            results = await self.complete(results, with_evidence=with_evidence)
        return [
            (row.number, _as_seen_by(row, result))
            for row, result in zip(page, results, strict=True)
        ]

    async def complete(
        self, kept: Sequence[JsonObject], *, with_evidence: bool = True
    ) -> list[JsonObject]:
        """Return the results of companies as they are documented, from what jobs keep of them."""
        evidence = await self._evidence(kept) if with_evidence else {}
        return [{**_EMPTY, **each, "evidence": evidence.get(_key(each))} for each in kept]

    async def _evidence(self, kept: Sequence[JsonObject]) -> dict[tuple[Any, ...], JsonObject]:
        """Return the evidence of each of *kept* that has some, by its `_key`."""
        found = [each for each in kept if each.get("status") == ItemStatus.ENRICHED]
        wanted = {_key(each): _reference(each) for each in found}
        evidence = await self._recall.evidence(list(wanted.values()))
        return {
            key: each.model_dump(mode="json")
            for key, each in zip(wanted, evidence, strict=True)
            if each is not None
        }


def _key(kept: Mapping[str, Any]) -> tuple[Any, ...]:
    return kept.get("company_key"), kept.get("purchase_id"), kept.get("as_of")


def _reference(kept: Mapping[str, Any]) -> EvidenceReference:
    as_of = datetime.fromisoformat(kept["as_of"])
    return EvidenceReference(kept["company_key"], kept.get("purchase_id"), as_of)


def _as_seen_by(row: RowResult, result: JsonObject) -> JsonObject:
    """Return *result* under the row's own spelling, and paid for only once."""
    if row.is_first:
        return result
    repeated = {**result, "cost_micros": 0}
    if row.spelling is not None:
        repeated |= dict.fromkeys(("website", "country")) | named(Mention.of(row.spelling))
    if result["source"] is not None:
        repeated["source"] = source_again(Source(result["source"])).value
        repeated["saved_micros"] = result["cost_micros"] + result["saved_micros"]
    return repeated
