"""The evidence archive: what each purchase brought, for as long as it is kept."""

from .archive import ArchivedAnswer, EvidenceArchive
from .writing import keep_answers

__all__ = [
    "ArchivedAnswer",
    "EvidenceArchive",
    "keep_answers",
]
