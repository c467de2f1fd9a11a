"""The second question about a company, by a protocol that answers all there is in one purchase.

A company is asked for by its name. Where the seller knows several of that name, and the domain is
known, it is asked for once more by both. That is a purchase with an entry, a purchase record and a
line in the ledger of its own, beside the company's: a crash in between repeats nothing. The entry
of the company is then made of both answers.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from orchestrator.identity.resolution import Resolved
from orchestrator.memo import Entry, Flight, Loaded, Memo, Outcome
from orchestrator.purchasing.intents import BillingContext, PurchaseRequest
from orchestrator.purchasing.outcome import EnrichmentStatus
from orchestrator.purchasing.purchase import Purchaser, buy_apart
from orchestrator.surfsense import RequestRejected

log = structlog.get_logger(__name__)

#: Purchases that a company takes at most.
MOST_QUESTIONS = 2


async def ask_with_domain(
    memo: Memo,
    purchaser: Purchaser,
    flight: Flight,
    company: Resolved,
    billing: BillingContext,
    *,
    first: Entry,
) -> tuple[Loaded, Outcome | None]:
    """Ask for *company* by name and domain, on behalf of its own *flight*.

    Args:
        memo: Keeps the answer beside the company's entry.
        purchaser: Buys it.
        flight: Of the company's entry.
        company: Whose domain is known.
        billing: On whose behalf.
        first: The answer to the name alone.

    Returns:
        What the company's entry becomes, and the answer to this question; None if there is none.

    Raises:
        Abandoned: No caller waits for it; what was bought is kept.
        Exception: As `Purchaser.buy`.
    """
    if earlier := await purchaser.finish_if_left(flight):  # else the first purchase is settled
        return earlier, None
    name, domain = company.query_with_domain, company.identity.facts.domain
    assert name is not None  # noqa: S101 - the question is open
    request = PurchaseRequest(name, company.key, billing, asked=domain)
    try:
        second = await buy_apart(memo, purchaser, flight, request)
    except RequestRejected as refused:  # a seller that takes no such name: nothing was bought
        log.warning("second_question.rejected", company_key=company.key, reason=str(refused))
        return _together(first, None, domain), None
    return _together(first, second.entry, domain), second


def _together(first: Entry, second: Entry | None, domain: str | None) -> Loaded:
    """Return what both answers say: the first stands, unless the second has found the company."""
    answers = [first] if second is None else [first, second]
    if second is not None and second.status == EnrichmentStatus.FOUND:
        answers.reverse()
    answer, purchases = answers[0], [_purchase_of(each.payload) for each in answers]
    payload = {
        **answer.payload,
        "asked": domain,
        "purchase_id": "+".join(each["purchase_id"] for each in purchases if each["purchase_id"]),
        "cost_micros": sum(each["cost_micros"] for each in purchases),
        "purchases": purchases,
    }
    ttl = timedelta(milliseconds=answer.expires_at_ms - answer.stored_at_ms)
    return Loaded(answer.status, payload, ttl, answer.stored_at_ms)


def _purchase_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "purchase_id": payload.get("purchase_id"),
        "cost_micros": payload.get("cost_micros", 0),
        "bought_for": payload.get("bought_for"),
    }
