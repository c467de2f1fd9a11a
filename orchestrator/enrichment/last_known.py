"""What is known about a company without asking for it: from the archive, else from the memo."""

from datetime import UTC, datetime

from orchestrator.archive import ArchivedAnswer, EvidenceArchive
from orchestrator.cache.keys import entry_key
from orchestrator.enrichment.enricher import Enrichment, recalled
from orchestrator.memo import Entry, Memo


class LastKnown:
    """Remembers; never buys."""

    def __init__(self, archive: EvidenceArchive, memo: Memo) -> None:
        self._archive = archive
        self._memo = memo

    async def of(self, company_key: str) -> Enrichment | None:
        """Return the newest that was bought about a company, however old; None if nothing is kept.

        What another service has set in the cache by hand counts where nothing was bought.

        Raises:
            DatabaseUnavailable: The archive cannot be read.
            StoreUnavailable: Nothing is in the archive, and Redis is away.
        """
        kept = (await self._archive.latest([company_key])).get(company_key)
        if kept is not None:
            return recalled(kept)
        entry = await self._memo.peek(entry_key(company_key))
        return None if entry is None else recalled(_as_archived(company_key, entry))


def _as_archived(company_key: str, entry: Entry) -> ArchivedAnswer:
    return ArchivedAnswer(
        purchase_id=entry.payload.get("purchase_id") or "",
        company_key=company_key,
        outcome=entry.status,
        as_of=datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC),
        payload=entry.payload,
    )
