"""Money: what may be spent, what was spent, on what, for whom, and what that saved."""

from orchestrator.spend.accounts import (
    Account,
    Caps,
    Scope,
    accounts_of,
    day_account,
    run_account,
    scope_of,
)
from orchestrator.spend.budget import Books, Budget, BudgetExhausted, Opening, RefreshRefused
from orchestrator.spend.costs import Cost, Costs, CostsBy, Doubt, total
from orchestrator.spend.ledger import UNCERTAIN, Entered, Ledger, PurchaseOutcome, PurchaseRecord
from orchestrator.spend.servings import Served, Serving, Servings

__all__ = [
    "UNCERTAIN",
    "Account",
    "Books",
    "Budget",
    "BudgetExhausted",
    "Caps",
    "Cost",
    "Costs",
    "CostsBy",
    "Doubt",
    "Entered",
    "Ledger",
    "Opening",
    "PurchaseOutcome",
    "PurchaseRecord",
    "RefreshRefused",
    "Scope",
    "Served",
    "Serving",
    "Servings",
    "accounts_of",
    "day_account",
    "run_account",
    "scope_of",
    "total",
]
