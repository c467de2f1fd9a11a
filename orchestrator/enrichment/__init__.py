"""From a company's name to evidence about it, without ever paying twice on purpose.

The memo decides who buys, the budget whether, the SurfSense client how; the ledger keeps
what it cost. This package is where the four meet.
"""

from orchestrator.cache.keys import entry_key
from orchestrator.enrichment.attempt import SEND_WITHIN, Freshness
from orchestrator.enrichment.enricher import Enricher, Glance
from orchestrator.enrichment.failures import EnrichmentFailures
from orchestrator.enrichment.journal import Purpose, UnreadableRecord
from orchestrator.enrichment.last_known import LastKnown
from orchestrator.enrichment.outcome import Enrichment, nobody, recalled, source_again
from orchestrator.enrichment.purchase import Purchaser, ShuttingDown
from orchestrator.enrichment.recall import EvidenceReference, Recall
from orchestrator.enrichment.settlement import Settlement
from orchestrator.enrichment.stored import EnrichmentStatus
from orchestrator.enrichment.strays import Strays
from orchestrator.enrichment.sweeper import Sweeper

__all__ = [
    "SEND_WITHIN",
    "Enricher",
    "Enrichment",
    "EnrichmentFailures",
    "EnrichmentStatus",
    "EvidenceReference",
    "Freshness",
    "Glance",
    "LastKnown",
    "Purchaser",
    "Purpose",
    "Recall",
    "Settlement",
    "ShuttingDown",
    "Strays",
    "Sweeper",
    "UnreadableRecord",
    "entry_key",
    "nobody",
    "recalled",
    "source_again",
]
