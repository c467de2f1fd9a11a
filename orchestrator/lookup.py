"""Lookups without a job, what is known of a company, and forgetting it.

`emasai enrich NAME`, `explain` and `invalidate`, and the same of `orchestrator.Orchestrator`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import randbits
from typing import Any, Final
from uuid import UUID, uuid4

from agents.case import Lead, Localized
from agents.cdao import CdaoAgent
from orchestrator.app import Runtime
from orchestrator.dispatch import Terms
from orchestrator.evidence.model import Step
from orchestrator.handlers import CompanyHandler, ItemStatus
from orchestrator.handlers.company import report_of_failure
from orchestrator.handlers.explanation import Explanation
from orchestrator.identity import Mention, as_key, domain_key, is_refined
from orchestrator.identity.resolution import (
    IdentityDecision,
    IdentityRules,
    NameAssignment,
    Resolved,
    in_force,
    undone_by,
)
from orchestrator.infra.clock import instant
from orchestrator.jobs import DeadLetter, GivenUp, JobContext, NotNow, Report, Tries
from orchestrator.leads import StoredDecision
from orchestrator.memo import Entry
from orchestrator.purchasing import (
    ArchivedAnswer,
    EvidenceShown,
    LedgerEntry,
    Reuse,
    Rules,
    StepTaken,
    archived_steps,
    entry_key,
    is_about,
    run_account,
    show_answer,
    show_steps,
    steps_in,
    subject_from,
    subject_of,
)

#: Names that are looked up side by side.
AT_ONCE: Final = 50
#: Of the number that a lookup without a job has in place of an item's: exact in every JSON.
ITEM_BITS: Final = 53

#: Calls a lookup, perhaps again.
Retried = Callable[[Callable[[], Awaitable[Report]]], Awaitable[Report]]


async def _once(work: Callable[[], Awaitable[Report]]) -> Report:
    return await work()


async def billing_context(runtime: Runtime, terms: Terms) -> JobContext:
    """Return the context of purchases without a job; a cap is kept under an id of its own."""
    run_id, is_capped = uuid4().hex, terms.max_cost_micros is not None
    if terms.max_cost_micros is not None:
        await runtime.purchasing.budget.set_cap(run_account(run_id), terms.max_cost_micros)
    return JobContext(
        run_id if is_capped else None,
        terms.tenant_of(runtime),
        capped=is_capped,
        buy_again=run_id if terms.buy_again else None,
    )


async def look_up_all(
    runtime: Runtime,
    mentions: list[Mention],
    terms: Terms,
    context: JobContext,
    patience: timedelta | None,
    retried: Retried = _once,
) -> list[Report]:
    """Look *mentions* up side by side; return their reports in order.

    Args:
        runtime: The core.
        mentions: How the companies are named.
        terms: Mentions whose turn comes after the deadline fail.
        context: See `billing_context`.
        patience: The longest wait for each; what takes longer is still bought, once.
        retried: Calls a lookup, again where a backend is unavailable.

    Raises:
        NotNow: A backend is unavailable, and no mention could be looked up.
    """
    handler = CompanyHandler(runtime.purchasing.enricher, patience=patience)
    slots = asyncio.Semaphore(AT_ONCE)

    async def look_up(mention: Mention) -> Report | NotNow:
        async with slots:
            if terms.deadline is not None and runtime.clock() >= terms.deadline:
                return await handler.give_up(mention.text, context, GivenUp(DeadLetter.DEADLINE))
            try:
                # Each with its own count of tries, and a number by which its purchases are known.
                own = replace(context, tries=Tries(), item=randbits(ITEM_BITS))
                return await retried(lambda: handler(mention.text, own))
            except NotNow as unavailable:
                return unavailable

    found = await asyncio.gather(*map(look_up, mentions))
    faults = [each for each in found if isinstance(each, NotNow)]
    if len(faults) == len(found):
        raise faults[0]
    return [
        _report_of_fault(mention, each) if isinstance(each, NotNow) else each
        for mention, each in zip(mentions, found, strict=True)
    ]


def _report_of_fault(mention: Mention, error: NotNow) -> Report:
    es = "Un servidor no estaba disponible; vuelva a ejecutarlo más tarde."
    reason = Localized(
        en=f"{error.reason[:1].upper()}{error.reason[1:]}; run it again later.", es=es
    )
    return report_of_failure(mention, Explanation(ItemStatus.FAILED, "unavailable", reason))


@dataclass(frozen=True, slots=True)
class Resolution:
    """The company of a name, and the facts and decisions that lead to it.

    `companies` are those with the same name, by key; `decisions` those in force that lead to this
    one, `aliases` the keys of names that lead to it by an alias.
    """

    company: Resolved
    companies: Mapping[str, tuple[NameAssignment, ...]]
    decisions: list[IdentityDecision]
    aliases: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The company's key, and other keys under which its data may be stored."""
        return (self.company.key, *self.company.former, *self.aliases)

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        identity = self.company.identity
        return {
            "key": self.company.key,
            "because": self.company.reason.value,
            "ambiguous": self.company.is_ambiguous,
            "candidates": list(self.company.candidates),
            "name_key": identity.name_key,
            "display_name": identity.display_name,
            "legal_form": identity.facts.legal_form,
            "domain": identity.facts.domain,
            "country": identity.facts.country,
            "removed": [
                {"text": text, "label": form.label, "kind": form.kind}
                for text, form in identity.removed
            ],
            "distinctive": identity.distinctive,
            "former_keys": list(self.keys[1:]),
            "claims": [
                {"key": key, "company": claim.company, **claim.facts._asdict()}
                for key, claims in self.companies.items()
                for claim in claims
            ],
            "identity_decisions": [decision_json(each) for each in self.decisions],
        }


async def resolve(runtime: Runtime, mention: Mention) -> Resolution:
    """Return the company of a name or a key; stores nothing, costs nothing.

    Raises:
        DatabaseUnavailable: The index cannot be read.
        InvalidCompanyName: The name is blank.
    """
    company = await runtime.identity.index.preview(mention.identify())
    every = await runtime.identity.decisions.all()
    rules = in_force(every)
    applied = [each for each in every if _is_about(each, company, rules)]
    undone = undone_by(every)
    return Resolution(
        company,
        await runtime.identity.index.companies_of(company.identity.name_key),
        [each for each in applied if each.number not in undone],
        rules.aliases_of(company.key),
    )


def decision_json(decision: IdentityDecision, undone: int | None = None) -> dict[str, Any]:
    """Return a decision for `--json`; *undone* is the number of the decision that undid it."""
    return {
        "number": decision.number,
        "kind": decision.kind.value,
        "subject": decision.subject,
        "target": decision.target,
        "by": decision.by,
        "why": decision.why,
        "decided_at": decision.decided_at.isoformat(),
        "undone_by": undone,
    }


def _is_about(decision: IdentityDecision, company: Resolved, rules: IdentityRules) -> bool:
    target = decision.target
    leads_here = target is not None and rules.final(target)[0] == company.key
    return leads_here or decision.number in company.decisions


@dataclass(frozen=True, slots=True)
class CompanyHistory:
    """All that is known of a company."""

    name: Resolution
    entry: Entry | None
    purchases: list[LedgerEntry]
    servings: list[Reuse]
    decisions: list[StoredDecision]
    now: datetime
    fresh_for: timedelta
    shown: EvidenceShown | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the history for `--json`."""
        return {
            **self.name.as_json(),
            "entry": self.entry and entry_json(self.entry, self.now),
            "purchases": [self._purchase_json(purchase) for purchase in self.purchases],
            "charged_micros": self.charged_micros,
            "uncertain_micros": self.uncertain_micros,
            "research": self.shown and self.shown.as_json(),
            "decisions": [decision.model_dump(mode="json") for decision in self.decisions],
        }

    @property
    def charged_micros(self) -> int:
        """The cost of all purchases with an answer."""
        return sum(each.cost_micros for each in self.purchases if not each.is_uncertain)

    @property
    def uncertain_micros(self) -> int:
        """What purchases with lost answers may have cost."""
        return sum(each.cost_micros for each in self.purchases if each.is_uncertain)

    def servings_of(self, purchase: LedgerEntry) -> list[Reuse]:
        """Return the lookups that *purchase* has answered since."""
        return [each for each in self.servings if each.purchase_id == purchase.purchase_id]

    def _purchase_json(self, purchase: LedgerEntry) -> dict[str, Any]:
        servings = self.servings_of(purchase)
        return {
            **purchase.model_dump(mode="json"),
            "served": {each.source: each.served for each in servings},
            "saved_micros": sum(each.saved_micros for each in servings),
        }


async def read_history(runtime: Runtime, mention: Mention) -> CompanyHistory:
    """Return all that is known of a company; stores nothing, costs nothing.

    Raises:
        InvalidCompanyName: The name is blank.
        DatabaseUnavailable, StoreUnavailable: The database or Redis is unavailable.
    """
    found = await resolve(runtime, mention)
    ledger, store = runtime.purchasing.ledger, runtime.leads.store
    purchases = [each for key in found.keys for each in await ledger.purchases_of(key)]
    decisions = [each for key in found.keys for each in await store.decisions_for_company(key)]
    return CompanyHistory(
        found,
        await runtime.purchasing.enricher.entry_of(found.company),
        sorted(purchases, key=lambda purchase: purchase.settled_at),
        await runtime.purchasing.reuse.of([purchase.purchase_id for purchase in purchases]),
        sorted(decisions, key=lambda decision: decision.confirmed_at),
        runtime.clock(),
        runtime.settings.redis_ttl,
        await _show(runtime, found.company, mention),
    )


async def read_evidence(runtime: Runtime, mention: Mention) -> EvidenceShown | None:
    """Return what was found about a company, step by step; None if nothing is kept of it.

    From the memo, or else the archive. Stores nothing, costs nothing.

    Raises:
        InvalidCompanyName: The name is blank.
        DatabaseUnavailable, StoreUnavailable: The database or Redis is unavailable.
    """
    company = await runtime.identity.index.preview(mention.identify())
    return await _show(runtime, company, mention)


async def _show(runtime: Runtime, company: Resolved, mention: Mention) -> EvidenceShown | None:
    if company.is_ambiguous:
        return None
    entry = await runtime.purchasing.enricher.entry_of(company)
    if entry is None:
        return await _shown_from_archive(runtime, company, mention)
    if "steps" not in entry.payload:
        return show_answer(
            company.key, company.query_name, entry.payload, instant(entry.stored_at_ms)
        )
    steps = steps_in(entry.payload)
    payloads = await _payloads_of(runtime, company, steps)
    stored = next((each["subject"] for each in payloads.values() if each.get("subject")), None)
    subject = subject_of(company)
    is_same = is_about(entry.payload, subject)
    stored = entry.payload.get("subject") or stored
    return show_steps(
        company.key,
        subject_from(stored, company.query_name) if stored and is_same else subject,
        steps,
        {step: each.get("answer", {}) for step, each in payloads.items()},
        _rules(runtime, company, mention),
        stopped=entry.payload.get("stopped"),
        answer=(entry.payload.get("answer") or {}) if is_same else None,
    )


async def _shown_from_archive(
    runtime: Runtime, company: Resolved, mention: Mention
) -> EvidenceShown | None:
    kept = await runtime.purchasing.archive.latest((company.key, *company.former))
    answers = max(kept.values(), key=lambda each: each[0].as_of, default=None)
    if answers is None:
        return None
    newest = answers[0]
    subject = subject_of(company)
    judged_for = subject if subject.has_second_fact else None
    by_step = archived_steps(answers, judged_for)
    if not by_step:
        return show_answer(
            company.key, company.query_name, newest.payload, newest.as_of, is_current=False
        )
    stored = newest.payload.get("subject")
    return show_steps(
        company.key,
        judged_for or subject_from(stored, company.query_name),
        [_archived_step(step, each) for step, each in by_step.items()],
        {step: each.payload.get("answer", {}) for step, each in by_step.items()},
        _rules(runtime, company, mention),
        is_current=False,
    )


def _archived_step(step: Step, archived: ArchivedAnswer) -> StepTaken:
    return StepTaken(
        step,
        stored_at_ms=round(archived.as_of.timestamp() * 1000),
        purchase_id=archived.purchase_id,
        cost_micros=archived.payload.get("cost_micros", 0),
    )


async def _payloads_of(
    runtime: Runtime, company: Resolved, steps: Sequence[StepTaken]
) -> dict[Step, Mapping[str, Any]]:
    """Return the payloads of *steps*, from their entries or the archive; some may be gone."""
    wanted = {each.purchase_id: each.step for each in steps if each.purchase_id}
    keys = await runtime.purchasing.questions.of(company.key, *company.former)
    entries = await runtime.purchasing.memo.peek_many([*keys])
    payloads = [each.payload for each in entries if each is not None]
    found = {
        wanted[payload["purchase_id"]]: payload
        for payload in payloads
        if payload.get("purchase_id") in wanted
    }
    missing = [id_ for id_, step in wanted.items() if step not in found]
    archived = await runtime.purchasing.archive.of(missing) if missing else {}
    return found | {wanted[id_]: each.payload for id_, each in archived.items()}


def _rules(runtime: Runtime, company: Resolved, mention: Mention) -> Rules:
    """Return by what the pipeline judges a lead with what is known of *company* for free."""
    facts = company.identity.facts
    lead = Lead(
        id=UUID(int=0),
        company=company.query_name,
        contact="",
        email="",
        website=mention.website or facts.domain,
        country=mention.country or facts.country,
        city=mention.city,
    )

    agents = runtime.leads.pipeline.agents
    judge = next((each for each in agents if isinstance(each, CdaoAgent)), None)
    return Rules(lead, judge, runtime.purchasing.price_micros)


def entry_json(entry: Entry, now: datetime) -> dict[str, Any]:
    """Return the state of a memo entry at *now*."""
    now_ms = int(now.timestamp() * 1000)
    return {
        "status": entry.status,
        "stored_at": instant(entry.stored_at_ms).isoformat(),
        "age_s": entry.age_ms(now_ms) // 1000,
        "fresh_for_s": max(0, entry.expires_at_ms - now_ms) // 1000,
    }


async def forget(runtime: Runtime, names: Sequence[str]) -> int:
    """Forget the stored results of companies by name or key; return how many entries went.

    The next lookup buys. The result of a purchase in flight is not stored either; its cost
    stays counted.
    """
    known = {one for name in names for one in await _all_keys(runtime, as_key(name))}
    memo = runtime.purchasing.memo
    # Parts first: none of them may come back in an answer that is made of them meanwhile.
    await memo.invalidate(*await runtime.purchasing.questions.of(*known), *map(domain_key, known))
    return await memo.invalidate(*map(entry_key, known))


async def _all_keys(runtime: Runtime, key: str) -> set[str]:
    """Return the keys of all companies that *key*, or a name with that key, may mean."""
    companies = () if is_refined(key) else await runtime.identity.index.companies_of(key)
    return {
        one for each in (key, *companies) for one in await runtime.identity.index.merged_keys(each)
    }
