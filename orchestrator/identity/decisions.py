"""What people decide about companies, and what follows from all of it. Pure.

Decisions are only ever added: to undo one is another decision. `Rulings` is what is in force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .identify import MARK


class DecisionKind(StrEnum):
    """What can be decided.

    MERGE: two keys are one company. SPLIT: a name means several companies. ALIAS: a spelling,
    or a domain, leads to a key. UNDO: an earlier decision is not in force any more.
    """

    MERGE = "merge"
    SPLIT = "split"
    ALIAS = "alias"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What somebody decides.

    `subject` is the key, name key or domain that it is about (of an UNDO: the number of the
    decision), `target` the key that it leads to, if it leads to one.
    """

    kind: DecisionKind
    subject: str
    target: str | None
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class IdentityDecision:
    """A decision as it was entered; `number` counts up from 1."""

    number: int
    kind: DecisionKind
    subject: str
    target: str | None
    by: str
    why: str
    decided_at: datetime

    def __str__(self) -> str:
        target = f" into {self.target}" if self.kind is DecisionKind.MERGE else ""
        target = f" to {self.target}" if self.kind is DecisionKind.ALIAS else target
        return f"decision {self.number} ({self.kind} {self.subject}{target})"


class BadDecision(ValueError):
    """A decision that contradicts itself or what was decided earlier; nothing was entered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Ruling(NamedTuple):
    """Where something leads, and the number of the decision that says so."""

    key: str
    number: int


@dataclass(frozen=True, slots=True)
class Rulings:
    """The decisions in force: merged keys, split names, and spellings and domains with a key."""

    merges: Mapping[str, Ruling] = field(default_factory=dict)
    names: Mapping[str, Ruling] = field(default_factory=dict)
    domains: Mapping[str, Ruling] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)

    def final(self, key: str) -> tuple[str, tuple[int, ...]]:
        """Return the key that *key* is one with, and the decisions that lead there."""
        numbers: tuple[int, ...] = ()
        while ruling := self.merges.get(key) or self.names.get(key):
            key, numbers = ruling.key, (*numbers, ruling.number)
        return key, numbers

    def merged_into(self, key: str) -> tuple[str, ...]:
        """Return all keys that are one with *key* and gave way to it, in order."""
        return tuple(sorted(losing for losing in self.merges if self.final(losing)[0] == key))


def in_force(decisions: Iterable[IdentityDecision]) -> Rulings:
    """Return what *decisions*, in the order of their numbers, amount to."""
    standing: dict[int, IdentityDecision] = {}
    for decision in decisions:
        if decision.kind is DecisionKind.UNDO:
            standing.pop(int(decision.subject), None)
        else:
            standing[decision.number] = decision
    merges: dict[str, Ruling] = {}
    names: dict[str, Ruling] = {}
    domains: dict[str, Ruling] = {}
    splits: dict[str, int] = {}
    for number, decision in standing.items():
        if decision.kind is DecisionKind.SPLIT:
            splits[decision.subject] = number
            continue
        is_domain = decision.kind is DecisionKind.ALIAS and is_domain_subject(decision.subject)
        table = merges if decision.kind is DecisionKind.MERGE else names
        (domains if is_domain else table)[decision.subject] = Ruling(decision.target or "", number)
    return Rulings(merges, names, domains, splits)


def is_domain_subject(subject: str) -> bool:
    """Say whether the *subject* of an alias is a domain: only that has a dot and no mark."""
    return "." in subject and MARK not in subject and any(map(str.isalnum, subject))


def check(new: NewDecision, rulings: Rulings, past: Mapping[int, IdentityDecision]) -> None:
    """Let *new* pass if it can be entered after *past*, of which *rulings* are in force.

    Raises:
        BadDecision: With the sentence that says why not.
    """
    if new.kind is DecisionKind.UNDO:
        _check_undo(new.subject, past)
        return
    if new.kind is DecisionKind.SPLIT and MARK in new.subject:
        raise BadDecision(f"{new.subject} is one company's key already; split the name instead")
    for table in (rulings.merges, rulings.names, rulings.domains):
        if ruling := table.get(new.subject):
            raise BadDecision(
                f"{new.subject} leads to {ruling.key} by decision {ruling.number}; undo that first"
            )
    if number := rulings.splits.get(new.subject):
        raise BadDecision(f"{new.subject} is split by decision {number}; undo that first")
    if new.target is None:
        return
    if new.subject == new.target:
        raise BadDecision(f"{new.subject} is that company already; name two different ones")
    if rulings.final(new.target)[0] == new.subject:
        raise BadDecision(
            f"{new.target} leads to {new.subject} already, so this would go round in a circle"
        )


def _check_undo(subject: str, past: Mapping[int, IdentityDecision]) -> None:
    undone = past.get(int(subject))
    if undone is None:
        raise BadDecision(f"there is no decision {subject}")
    if undone.kind is DecisionKind.UNDO:
        raise BadDecision(f"decision {subject} undoes another one; decide that anew instead")
    if any(d.kind is DecisionKind.UNDO and d.subject == subject for d in past.values()):
        raise BadDecision(f"decision {subject} is undone already")
