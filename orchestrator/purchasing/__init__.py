"""One purchase per company: who may buy, what it may cost, what it brought, and what it is owed.

The memo decides who buys, the budget whether, the SurfSense client how; the ledger keeps
what it cost, and the archive what it brought.
"""

from orchestrator.cache.keys import entry_key
from orchestrator.database.schema import UNCERTAIN, PurchaseOutcome
from orchestrator.purchasing.accounts import (
    Account,
    Caps,
    Scope,
    accounts_of,
    day_account,
    run_account,
    scope_of,
)
from orchestrator.purchasing.archive import ArchivedAnswer, EvidenceArchive
from orchestrator.purchasing.attempt import SEND_WITHIN, Freshness
from orchestrator.purchasing.budget import Books, Budget, BudgetExhausted, Opening, RefreshRefused
from orchestrator.purchasing.costs import Cost, Costs, CostsBy, Doubt, total
from orchestrator.purchasing.enricher import Enricher, Glance
from orchestrator.purchasing.failures import EnrichmentFailures
from orchestrator.purchasing.journal import Purpose, UnreadableRecord
from orchestrator.purchasing.last_known import LastKnown
from orchestrator.purchasing.ledger import Entered, Ledger, PurchaseRecord
from orchestrator.purchasing.outcome import Enrichment, nobody, recalled, source_again
from orchestrator.purchasing.purchase import Purchaser, ShuttingDown
from orchestrator.purchasing.recall import EvidenceReference, Recall
from orchestrator.purchasing.servings import Served, Serving, Servings
from orchestrator.purchasing.settlement import Settlement
from orchestrator.purchasing.stored import EnrichmentStatus
from orchestrator.purchasing.strays import Strays
from orchestrator.purchasing.sweeper import Sweeper
from orchestrator.purchasing.writing import keep_answers

__all__ = [
    "SEND_WITHIN",
    "UNCERTAIN",
    "Account",
    "ArchivedAnswer",
    "Books",
    "Budget",
    "BudgetExhausted",
    "Caps",
    "Cost",
    "Costs",
    "CostsBy",
    "Doubt",
    "Enricher",
    "Enrichment",
    "EnrichmentFailures",
    "EnrichmentStatus",
    "Entered",
    "EvidenceArchive",
    "EvidenceReference",
    "Freshness",
    "Glance",
    "LastKnown",
    "Ledger",
    "Opening",
    "PurchaseOutcome",
    "PurchaseRecord",
    "Purchaser",
    "Purpose",
    "Recall",
    "RefreshRefused",
    "Scope",
    "Served",
    "Serving",
    "Servings",
    "Settlement",
    "ShuttingDown",
    "Strays",
    "Sweeper",
    "UnreadableRecord",
    "accounts_of",
    "day_account",
    "entry_key",
    "keep_answers",
    "nobody",
    "recalled",
    "run_account",
    "scope_of",
    "source_again",
    "total",
]
