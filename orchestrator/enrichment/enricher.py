"""The door to evidence: a name goes in, an outcome with its age and price comes out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agents.case import Evidence
from orchestrator.archive import ArchivedAnswer
from orchestrator.cache.hit_rate import count_lookup
from orchestrator.cache.keys import Kind, entry_key
from orchestrator.counters import Counters
from orchestrator.enrichment.journal import Order, Purpose
from orchestrator.enrichment.purchase import Purchaser
from orchestrator.enrichment.stored import (
    EnrichmentStatus,
    StoredAnswer,
    read_archived,
    read_stored,
)
from orchestrator.identity import parse_name
from orchestrator.jobs import Lane
from orchestrator.memo import Entry, Flight, Loaded, Memo, Refresh, Source
from orchestrator.spend import Served, Servings
from orchestrator.surfsense import evidence_from, is_simulated

#: A lookup that ends so is a hit; one that had to go to SurfSense a miss, even if that failed.
_WITHOUT_SURFSENSE = (Source.HIT, Source.COALESCED)


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The outcome of one lookup.

    `source` is None where nothing was looked up: the name alone is `ambiguous`, or the archive
    was asked. `cost_micros` is what this lookup paid, `saved_micros` what it would have paid
    without the memo. `purchase_id` identifies the evidence in the ledger; `simulated`: invented.
    """

    company_key: str
    status: EnrichmentStatus
    source: Source | None = None
    evidence: Evidence | None = None
    candidates: tuple[str, ...] = ()
    as_of: datetime | None = None
    purchase_id: str | None = None
    cost_micros: int = 0
    saved_micros: int = 0
    simulated: bool = False

    def again(self) -> "Enrichment":
        """Return the outcome of asking for the same company in the same breath."""
        if self.source is None:
            return self
        return replace(
            self,
            source=source_again(self.source),
            cost_micros=0,
            saved_micros=self.cost_micros + self.saved_micros,
        )


def source_again(source: Source) -> Source:
    """Return how evidence that came by *source* comes to whoever asks in the same breath."""
    return source if source in {Source.HIT, Source.STALE} else Source.COALESCED


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known about a name without paying: its key, and whether its entry is fresh."""

    company_key: str
    distinctive: bool
    fresh: bool


class Enricher:
    """Looks companies up through the memo. One per event loop.

    With *refresh*, what is read often is bought anew shortly before it expires; nobody's budget
    but the tenant's, the day's and the whole installation's pays, and none that runs low.
    """

    def __init__(
        self,
        memo: Memo,
        purchaser: Purchaser,
        counters: Counters,
        servings: Servings,
        *,
        refresh: Refresh | None = None,
    ) -> None:
        self._refresh = refresh
        self._memo = memo
        self._purchaser = purchaser
        self._counters = counters
        self._servings = servings

    async def enrich(
        self, name: str, purpose: Purpose, *, patience: timedelta | None = None
    ) -> Enrichment:
        """Return what is known about the company called *name*, buying it if need be.

        A name that is only a legal form or a symbol could be anybody's: it is `ambiguous`,
        and nothing is bought. After *patience* the caller gives up; a purchase under way is
        seen through all the same, charged once, and found by whoever asks next.

        Raises:
            StillLoading: *patience* has ended.
            InvalidCompanyName: The name has no key.
            BudgetExhausted: A cap refuses the purchase.
            EnrichmentError: SurfSense failed, here or in the process that led.
            MemoError: Redis is away, or the leader failed in an unknown way.
        """
        parsed = parse_name(name)
        if not parsed.distinctive:
            return Enrichment(parsed.key, EnrichmentStatus.AMBIGUOUS)
        order = Order(parsed.display_name, parsed.key, purpose)

        async def load(flight: Flight) -> Loaded:
            count_lookup(self._counters, Kind.SURFSENSE, hit=False)
            return await self._purchaser.buy(flight, order)

        outcome = await self._memo.get(
            entry_key(parsed.key), load, patience=patience, refresh=self._refresh_of(order)
        )
        if outcome.source in _WITHOUT_SURFSENSE:
            count_lookup(self._counters, Kind.SURFSENSE, hit=True)
        found = _enrichment(parsed.key, outcome.source, outcome.entry)
        found = replace(found, evidence=evidence_in(outcome.entry))
        if outcome.source is not Source.BOUGHT and found.purchase_id is not None:
            self._servings.add(found.purchase_id, outcome.source.value, found.saved_micros)
        return found

    def abandon(self, name: str) -> bool:
        """Stop the purchase of the company called *name*, if nobody of this process waits for it.

        For whoever has cancelled its own `enrich` of it. What was not sent yet is not sent; a run
        of the `workspace` protocol is cancelled, and so neither charged nor counted; what cannot
        be stopped any more is finished and stored as always.

        Returns:
            Whether there was such a purchase, or a wait for one of another process.

        Raises:
            InvalidCompanyName: The name has no key.
        """
        return self._memo.abandon(entry_key(parse_name(name).key))

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

    def _refresh_of(self, order: Order) -> Refresh | None:
        """Say when *order*'s company is worth a purchase before anybody waits for it."""
        if self._refresh is None:
            return None
        purpose = Purpose(None, order.purpose.tenant, refresh=True, lane=Lane.REFRESH)
        nobodys = Order(order.company, order.company_key, purpose)

        async def load(flight: Flight) -> Loaded:
            return await self._purchaser.buy(flight, nobodys)

        return replace(self._refresh, load=load)

    async def known(self, company_keys: Sequence[str]) -> list[Enrichment | None]:
        """Return what a lookup of each company would find without paying, None where nothing.

        Without evidence, which takes longer than all else: see `Recall`. Nothing is counted: see
        `serve_again`.

        Raises:
            StoreUnavailable: Redis is away.
        """
        company_of = {entry_key(key): key for key in company_keys}
        # Entry by entry: decoded, thousands of them would take ten times their size.
        found = {
            company_of[key]: _enrichment(company_of[key], Source.HIT, entry)
            async for key, entry in self._memo.peek_each(company_of)
        }
        return [found.get(key) for key in company_keys]

    async def glance(self, names: Sequence[str]) -> list[Glance]:
        """Say for each of *names* what is known already. Costs nothing.

        Raises:
            InvalidCompanyName: A name has no key.
            StoreUnavailable: Redis is away.
        """
        parsed = {name: parse_name(name) for name in dict.fromkeys(names)}
        keys = [entry_key(p.key) for p in parsed.values()]
        # Whether an entry can be read is all that counts: thousands of them would be a burden.
        fresh = {key async for key, _ in self._memo.peek_each(keys)}
        glances = {
            name: Glance(p.key, p.distinctive, key in fresh)
            for (name, p), key in zip(parsed.items(), keys, strict=True)
        }
        return [glances[name] for name in names]


def evidence_in(entry: Entry) -> Evidence | None:
    """Return what *entry* claims; None unless the company was found."""
    return _evidence(read_stored(entry), as_of(entry))


def as_of(entry: Entry) -> datetime:
    """Return the instant that dates *entry*."""
    return datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC)


def _enrichment(company_key: str, source: Source, entry: Entry) -> Enrichment:
    """Return what *entry* says, but for the evidence."""
    stored = read_stored(entry)
    paid = source is Source.BOUGHT
    return Enrichment(
        company_key=company_key,
        status=stored.status,
        source=source,
        candidates=stored.candidates,
        as_of=as_of(entry),
        purchase_id=stored.purchase_id,
        cost_micros=stored.cost_micros if paid else 0,
        saved_micros=0 if paid else stored.cost_micros,
        simulated=is_simulated(stored.payload),
    )


def recalled(answer: ArchivedAnswer) -> Enrichment:
    """Return what a purchase has brought, told again from the archive; nothing is looked up."""
    stored = read_archived(answer)
    return Enrichment(
        company_key=answer.company_key,
        status=stored.status,
        evidence=_evidence(stored, answer.as_of),
        candidates=stored.candidates,
        as_of=answer.as_of,
        purchase_id=answer.purchase_id,
        simulated=is_simulated(stored.payload),
    )


def _evidence(stored: StoredAnswer, as_of: datetime) -> Evidence | None:
    if stored.status is not EnrichmentStatus.FOUND:
        return None
    return evidence_from(stored.company, stored.payload, as_of)
