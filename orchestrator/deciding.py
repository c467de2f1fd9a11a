"""Enters people's decisions about companies, each checked first: `emasai identity`, and over HTTP.

BadDecision is the one error of a decision that cannot be entered (`identity.resolution`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.app import Runtime
from orchestrator.identity import as_key, company_domain
from orchestrator.identity.resolution import (
    BadDecision,
    DecisionKind,
    IdentityDecision,
    NewDecision,
)
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.purchasing import entry_key

#: What follows from undoing a decision.
UNDONE: Final = "Each key means what it meant before; purchases made since keep their keys."


@dataclass(frozen=True, slots=True)
class Author:
    """Who decides, and why; both are kept permanently."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A decision as it was entered, and what follows from it, in sentences."""

    decision: IdentityDecision
    consequences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """The purchases and opportunities under one key that a decision affects."""

    key: str
    purchases: int
    spent_micros: int
    opportunities: int

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.purchases or self.opportunities)

    def __str__(self) -> str:
        bought = f"purchases {self.purchases} (${self.spent_micros / MICROS_PER_USD:.4f})"
        return f"{self.key}: {bought}, opportunities {self.opportunities}"


#: Raises unless two companies with a history are one.
Confirm = Callable[[Sequence[Affected]], None]


async def merge(
    runtime: Runtime, losing: str, winning: str, author: Author, confirm: Confirm
) -> Entered:
    """Make two companies, each by its key or name, one: under the second one's key.

    Raises:
        BadDecision: It contradicts an earlier one, or nothing is known of one of the companies.
        InvalidCompanyName: One of the names is none.
        DatabaseUnavailable, StoreUnavailable: The database or Redis is unavailable.
    """
    subject, target = as_key(losing), as_key(winning)
    new = _new(DecisionKind.MERGE, subject, target, author)
    await runtime.identity.decisions.check(new)
    for key in (subject, target):
        await check_known(runtime, key)
    final, *_ = await runtime.identity.index.merged_keys(target)
    histories = [await affected_by(runtime, key) for key in (subject, final)]
    if all(histories):
        confirm(histories)
    stays = _what_stays(histories[0], final)
    return await _enter(runtime, new, f"Both have the key {final} from now on.", *stays)


async def split(runtime: Runtime, name: str, author: Author) -> Entered:
    """Declare that a name means several companies; raises as `merge`."""
    subject = as_key(name)
    new = _new(DecisionKind.SPLIT, subject, None, author)
    await runtime.identity.decisions.check(new)
    stays = _what_stays(await affected_by(runtime, subject), subject)
    keys = f"Its companies have keys such as {subject}~acme.com or {subject}~mx from now on."
    return await _enter(runtime, new, keys, *stays)


async def alias(
    runtime: Runtime, spelling: str, company: str, author: Author, *, is_domain: bool
) -> Entered:
    """Make a spelling, or all leads of a domain, lead to a company; raises as `merge`."""
    subject = company_domain(spelling) if is_domain else as_key(spelling)
    if subject is None:
        raise BadDecision(f"{spelling} is not the domain of a company: free mail, or no domain")
    target = as_key(company)
    new = _new(DecisionKind.ALIAS, subject, target, author)
    await runtime.identity.decisions.check(new)
    await check_known(runtime, target)
    final, *_ = await runtime.identity.index.merged_keys(target)
    if is_domain:
        every = f"Every lead of {subject} has the key {final}, whatever its name."
        return await _enter(runtime, new, every)
    stays = _what_stays(await affected_by(runtime, subject), final)
    return await _enter(runtime, new, f"Every lead of that name has the key {final}.", *stays)


async def undo(runtime: Runtime, number: int, author: Author) -> Entered:
    """Undo a decision by its number; both stay in the list. Raises as `merge`."""
    return await _enter(runtime, _new(DecisionKind.UNDO, str(number), None, author), UNDONE)


async def _enter(runtime: Runtime, new: NewDecision, *consequences: str) -> Entered:
    return Entered(await runtime.identity.decisions.enter(new), consequences)


def _new(kind: DecisionKind, subject: str, target: str | None, author: Author) -> NewDecision:
    return NewDecision(kind, subject, target, author.name.strip(), author.why.strip())


def _what_stays(history: Affected, key: str) -> list[str]:
    if not history:
        return []
    return [f"Existing records stay, and `emasai explain {key}` shows them: {history}."]


async def affected_by(runtime: Runtime, key: str) -> Affected:
    """Count the purchases and opportunities under *key*.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    purchases = await runtime.purchasing.ledger.purchases_of(key)
    leads = {stored.lead_id for stored in await runtime.leads.store.decisions_for_company(key)}
    return Affected(
        key,
        len(purchases),
        sum(purchase.cost_micros for purchase in purchases),
        len(await runtime.leads.store.opportunities_of(leads)),
    )


async def check_known(runtime: Runtime, key: str) -> None:
    """Check that something is known of the company with *key*.

    Raises:
        BadDecision: Nothing is: probably a typo.
        DatabaseUnavailable: The database does not answer.
    """
    is_known = await runtime.identity.decisions.is_known(key)
    if not is_known and await runtime.purchasing.memo.peek(entry_key(key)) is None:
        raise BadDecision(
            f"nothing is known of a company with the key {key}; "
            "for another spelling of a known one, use an alias (`emasai identity alias`)"
        )
