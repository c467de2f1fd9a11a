"""What is known about a company without asking for it: from the archive, else from the memo."""

from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.cache.keys import entry_key
from orchestrator.identity.resolution import Resolved
from orchestrator.memo import Entry, Memo
from orchestrator.purchasing.archive import ArchivedAnswer, EvidenceArchive
from orchestrator.purchasing.outcome import Enrichment, recalled
from orchestrator.purchasing.stored import EnrichmentStatus


class LastKnown:
    """Remembers; never buys."""

    def __init__(self, archive: EvidenceArchive, memo: Memo) -> None:
        self._archive = archive
        self._memo = memo

    async def of(self, company: Resolved) -> Enrichment | None:
        """Return the newest that was bought about a company, however old; None if nothing is kept.

        Also under a key that has given way to its own: what was found anywhere counts first. What
        another service has set in the cache by hand counts where nothing was bought.

        Raises:
            DatabaseUnavailable: The archive cannot be read.
            StoreUnavailable: Nothing is in the archive, and Redis is unavailable.
        """
        keys = (company.key, *company.former)
        kept = list((await self._archive.latest(keys)).values())
        if not kept:
            entries = await self._memo.peek_many([entry_key(key) for key in keys])
            kept = [_as_archived(company.key, entry) for entry in entries if entry is not None]
        newest = max(kept, key=_how_much_it_tells, default=None)
        return None if newest is None else replace(recalled(newest), company_key=company.key)


def _how_much_it_tells(answer: ArchivedAnswer) -> tuple[bool, datetime]:
    return answer.outcome == EnrichmentStatus.FOUND, answer.as_of


def _as_archived(company_key: str, entry: Entry) -> ArchivedAnswer:
    return ArchivedAnswer(
        purchase_id=entry.payload.get("purchase_id") or "",
        company_key=company_key,
        outcome=entry.status,
        as_of=datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC),
        payload=entry.payload,
    )
