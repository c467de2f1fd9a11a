"""Money: what may be spent, what was spent, on what, and for whom."""

from orchestrator.spend.budget import Account, Budget, BudgetExhausted, run_account
from orchestrator.spend.ledger import Ledger, PurchaseOutcome, PurchaseRecord, Spend, SpendBy

__all__ = [
    "Account",
    "Budget",
    "BudgetExhausted",
    "Ledger",
    "PurchaseOutcome",
    "PurchaseRecord",
    "Spend",
    "SpendBy",
    "run_account",
]
