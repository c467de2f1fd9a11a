"""The evidence archive: what each purchase brought, for as long as it is kept."""

from .archive import ArchivedAnswer, EvidenceArchive
from .pruner import ArchivePruner
from .writing import keep_answers

__all__ = [
    "ArchivePruner",
    "ArchivedAnswer",
    "EvidenceArchive",
    "keep_answers",
]
