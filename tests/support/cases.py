"""Leads, decisions and purchases for tests; only what a test is about needs to be said."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from agents.case import Decision, Lead, Localized, Money, OpportunityDraft, Verdict
from orchestrator.leadfile import lead_from, read_lead
from orchestrator.purchasing import LedgerEntry, PurchaseOutcome
from orchestrator.surfsense.pace import Breaker, PaceState

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_TEST_LEADS = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def lead(number: int = 0, **changes: str | None) -> Lead:
    """Return the lead of *number*; the same number gives the same lead in every process."""
    fields = {
        "company": f"Company {number}",
        "contact": "Ana",
        "email": f"ana{number}@acme.example",
    }
    return Lead.model_validate({"id": uuid5(_TEST_LEADS, str(number)), **fields, **changes})


def advance(agent: str = "cdao", version: str = "1", score: int = 80) -> Decision:
    """Return a decision that advances, with a draft of an opportunity."""
    return Decision(
        agent=agent,
        version=version,
        verdict=Verdict.ADVANCE,
        code="viable",
        reason=Localized(en="Fits well.", es="Encaja bien."),
        score=score,
        draft=OpportunityDraft(
            score=score,
            value=Money(amount=12_000, currency="EUR"),
            probability=0.4,
            next_step=Localized(en="Call.", es="Llamar."),
        ),
        details={"findings": [{"name": "sector", "points": 30}]},
    )


def discard(agent: str = "cdao", version: str = "1", code: str = "too_small") -> Decision:
    """Return a decision that discards."""
    return Decision(
        agent=agent,
        version=version,
        verdict=Verdict.DISCARD,
        code=code,
        reason=Localized(en="Too small.", es="Demasiado pequeña."),
    )


def purchase(number: int = 0, **changes: object) -> LedgerEntry:
    """Return the settled purchase of *number*, for 46,500 micro-dollars."""
    fields = {
        "purchase_id": f"purchase-{number}",
        "company_key": "acme",
        "company": "ACME, S.A.",
        "job_id": "job-1",
        "tenant": "default",
        "source": "surfsense",
        "protocol": "enrich",
        "started_at": NOW,
        "settled_at": NOW,
        "cost_micros": 46_500,
        "estimated": True,
        "outcome": PurchaseOutcome.FOUND,
    }
    return LedgerEntry.model_validate({**fields, **changes})


def pace_state(
    *,
    has_credit: bool = True,
    limited_for: timedelta = timedelta(0),
    breaker: Breaker = Breaker.CLOSED,
) -> PaceState:
    """Return the state of a gate through which 40 calls have left in the last minute."""
    return PaceState(
        waiting={},
        per_minute=118,
        left_lately=40,
        spacing=timedelta(seconds=0.5),
        next_in=timedelta(seconds=1.5),
        limited_for=limited_for,
        failures=5 if breaker is Breaker.OPEN else 0,
        breaker=breaker,
        has_credit=has_credit,
        refusal="" if has_credit else "Insufficient credits",
    )


def lead_of_row(company: str, contact: str, email: str = "", **cells: str) -> Lead:
    """Return the lead of a row of a lead file."""
    row = {"company": company, "contact": contact, "email": email, **cells}
    fields, problems = read_lead({name: value or None for name, value in row.items()})
    assert fields is not None, problems
    return lead_from(fields)
