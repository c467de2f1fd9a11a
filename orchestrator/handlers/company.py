"""Companies: on their way into a job, looked up without a judgement, and again for watches.

On the way in, rows that mean one company become one item, and what the memo knows becomes no work
at all. For a watch the evidence is compared with the evidence before.
"""

import asyncio
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from agents.case import Localized
from orchestrator.database import DatabaseUnavailable
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.identity import Identity, InvalidCompanyName, Mention
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.identity.writing import split_words
from orchestrator.infra.background import Turns
from orchestrator.infra.distinct import Distinct
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import (
    SEGMENT_ROWS,
    GivenUp,
    Item,
    JobContext,
    NotNow,
    Part,
    Report,
    Segment,
    UnsealedJob,
)
from orchestrator.purchasing import (
    BillingContext,
    Enricher,
    Enrichment,
    EnrichmentStatus,
    EvidenceReader,
    Wants,
    ambiguous_outcome,
)
from orchestrator.schedule import DueSet, RunEnd, Watch, Watches, evidence_digest, watch_id
from orchestrator.surfsense import TransientEnrichmentError

from .explanation import (
    POSTPONING,
    Explanation,
    explain,
    explain_ambiguity,
    explain_given_up,
    report_or_explain,
)
from .result import (
    CompanyResult,
    ItemStatus,
    JsonObject,
    name_fields,
    own_key,
    provenance,
    repeat_tally_of,
    tally_of,
    tally_of_failure,
)

#: Lookups of one item before its failure is its result.
TRIES = 3
#: A longer pause is left to the next run.
LONGEST_PAUSE = timedelta(minutes=2)

_STATUS = {
    EnrichmentStatus.FOUND: ItemStatus.ENRICHED,
    EnrichmentStatus.NOT_FOUND: ItemStatus.NOT_FOUND,
    EnrichmentStatus.UNKNOWN: ItemStatus.UNKNOWN,
}


class CompanyHandler:
    """Enriches the companies of a job; gives up on one after *patience*, if there is a limit.

    *refresh* marks lookups that no caller waits for.
    """

    def __init__(
        self, enricher: Enricher, *, patience: timedelta | None = None, refresh: bool = False
    ) -> None:
        self._enricher = enricher
        self._patience = patience
        self._refresh = refresh

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Look up the company that *item* mentions.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        report, _ = await self.look_up(Mention.of(item), context)
        return report

    async def look_up(
        self, mention: Mention, context: JobContext, company: Resolved | None = None
    ) -> tuple[Report, Enrichment | None]:
        """Look up a company; return also what was found, None if the lookup failed.

        Args:
            mention: How the report names the company.
            context: What is known of the job.
            company: Which company is meant, where that is known already.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        enrichment: Enrichment | None = None

        async def work() -> Report:
            nonlocal enrichment, company
            await context.step("lookup")
            company = company or await self._enricher.identify(mention)
            enrichment = await enrich_patiently(
                self._enricher, company, context, patience=self._patience, refresh=self._refresh
            )
            self._enricher.count_repeats(enrichment, context.rows - 1)
            return report_of(mention, enrichment)

        async def fail(why: Explanation) -> Report:
            if company is None:
                return report_of_failure(mention, why)
            spent = await self._enricher.spent_on(company, context.job_id, context.item)
            return report_of_failure(mention, replace(why, spent=spent), company_key=company.key)

        return await report_or_explain(work(), fail), enrichment

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a company that is not worked on any more.

        Raises:
            NotNow: The database is unavailable.
        """
        mention = Mention.of(item)
        ending = await explain_end(self._enricher, mention, context, why)
        return report_of_failure(mention, ending, company_key=own_key(mention))


async def explain_end(
    enricher: Enricher, mention: Mention, context: JobContext, why: GivenUp
) -> Explanation:
    """Return why an item is not worked on any more, with what an earlier worker has spent on it.

    Raises:
        NotNow: A backend is unavailable.
    """
    explanation = explain_given_up(why)
    if context.item is None or own_key(mention) is None:
        return explanation
    try:
        company = await enricher.identify(mention)
        spent = await enricher.spent_on(company, context.job_id, context.item)
    except POSTPONING as error:
        raise NotNow(str(error)) from error
    return replace(explanation, spent=spent)


async def enrich_patiently(
    enricher: Enricher,
    company: Resolved,
    context: JobContext,
    *,
    patience: timedelta | None = None,
    refresh: bool = False,
    wants: Wants = wants_profile,
) -> Enrichment:
    """Look *company* up for an item; after a transient fault, again when a retry is allowed.

    If the job is cancelled meanwhile, so is the purchase, unless another caller waits for it. A
    limited *patience* is spent on one try; the purchase goes on after it has ended. *wants* says
    which evidence is worth its price.

    Raises:
        StillLoading: *patience* has ended.
        Exception: As `Enricher.enrich`, after the last try; or whatever `context.pause` raises.
    """
    billing = BillingContext(
        job_id=context.job_id,
        tenant=context.tenant,
        capped=context.capped,
        refresh=refresh,
        lane=context.lane,
        item=context.item,
        buy_again=context.buy_again,
    )
    try:
        if patience is not None:
            return await enricher.enrich(company, billing, patience=patience, wants=wants)
        for _ in range(TRIES - 1):
            context.tries.begin()
            try:
                found = await enricher.enrich(company, billing, wants=wants)
                failed = found.unasked
                if not isinstance(failed, TransientEnrichmentError) or not _is_soon(failed):
                    return found
            except TransientEnrichmentError as error:
                if not _is_soon(error):
                    raise
                failed = error
            # No pause after a flight that was overtaken while it stood still.
            await context.pause(failed.retry_in or timedelta(0))
        context.tries.begin()
        return await enricher.enrich(company, billing, wants=wants)
    except asyncio.CancelledError:
        if context.is_abandoned():
            enricher.abandon(company.key)
        raise


def _is_soon(error: TransientEnrichmentError) -> bool:
    return (error.retry_in or timedelta(0)) <= LONGEST_PAUSE


def report_of(mention: Mention, enrichment: Enrichment) -> Report:
    """Return what a job keeps of a company that was looked up."""
    if enrichment.status is EnrichmentStatus.AMBIGUOUS:
        return report_of_failure(mention, explain_ambiguity(enrichment, mention), enrichment)
    status = _STATUS[enrichment.status]
    result = {"status": status.value, **name_fields(mention), **provenance(enrichment)}
    result["purchase_id"] = enrichment.purchase_id
    return Report(result, tally_of(status, enrichment), repeat_tally_of(status, enrichment))


def report_of_failure(
    mention: Mention,
    why: Explanation,
    enrichment: Enrichment | None = None,
    *,
    company_key: str | None = None,
) -> Report:
    """Return what a job keeps of a company that could not be enriched, and of *why*."""
    found: JsonObject = {"company_key": company_key, "cost_micros": why.spent.cost_micros}
    tally = tally_of_failure(why.status, why.spent)
    if enrichment is not None:
        found, tally = provenance(enrichment), tally_of(why.status, enrichment)
    result = CompanyResult(
        status=why.status,
        **name_fields(mention),
        code=why.code,
        reason=why.reason,
        candidates=() if enrichment is None else enrichment.candidates,
        uncertain_micros=why.uncertain_micros,
        **found,
    )
    return Report(
        result.model_dump(mode="json", exclude_defaults=True),
        tally,
        repeat_tally_of(why.status, enrichment),
        why.failure,
    )


#: The lookup of an ambiguous or unknown company brings no evidence to compare.
_CONCLUSIVE = (EnrichmentStatus.FOUND, EnrichmentStatus.NOT_FOUND)


class RefreshHandler:
    """Runs the watches of a refresh job; as in every lookup, a fresh entry means no purchase."""

    def __init__(
        self,
        watches: Watches,
        due: DueSet,
        evidence: EvidenceReader,
        index: CompanyIndex,
        enricher: Enricher,
    ) -> None:
        self._watches = watches
        self._due = due
        self._evidence = evidence
        self._index = index
        self._look_up = CompanyHandler(enricher, refresh=True)

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Look the company of *item* up again, and set the next instant of its watch.

        Idempotent: a run that has ended, or that another job has taken over, buys nothing.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        try:
            return await self._run(item, context)
        except (DatabaseUnavailable, StoreUnavailable) as error:
            raise NotNow(str(error)) from error

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """End the run of a company that is not worked on any more; its watch runs again later.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        report = await self._look_up.give_up(item, context, why)
        try:
            watch = await self._watch_of_run(item, context)
            if watch is not None:
                await self._end(_run_end(watch, report, None, None))
        except (DatabaseUnavailable, StoreUnavailable) as error:
            raise NotNow(str(error)) from error
        return report

    async def _run(self, item: Item, context: JobContext) -> Report:
        watch = await self._watch_of_run(item, context)
        if watch is None:
            return _not_looked_up(item, "not_due", _NOT_DUE)
        # By its key: the name may mean another company by now.
        company = await self._index.resolve_key(watch.company_key, watch.company)
        if await self._is_watched(company, watch):
            await self._end(RunEnd(watch, context.job_id or "", "merged"))
            return _not_looked_up(watch.company, "merged", _MERGED, company.key)
        known = None if watch.digest else await self._evidence.latest(company)
        report, found = await self._look_up.look_up(Mention(watch.company), context, company)
        await self._end(_run_end(watch, report, found, None if known is None else _digest(known)))
        return report

    async def _is_watched(self, company: Resolved, watch: Watch) -> bool:
        """Return whether *watch* was merged into *company* and that one has a watch of its own."""
        if company.key == watch.company_key:
            return False
        identity = watch_id(watch.tenant, company.key)
        other = (await self._watches.of([identity])).get(identity)
        return other is not None and not other.paused

    async def _watch_of_run(self, item: Item, context: JobContext) -> Watch | None:
        """Return the watch whose current run *item* is, if any."""
        identity = watch_id(context.tenant, Mention.of(item).identify().key)
        watch = (await self._watches.of([identity])).get(identity)
        if watch is None or watch.job_id is None or watch.job_id != context.job_id:
            return None
        return watch

    async def _end(self, ended: RunEnd) -> None:
        next_at = await self._watches.end(ended)
        if next_at is not None:
            await self._due.put({ended.watch.id: next_at})


def _run_end(
    watch: Watch, report: Report, found: Enrichment | None, known_digest: str | None
) -> RunEnd:
    result = CompanyResult.model_validate(report.result)
    return RunEnd(
        watch=watch,
        job_id=watch.job_id or "",
        outcome=result.status.value,
        cost_micros=result.cost_micros,
        # From the lookup: the report of a job does not carry evidence.
        digest=None if found is None else _digest(found),
        known_digest=known_digest,
    )


def _digest(found: Enrichment) -> str | None:
    return evidence_digest(found.evidence) if found.status in _CONCLUSIVE else None


def _not_looked_up(name: str, code: str, reason: Localized, key: str | None = None) -> Report:
    result = CompanyResult(
        status=ItemStatus.NOT_DUE, company=name, company_key=key, code=code, reason=reason
    )
    return Report(result.model_dump(mode="json"), tally_of(result.status, None))


_NOT_DUE = Localized(
    en="Not looked up: its watch was removed, or its run is over already.",
    es="No se consultó: su seguimiento se quitó, o su ejecución ya terminó.",
)
_MERGED = Localized(
    en="Not looked up: it was merged into a company that is watched itself.",
    es="No se consultó: se unió a una empresa que ya tiene su propio seguimiento.",
)


log = structlog.get_logger(__name__)

#: Characters of a name; no company has a longer one.
MAX_NAME = 1_000


@dataclass(slots=True)
class _NewMention:
    """A mention that no earlier row has: the company that is meant, or why there is none."""

    text: str
    mention: Mention
    identity: Identity | None = None
    company: Resolved | None = None
    trouble: Explanation | None = None

    @property
    def item(self) -> str:
        """What rows that are answered together have in common.

        Not the key alone: a mention without facts may mean another company by the time that it
        is looked up. No key has a NUL character.
        """
        if self.company is None:
            return f"\0{self.text}"
        if self.company.is_ambiguous:
            return f"\0{self.company.key}"
        identity = self.company.identity
        # Companies of one name in two towns are two, although they share a key.
        town = "_".join(split_words(identity.city or ""))
        return (
            f"{self.company.key}\0{town}" if town or any(identity.facts[:2]) else self.company.key
        )


class CompanyIntake:
    """Adds companies, each as the text of a `Mention`, to an unsealed job.

    Not for concurrent callers. Memory: about 60 bytes for each distinct company, and 30 more for
    each that is known.
    """

    def __init__(self, enricher: Enricher, index: CompanyIndex, unsealed: UnsealedJob) -> None:
        self._enricher = enricher
        self._index = index
        self._unsealed = unsealed
        self._spellings = Distinct()
        self._item_of_spelling = array("I")
        self._keys = Distinct()
        self._first_spelling = array("I")
        self._waiting: list[str] = []
        self._served: list[_AnsweredItems] = []

    async def add(self, mentions: Sequence[str]) -> None:
        """Add rows.

        Raises:
            StoreUnavailable: Redis is unavailable; discard the job.
        """
        self._waiting += mentions
        while len(self._waiting) >= SEGMENT_ROWS:
            rows, self._waiting = self._waiting[:SEGMENT_ROWS], self._waiting[SEGMENT_ROWS:]
            await self._add(rows)

    async def end(self) -> None:
        """Add what is left, so that the job can be sealed."""
        if self._waiting:
            rows, self._waiting = self._waiting, []
            await self._add(rows)

    async def count_served(self) -> None:
        """Count the lookups that were answered on the way in, once the job is sealed."""
        for served in self._served:
            await self._enricher.count_known(
                (purchase_id, price, self._unsealed.rows_of(item))
                for item, purchase_id, price in served.lookups()
            )

    async def _add(self, rows: Sequence[str]) -> None:
        items_before = len(self._keys)
        first = len(self._spellings)
        numbers, met = await self._read_rows(rows)
        new: list[_NewMention] = []
        items: list[int] = []
        spellings: dict[int, str] = {}
        turns = Turns()
        for spelling, each in enumerate(met, start=first):
            await turns.give()
            item = self._keys.number(each.item)
            if item == len(self._first_spelling):
                self._first_spelling.append(spelling)
                new.append(each)
            self._item_of_spelling.append(item)
        for row, spelling in enumerate(numbers):
            await turns.give()
            item = self._item_of_spelling[spelling]
            items.append(item)
            if self._first_spelling[item] != spelling:
                spellings[row] = rows[row]
        answers = await self._answers(new, items_before)
        segment = Segment(items_before, items, spellings)
        await self._unsealed.add_part(Part(rows, segment, [each.text for each in new], answers))

    async def _read_rows(self, rows: Sequence[str]) -> tuple[list[int], list[_NewMention]]:
        """Return the number of each row's spelling, and the new spellings with their companies."""
        first = len(self._spellings)
        numbers: list[int] = []
        new: list[_NewMention] = []
        turns = Turns()
        for text in rows:
            await turns.give()
            spelling = self._spellings.number(text)
            if spelling == first + len(new):
                new.append(_read_row(text))
            numbers.append(spelling)
        known = [each.identity for each in new if each.identity is not None]
        try:
            companies = iter(await self._index.resolve_all(known))
        except DatabaseUnavailable as error:
            # The work is accepted: workers identify its companies once the database answers.
            log.warning("intake.not_identified", error=str(error))
            return numbers, new
        for each in new:
            if each.identity is not None:
                each.company = next(companies)
        return numbers, new

    async def _answers(self, new: Sequence[_NewMention], first: int) -> dict[int, Report]:
        """Return the reports of those of *new* that need no work, by their index."""
        lookups = {
            n: each.company
            for n, each in enumerate(new)
            if each.company is not None and not each.company.is_ambiguous
        }
        known = await self._enricher.find_known(list(lookups.values()))
        found = {n: each for n, each in zip(lookups, known, strict=True) if each is not None}
        self._served.append(_AnsweredItems.of({first + n: each for n, each in found.items()}))
        reports = {n: _report(each, found.get(n)) for n, each in enumerate(new)}
        return {n: report for n, report in reports.items() if report is not None}


@dataclass(frozen=True, slots=True)
class _AnsweredItems:
    """Which items of a segment were answered by which purchase, packed."""

    items: "array[int]"
    prices: "array[int]"
    purchase_ids: bytes

    @classmethod
    def of(cls, found: Mapping[int, Enrichment]) -> "_AnsweredItems":
        bought = {item: each for item, each in found.items() if each.purchase_id is not None}
        return cls(
            array("I", bought),
            array("Q", (each.saved_micros for each in bought.values())),
            zlib.compress("\n".join(str(each.purchase_id) for each in bought.values()).encode()),
        )

    def lookups(self) -> Iterator[tuple[int, str, int]]:
        ids = zlib.decompress(self.purchase_ids).decode()
        return zip(self.items, ids.splitlines(), self.prices, strict=True)


_UNFIT = Explanation(
    ItemStatus.INVALID,
    "invalid_company_name",
    Localized(
        en=f"The name has more than {MAX_NAME:,} characters, or NUL characters; correct it.",
        es=f"El nombre tiene más de {MAX_NAME:,} letras, o signos NUL; corríjalo.",
    ),
)


def _read_row(text: str) -> _NewMention:
    mention = Mention.of(text)
    if len(mention.name) > MAX_NAME or "\0" in mention.name:
        return _NewMention(text, mention, trouble=_UNFIT)
    try:
        return _NewMention(text, mention, mention.identify())
    except InvalidCompanyName as error:
        return _NewMention(text, mention, trouble=explain(error))


def _report(new: _NewMention, known: Enrichment | None) -> Report | None:
    if new.trouble is not None:
        return report_of_failure(Mention(new.mention.name[:MAX_NAME]), new.trouble)
    if new.company is not None and new.company.is_ambiguous:
        return report_of(new.mention, ambiguous_outcome(new.company))
    return None if known is None else report_of(new.mention, known)
