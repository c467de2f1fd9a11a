"""The door to evidence: a name goes in, an outcome with its age and price comes out.

Which company a name means is the index's business. Everything after that, memo, journal,
budget and ledger, knows the company by the one key that comes out of it.
"""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import time_ns

from orchestrator.cache.hit_rate import count_lookup
from orchestrator.cache.keys import Kind, entry_key
from orchestrator.identity import Identity, Mention
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.counters import Counters
from orchestrator.memo import Entry, Flight, Loaded, Memo, Outcome, Source
from orchestrator.purchasing.journal import Order, Purpose
from orchestrator.purchasing.outcome import Enrichment, enrichment_of, evidence_in, nobody
from orchestrator.purchasing.purchase import Purchaser
from orchestrator.purchasing.servings import Served, Servings
from orchestrator.purchasing.stored import EnrichmentStatus
from orchestrator.surfsense import AnswerLost, MalformedAnswer

#: A lookup that ends so is a hit; one that had to go to SurfSense a miss, even if that failed.
_WITHOUT_SURFSENSE = (Source.HIT, Source.COALESCED)
#: Lookups of a company whose purchase was lost, in a request to buy it again.
_LOSSES = 2


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known about a company without paying: its key, and whether its entry is fresh."""

    company_key: str
    is_ambiguous: bool
    fresh: bool


class Enricher:
    """Looks companies up through the memo. One per event loop."""

    def __init__(
        self,
        memo: Memo,
        purchaser: Purchaser,
        counters: Counters,
        servings: Servings,
        index: CompanyIndex,
    ) -> None:
        self._index = index
        self._memo = memo
        self._purchaser = purchaser
        self._counters = counters
        self._servings = servings

    async def identify(self, mention: Mention) -> Resolved:
        """Return which company is meant, on the way to its lookup: see `resolve`.

        Raises:
            InvalidCompanyName: The name has no key.
            DatabaseUnavailable: The index cannot be read.
        """
        return (await self.resolve([mention.identify()]))[0]

    async def resolve(self, identities: Sequence[Identity]) -> list[Resolved]:
        """Return which companies are meant; those that come with a domain claim their names.

        Raises:
            DatabaseUnavailable: The index cannot be read.
        """
        return await self._index.resolve_all(identities)

    async def enrich(
        self, company: str | Resolved, purpose: Purpose, *, patience: timedelta | None = None
    ) -> Enrichment:
        """Return what is known about *company*, identified or by its name; buy it if need be.

        Where nothing tells which company is meant, it is `ambiguous`, and nothing is bought.
        After *patience* the caller gives up; a purchase under way is seen through all the same,
        charged once, and found by whoever asks next.

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
        if company.is_ambiguous:
            return nobody(company)
        order = Order(company.query_name, company.key, purpose)

        async def load(flight: Flight) -> Loaded:
            count_lookup(self._counters, Kind.SURFSENSE, hit=False)
            return await self._purchaser.buy(flight, order)

        async def look_up() -> Outcome:
            return await self._memo.get(entry_key(company.key), load, patience=patience)

        outcome = await self._inherited(company)
        if outcome is None and purpose.buy_again is not None:
            outcome = await self._past_losses(company.key, look_up)
        outcome = outcome or await look_up()
        if outcome.source in _WITHOUT_SURFSENSE:
            count_lookup(self._counters, Kind.SURFSENSE, hit=True)
        found = enrichment_of(company.key, outcome.source, outcome.entry, purpose)
        found = replace(found, evidence=evidence_in(outcome.entry))
        if found.source is not Source.BOUGHT and found.purchase_id is not None:
            self._servings.add(found.purchase_id, outcome.source.value, found.saved_micros)
        return found

    async def _past_losses(
        self, company_key: str, look_up: Callable[[], Awaitable[Outcome]]
    ) -> Outcome | None:
        """Look up although an earlier purchase's answer is lost; None if that still bars it.

        A flight that was joined may have begun without the request's permission: after it has
        failed, the next one is begun with it.
        """
        for _ in range(_LOSSES):
            await self._memo.forgive(entry_key(company_key), _is_loss)
            with contextlib.suppress(AnswerLost, MalformedAnswer):
                return await look_up()
        return None

    def abandon(self, company_key: str) -> bool:
        """Stop the purchase of *company_key*, if nobody of this process waits for it.

        For whoever has cancelled its own `enrich` of it. What was not sent yet is not sent; a run
        of the `workspace` protocol is cancelled, and so neither charged nor counted; what cannot
        be stopped any more is finished and stored as always.

        Returns:
            Whether there was such a purchase, or a wait for one of another process.
        """
        return self._memo.abandon(entry_key(company_key))

    def serve_again(self, found: Enrichment, times: int) -> None:
        """Count *times* more lookups that *found* has answered without asking anybody."""
        if found.source is None or not times:
            return
        count_lookup(self._counters, Kind.SURFSENSE, hit=True, n=times)
        if found.purchase_id is not None:
            again = found.again()
            self._servings.add(found.purchase_id, str(again.source), again.saved_micros, times)

    async def served(self, lookups: Iterable[tuple[str, int, int]]) -> None:
        """Count lookups that `known` has answered: purchase id, price, and how many.

        Written at once, since a file may bring more of them than a buffer should hold.
        """
        counts = Counter[Served]()
        for purchase_id, price_micros, n in lookups:
            counts[purchase_id, Source.HIT.value, price_micros] += n
        count_lookup(self._counters, Kind.SURFSENSE, hit=True, n=counts.total())
        await self._servings.add_all(counts)

    async def known(self, companies: Sequence[Resolved]) -> list[Enrichment | None]:
        """Return what a lookup of each company would find without paying, None where nothing.

        Without evidence, which takes longer than all else: see `Recall`. Nothing is counted: see
        `serve_again`.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        key_of = {entry_key(each.key): each.key for each in companies}
        # Entry by entry: decoded, thousands of them would take ten times their size.
        found = {
            key_of[key]: enrichment_of(key_of[key], Source.HIT, entry)
            async for key, entry in self._memo.peek_each(key_of)
        }
        for each in companies:
            if each.former and (inherited := await self._inherited(each)):
                found[each.key] = enrichment_of(each.key, Source.HIT, inherited.entry)
        return [found.get(each.key) for each in companies]

    async def glance(self, mentions: Sequence[Mention]) -> list[Glance]:
        """Say for each of *mentions* what is known already. Costs nothing, claims nothing.

        Raises:
            InvalidCompanyName: A name has no key.
            StoreUnavailable: Redis is unavailable.
            DatabaseUnavailable: The index cannot be read.
        """
        distinct = list(dict.fromkeys(mentions))
        companies = await self._index.preview_all([each.identify() for each in distinct])
        # Whether an entry can be read is all that counts: thousands of them would be a burden.
        keys = [entry_key(each.key) for each in companies]
        fresh = {key async for key, _ in self._memo.peek_each(keys)}
        glances = {
            mention: Glance(
                each.key,
                each.is_ambiguous,
                not each.is_ambiguous and (key in fresh or await self._inherited(each) is not None),
            )
            for mention, each, key in zip(distinct, companies, keys, strict=True)
        }
        return [glances[mention] for mention in mentions]

    async def entry_of(self, company: Resolved) -> Entry | None:
        """Return the entry that a lookup of *company* is answered with now; None if it buys.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        if inherited := await self._inherited(company):
            return inherited.entry
        return await self._memo.peek(entry_key(company.key))

    async def _inherited(self, company: Resolved) -> Outcome | None:
        """Return what was found under a key that has given way to *company*'s, while it is fresh.

        Unless something was found under its own. It is only looked at and never stored under the
        other key: undoing a merge undoes this, too.
        """
        if not company.former:
            return None
        own, *former = await self._memo.peek_many(_entry_keys(company))
        if own is not None and _is_found(own):
            return None
        entry = next((each for each in former if each is not None and _is_found(each)), None)
        if entry is None:
            return None
        age_ms = entry.age_ms(time_ns() // 1_000_000)
        return Outcome(entry_key(company.key), Source.HIT, entry, age_ms)


def _is_loss(error: Exception) -> bool:
    return isinstance(error, AnswerLost | MalformedAnswer)


def _entry_keys(company: Resolved) -> list[str]:
    """Return under which keys there may be an entry about *company*, its own first."""
    return [entry_key(key) for key in (company.key, *company.former)]


def _is_found(entry: Entry) -> bool:
    return entry.status == EnrichmentStatus.FOUND
