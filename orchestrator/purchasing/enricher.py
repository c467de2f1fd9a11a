"""Looks companies up by name: returns an outcome with its age and its price.

The company index decides which company a name means. Everything after that, memo, purchase record,
budget and ledger, knows the company by its key.
"""

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final

from orchestrator.evidence.waterfall import wants_profile
from orchestrator.identity import Mention, domain_key, entry_key
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.counters import Counters, lookup_count
from orchestrator.memo import Entry, Flight, Loaded, Memo, Outcome, Source, StillLoading
from orchestrator.purchasing.books import Spending
from orchestrator.purchasing.budget import BudgetExhausted
from orchestrator.purchasing.costs import ReuseKey, ReuseStatistics
from orchestrator.purchasing.intents import BillingContext, PurchaseRequest, lost_purchases
from orchestrator.purchasing.outcome import (
    Enrichment,
    EnrichmentStatus,
    ambiguous_outcome,
    enrichment_of,
    is_open,
    purchases_in,
)
from orchestrator.purchasing.purchase import Purchaser
from orchestrator.purchasing.research import MOST_QUESTIONS, Research, Wants, ask_with_domain
from orchestrator.purchasing.steps import is_about, subject_of
from orchestrator.surfsense import AnswerLost, EnrichmentError, MalformedAnswer

#: Names of the counts of lookups. One that had to go to SurfSense is a miss, even if that failed.
_HITS: Final = lookup_count("surfsense", hit=True)
_MISSES: Final = lookup_count("surfsense", hit=False)
_WITHOUT_SURFSENSE = (Source.HIT, Source.COALESCED)
#: Of several steps, the source that comes first here is that of the whole.
_PRECEDENCE: Final = (Source.BOUGHT, Source.ADOPTED, Source.STALE, Source.COALESCED, Source.HIT)
#: Lookups of a company whose purchase was lost, in a request to buy it again.
_LOSSES = 2


@dataclass(frozen=True, slots=True)
class Preview:
    """What a lookup of a company would find.

    Attributes:
        company_key: The company.
        is_ambiguous: Whether it may be another one; then nothing is bought.
        fresh: Whether its entry is fresh, and has all that the lookup wants.
        is_wanted: Whether the lookup wants any evidence.
        most_prices: How many times the price of a company it costs at most, if it buys.
    """

    company_key: str
    is_ambiguous: bool
    fresh: bool
    is_wanted: bool = True
    most_prices: int = 1

    @property
    def buys(self) -> bool:
        """Whether something would be bought."""
        return self.is_wanted and not (self.fresh or self.is_ambiguous)


@dataclass(slots=True, eq=False)
class _Lookup:
    """One lookup under way.

    Attributes:
        company: Who is meant.
        billing: On whose behalf.
        wants: Which evidence is worth its price.
        first: An answer to the name alone that means several companies, to be asked further.
        unasked: Why that was not done.
        is_miss: Whether it had to go to SurfSense.
        sources: How it came by each purchase; None for one that was no matter of a lookup.
    """

    company: Resolved
    billing: BillingContext
    wants: Wants
    first: Entry | None = None
    unasked: Exception | None = None
    is_miss: bool = False
    sources: dict[str, Source | None] = field(default_factory=dict)


class Enricher:
    """Looks companies up through the memo. One per event loop."""

    def __init__(
        self,
        memo: Memo,
        purchaser: Purchaser,
        counters: Counters,
        reuse: ReuseStatistics,
        index: CompanyIndex,
        *,
        research: Research | None = None,
    ) -> None:
        """Look up through *memo*; by *research* where a company takes several purchases."""
        self._memo = memo
        self._purchaser = purchaser
        self._counters = counters
        self._reuse = reuse
        self._index = index
        self._research = research

    async def identify(self, mention: Mention) -> Resolved:
        """Return which company is meant; a name that comes with a domain is assigned to it.

        Raises:
            InvalidCompanyName: The name has no key.
            DatabaseUnavailable: The index cannot be read.
        """
        return (await self._index.resolve_all([mention.identify()]))[0]

    async def enrich(
        self,
        company: str | Resolved,
        billing: BillingContext,
        *,
        patience: timedelta | None = None,
        wants: Wants = wants_profile,
    ) -> Enrichment:
        """Return what is known about *company*, identified or by its name; buy it if need be.

        Where it is `ambiguous` which company is meant, nothing is bought. That is also so where
        evidence is to decide something (*wants* is not `wants_profile`), and nothing beside name
        and country is known by which it would be told from a namesake's. After *patience* the call
        fails; a purchase under way still completes, is charged once, and is found by later lookups.
        Where a company takes several purchases, each is made only while *wants* asks for what it
        brings. A name for which the seller knows several companies is asked for once more with the
        domain, if that is known; where this cannot be done, the first answer says why (`unasked`).

        Raises:
            StillLoading: *patience* has ended.
            InvalidCompanyName: The name has no key.
            BudgetExhausted: A cap refuses the purchase.
            EnrichmentError: SurfSense failed, here or in the process that led.
            MemoError: Redis is unavailable, or the leader failed in an unknown way.
            DatabaseUnavailable: The index cannot be read; nothing was bought.
        """
        if isinstance(company, str):
            company = await self.identify(Mention(company))
        if self._is_ambiguous(company, wants):
            return ambiguous_outcome(company)
        lookup = _Lookup(company, billing, wants)
        is_enough = partial(self._is_wanted_entry, lookup)
        ends_at = None if patience is None else time.monotonic() + patience.total_seconds()

        async def look_up() -> Outcome:
            left_s = None if ends_at is None else max(0.0, ends_at - time.monotonic())
            return await self._memo.get(
                entry_key(company.key),
                partial(self._load, lookup),
                patience=None if left_s is None else timedelta(seconds=left_s),
                is_enough=is_enough,
            )

        inherited = await self._find_inherited(company) if company.former else None
        outcome = None if inherited is None else Outcome(Source.HIT, inherited)
        try:
            if outcome is None and billing.buy_again is not None:
                outcome = await self._past_losses(company.key, look_up)
            outcome = outcome or await look_up()
            if outcome.source is not Source.STALE and not is_enough(outcome.entry):
                outcome = await look_up()  # its name alone was asked for, and means several
        except (BudgetExhausted, EnrichmentError, StillLoading) as error:
            if lookup.first is None:
                raise
            lookup.unasked = error
            outcome = Outcome(Source.HIT, lookup.first)
        return self._conclude(lookup, outcome)

    async def _load(self, lookup: "_Lookup", flight: Flight) -> Loaded:
        """Buy what *lookup* lacks, on behalf of the *flight* that it leads."""
        if not lookup.is_miss:
            self._counters.add(_MISSES)
        lookup.is_miss = True
        company, billing = lookup.company, lookup.billing
        made: list[tuple[str | None, Source | None]] = []
        if self._research is not None:
            loaded, taken = await self._research.load(flight, company, billing, lookup.wants)
            made = [(each.purchase_id, each.source) for each in taken]
        elif lookup.first is not None and (first := await self._first_answer(company)) is not None:
            loaded, second = await ask_with_domain(
                self._memo, self._purchaser, flight, company, billing, first=first
            )
            if second is not None:
                made = [(second.entry.payload.get("purchase_id"), second.source)]
        else:
            request = PurchaseRequest(company.query_name, company.key, billing)
            loaded = await self._purchaser.buy(flight, request)
            made = [(loaded.payload.get("purchase_id"), loaded.source)]
        lookup.sources.update((id_, source) for id_, source in made if id_ is not None)
        return loaded

    async def _first_answer(self, company: Resolved) -> Entry | None:
        """Return the entry that lacks the answer to the second question; None if there is none.

        Read anew: it may have been invalidated since the lookup has seen it.
        """
        entry = await self._memo.peek(entry_key(company.key))
        return entry if entry is not None and is_open(company, entry) else None

    def _conclude(self, lookup: "_Lookup", outcome: Outcome) -> Enrichment:
        """Return what *lookup* comes to; count what it has saved."""
        source, sources = outcome.source, lookup.sources
        if source in _WITHOUT_SURFSENSE and not lookup.is_miss:
            self._counters.add(_HITS)
        bought = tuple(id_ for id_, each in sources.items() if each is Source.BOUGHT)
        if sources and source is Source.BOUGHT:
            # An answer that was made of several is no purchase: what those came by counts.
            source = min((each or source for each in sources.values()), key=_PRECEDENCE.index)
        billing = lookup.billing
        found = enrichment_of(lookup.company.key, source, outcome.entry, billing.bought_for, bought)
        for purchase_id, price_micros in found.unpaid:
            served_by = sources.get(purchase_id) or outcome.source
            self._reuse.add(purchase_id, served_by.value, price_micros)
        return found if lookup.unasked is None else replace(found, unasked=lookup.unasked)

    async def _past_losses(
        self, company_key: str, look_up: Callable[[], Awaitable[Outcome]]
    ) -> Outcome | None:
        """Look up although an earlier purchase's answer is lost; None if that still bars it.

        A flight that was joined may have begun without the request's permission: after it has
        failed, the next one is begun with it.
        """
        for _ in range(_LOSSES):
            for key in (entry_key(company_key), domain_key(company_key)):
                await self._memo.forgive(key, _is_loss)
            with contextlib.suppress(AnswerLost, MalformedAnswer):
                return await look_up()
        return None

    async def spent_on(self, company: Resolved, job_id: str | None, item: int | None) -> Spending:
        """Return what was bought about *company* for one item of a job, by whichever worker.

        Of a purchase whose price is uncertain, nothing.

        Raises:
            StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable.
        """
        if item is None:
            return Spending()
        keys = [entry_key(company.key), domain_key(company.key)]
        if self._research is not None:
            keys += await self._research.entry_keys(company.key)
        lost = lost_purchases(await self._memo.records.of(keys))
        return await self._purchaser.books.spent_on(company.key, (job_id, item), lost)

    def abandon(self, company_key: str) -> bool:
        """Stop the purchase of *company_key*, if no caller of this process waits for it.

        For a caller that has cancelled its own `enrich` of it. What was not sent yet is not sent;
        a run of the `workspace` protocol is cancelled, and so neither charged nor counted; what
        cannot be stopped any more is completed and stored.

        Returns:
            Whether there was such a purchase, or a wait for one of another process.
        """
        self._memo.abandon_below(f"{entry_key(company_key)}:")
        return self._memo.abandon(entry_key(company_key))

    def count_repeats(self, found: Enrichment, times: int) -> None:
        """Count *times* further lookups that *found* has answered without any I/O."""
        if found.source is None or not times:
            return
        self._counters.add(_HITS, times)
        repeated = found.repeated()
        for purchase_id, saved_micros in repeated.purchases():
            self._reuse.add(purchase_id, str(repeated.source), saved_micros, times)

    async def count_known(self, lookups: Iterable[tuple[str, int, int]]) -> None:
        """Count lookups that `find_known` has answered: purchase id, price, and how many.

        Written at once, since a file may bring more of them than a buffer should hold.
        """
        counts = Counter[ReuseKey]()
        served = 0
        for purchase_id, price_micros, n in lookups:
            served += n
            for one, saved_micros in purchases_in(purchase_id, price_micros):
                counts[one, Source.HIT.value, saved_micros] += n
        self._counters.add(_HITS, served)
        await self._reuse.add_all(counts)

    async def find_known(self, companies: Sequence[Resolved]) -> list[Enrichment | None]:
        """Return what a lookup of each company would find without paying, None where nothing.

        Nothing is counted: see `count_known`.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        numbers = defaultdict[str, list[int]](list)
        for number, each in enumerate(companies):
            numbers[entry_key(each.key)].append(number)
        found: list[Enrichment | None] = [None] * len(companies)
        # Entry by entry: decoded, thousands of them would take ten times their size.
        async for key, entry in self._memo.peek_each(numbers):
            for number in numbers[key]:
                company = companies[number]
                if self._is_enough(company, wants_profile, entry):
                    known = enrichment_of(company.key, Source.HIT, entry)
                    found[number] = replace(known, answer={})
        for number, each in enumerate(companies):
            if each.former and (inherited := await self._find_inherited(each)):
                found[number] = enrichment_of(each.key, Source.HIT, inherited)
        return found

    async def preview(self, asked: Sequence[tuple[Mention, Wants | None]]) -> list[Preview]:
        """Return what lookups would find that want so much. Costs nothing, assigns no name.

        Args:
            asked: Each company with what is wanted of it; None if nothing is.

        Raises:
            InvalidCompanyName: A name has no key.
            StoreUnavailable: Redis is unavailable.
            DatabaseUnavailable: The index cannot be read.
        """
        distinct = list(dict.fromkeys(mention for mention, _ in asked))
        identified = await self._index.preview_all([each.identify() for each in distinct])
        companies = dict(zip(distinct, identified, strict=True))
        lookups = [(companies[mention], wants) for mention, wants in asked]
        of_key: dict[str, list[int]] = {}
        for number, (company, wants) in enumerate(lookups):
            if wants is not None and not company.is_ambiguous:
                of_key.setdefault(entry_key(company.key), []).append(number)
        # Entry by entry: thousands of them would be a burden.
        fresh, half_asked = set[int](), set[int]()
        async for key, entry in self._memo.peek_each(of_key):
            enough = {number for number in of_key[key] if self._is_enough(*lookups[number], entry)}
            fresh |= enough
            half_asked |= set(of_key[key]) - enough
        inherited = {
            each.key
            for each in {company.key: company for company in identified if company.former}.values()
            if await self._find_inherited(each) is not None
        }
        return [
            Preview(
                company.key,
                self._is_ambiguous(company, wants),
                number in fresh or (company.key in inherited and not company.is_ambiguous),
                wants is not None,
                1 if number in half_asked or not company.query_with_domain else self.most_prices,
            )
            for number, (company, wants) in enumerate(lookups)
        ]

    @property
    def most_prices(self) -> int:
        """How many times its price a company costs at most."""
        return MOST_QUESTIONS if self._research is None else 1

    async def entry_of(self, company: Resolved) -> Entry | None:
        """Return the entry that answers a lookup of *company* now; None if it would buy.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        if inherited := await self._find_inherited(company):
            return inherited
        return await self._memo.peek(entry_key(company.key))

    def _is_ambiguous(self, company: Resolved, wants: Wants | None) -> bool:
        """Return whether nothing says which company is meant.

        Where evidence has to decide something, a name and a country do not.
        """
        if company.is_ambiguous:
            return True
        is_for_profile = wants is None or wants is wants_profile
        if self._research is None or is_for_profile:
            return False
        return not subject_of(company).has_second_fact

    def _is_enough(self, company: Resolved, wants: Wants | None, entry: Entry) -> bool:
        """Return whether *entry* has all that is wanted of *company*."""
        if wants is None:
            return True
        if self._research is None:
            return not is_open(company, entry)
        return self._research.is_enough(company, entry, wants)

    def _is_wanted_entry(self, lookup: "_Lookup", entry: Entry) -> bool:
        """Return whether *entry* answers *lookup*; one that asks for a second question is noted."""
        if self._is_enough(lookup.company, lookup.wants, entry):
            return True
        if self._research is None:
            lookup.first = entry
        return False

    async def _find_inherited(self, company: Resolved) -> Entry | None:
        """Return what was found under a key that was merged into *company*'s, while it is fresh.

        Unless something was found under its own. It is never stored under the other key: undoing a
        merge undoes this, too.
        """
        if not company.former:
            return None
        keys = [entry_key(key) for key in (company.key, *company.former)]
        own, *former = await self._memo.peek_many(keys)
        if own is not None and _is_found(own):
            return None
        subject = subject_of(company)
        return next(
            (
                each
                for each in former
                if each is not None and _is_found(each)
                if "steps" not in each.payload or is_about(each.payload, subject)
            ),
            None,
        )


def _is_loss(error: Exception) -> bool:
    return isinstance(error, AnswerLost | MalformedAnswer)


def _is_found(entry: Entry) -> bool:
    return entry.status == EnrichmentStatus.FOUND
