"""Finds the evidence that an earlier lookup has brought again: in the memo, or in the archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.case import Evidence
from orchestrator.cache.keys import entry_key
from orchestrator.memo import Memo
from orchestrator.purchasing.archive import EvidenceArchive
from orchestrator.purchasing.outcome import as_of, evidence_in, recalled


@dataclass(frozen=True, slots=True)
class EvidenceReference:
    """Which evidence is meant: of which company, of which purchase, as of when."""

    company_key: str
    purchase_id: str | None
    as_of: datetime


class Recall:
    """Reads evidence by its reference. Never anything newer: what was said then was said then."""

    def __init__(self, memo: Memo, archive: EvidenceArchive) -> None:
        self._memo = memo
        self._archive = archive

    async def evidence(self, references: Sequence[EvidenceReference]) -> list[Evidence | None]:
        """Return the evidence of each of *references*; None where it is kept no longer.

        Raises:
            StoreUnavailable: Redis is unavailable.
            DatabaseUnavailable: The database is unavailable.
        """
        entries = await self._memo.peek_many([entry_key(each.company_key) for each in references])
        found = [
            evidence_in(entry) if entry is not None and as_of(entry) == each.as_of else None
            for each, entry in zip(references, entries, strict=True)
        ]
        missing = {
            each.purchase_id
            for each, evidence in zip(references, found, strict=True)
            if evidence is None and each.purchase_id is not None
        }
        archived = await self._archive.of(missing) if missing else {}
        return [
            recalled(archived[each.purchase_id]).evidence
            if evidence is None and each.purchase_id in archived
            else evidence
            for each, evidence in zip(references, found, strict=True)
        ]
