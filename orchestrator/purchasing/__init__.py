"""One purchase per company: who may buy, what it may cost, what it brought, and what it is owed.

The memo decides who buys, the budget whether, the SurfSense client how; the ledger keeps
what it cost, and the archive what it brought.
"""

from orchestrator.database.schema import PurchaseOutcome
from orchestrator.identity import entry_key
from orchestrator.purchasing.archive import (
    ArchivedAnswer,
    EvidenceArchive,
    EvidenceReader,
    EvidenceReference,
    archived_outcome,
    archived_steps,
)
from orchestrator.purchasing.books import Books, Spending
from orchestrator.purchasing.budget import (
    SOFT_SHARE,
    Account,
    Budget,
    BudgetExhausted,
    Caps,
    OpeningBalance,
    RefreshRefused,
    Scope,
    accounts_of,
    day_account,
    run_account,
    scope_of,
)
from orchestrator.purchasing.costs import (
    Cost,
    Costs,
    CostsBy,
    CostsCursor,
    Reuse,
    ReuseStatistics,
    UncertainCost,
    top_costs,
    total,
)
from orchestrator.purchasing.enricher import Enricher, Preview
from orchestrator.purchasing.intents import (
    BillingContext,
    PurchaseRecord,
    PurchaseRequest,
    UnreadableRecord,
)
from orchestrator.purchasing.ledger import Ledger, LedgerChange, LedgerEntry
from orchestrator.purchasing.orphans import OrphanedRuns
from orchestrator.purchasing.outcome import (
    TTL_JITTER,
    Enrichment,
    EnrichmentFailures,
    EnrichmentStatus,
    Freshness,
    ambiguous_outcome,
    repeated_source,
)
from orchestrator.purchasing.purchase import RECONCILE_GRACE, SEND_WITHIN, Purchaser, ShuttingDown
from orchestrator.purchasing.recovery import Sweeper
from orchestrator.purchasing.research import Questions, Research, StepOffers, Wants
from orchestrator.purchasing.shown import EvidenceShown, Rules, StepShown, show_answer, show_steps
from orchestrator.purchasing.steps import StepTaken, is_about, steps_in, subject_from, subject_of

__all__ = [
    "RECONCILE_GRACE",
    "SEND_WITHIN",
    "SOFT_SHARE",
    "TTL_JITTER",
    "Account",
    "ArchivedAnswer",
    "BillingContext",
    "Books",
    "Budget",
    "BudgetExhausted",
    "Caps",
    "Cost",
    "Costs",
    "CostsBy",
    "CostsCursor",
    "Enricher",
    "Enrichment",
    "EnrichmentFailures",
    "EnrichmentStatus",
    "EvidenceArchive",
    "EvidenceReader",
    "EvidenceReference",
    "EvidenceShown",
    "Freshness",
    "Ledger",
    "LedgerChange",
    "LedgerEntry",
    "OpeningBalance",
    "OrphanedRuns",
    "Preview",
    "PurchaseOutcome",
    "PurchaseRecord",
    "PurchaseRequest",
    "Purchaser",
    "Questions",
    "RefreshRefused",
    "Research",
    "Reuse",
    "ReuseStatistics",
    "Rules",
    "Scope",
    "ShuttingDown",
    "Spending",
    "StepOffers",
    "StepShown",
    "StepTaken",
    "Sweeper",
    "UncertainCost",
    "UnreadableRecord",
    "Wants",
    "accounts_of",
    "ambiguous_outcome",
    "archived_outcome",
    "archived_steps",
    "day_account",
    "entry_key",
    "is_about",
    "repeated_source",
    "run_account",
    "scope_of",
    "show_answer",
    "show_steps",
    "steps_in",
    "subject_from",
    "subject_of",
    "top_costs",
    "total",
]
