"""What people decide about companies, and what follows from all of it. Pure.

Decisions are only ever added: to undo one is another decision. `Rulings` is what is in force.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    """The decisions in force: merged keys, split names, and spellings and domains with a key.

    `given_way` has, by the key that all of it leads to, the merged keys; it follows from the rest.
    """

    merges: Mapping[str, Ruling] = field(default_factory=dict)
    names: Mapping[str, Ruling] = field(default_factory=dict)
    domains: Mapping[str, Ruling] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    given_way: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Mapping[str, Ruling], ...]:
        """All that leads somewhere."""
        return (self.merges, self.names, self.domains)

    def final(self, key: str) -> tuple[str, tuple[int, ...]]:
        """Return the key that *key* is one with, and the decisions that lead there."""
        numbers: tuple[int, ...] = ()
        while ruling := self.merges.get(key) or self.names.get(key):
            key, numbers = ruling.key, (*numbers, ruling.number)
        return key, numbers

    def merged_into(self, key: str) -> tuple[str, ...]:
        """Return all keys that are one with *key* and gave way to it, in order."""
        return self.given_way.get(key, ())

    def spelled(self, key: str) -> tuple[str, ...]:
        """Return the names' keys that lead to *key* by an alias, in order.

        What is stored under one was bought before, for whoever the name meant then.
        """
        return tuple(sorted(name for name in self.names if self.final(name)[0] == key))


def in_force(decisions: Iterable[IdentityDecision]) -> Rulings:
    """Return what *decisions*, in the order of their numbers, amount to."""
    entered = list(decisions)
    undone = undone_by(entered)
    merges: dict[str, Ruling] = {}
    names: dict[str, Ruling] = {}
    domains: dict[str, Ruling] = {}
    splits: dict[str, int] = {}
    for decision in entered:
        if decision.kind is DecisionKind.UNDO or decision.number in undone:
            continue
        if decision.kind is DecisionKind.SPLIT:
            splits[decision.subject] = decision.number
            continue
        is_domain = decision.kind is DecisionKind.ALIAS and is_domain_subject(decision.subject)
        table = merges if decision.kind is DecisionKind.MERGE else names
        ruling = Ruling(decision.target or "", decision.number)
        (domains if is_domain else table)[decision.subject] = ruling
    rulings = Rulings(merges, names, domains, splits)
    given_way: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for losing in sorted(merges):
        given_way[rulings.final(losing)[0]] += (losing,)
    return replace(rulings, given_way=dict(given_way))


def undone_by(decisions: Iterable[IdentityDecision]) -> dict[int, int]:
    """Return the numbers of those that are out of force, each with that of what undid it."""
    return {int(d.subject): d.number for d in decisions if d.kind is DecisionKind.UNDO}


def is_domain_subject(subject: str) -> bool:
    """Say whether the *subject* of an alias is a domain: only that has a dot and no mark."""
    return "." in subject and MARK not in subject and any(map(str.isalnum, subject))


def check(new: NewDecision, rulings: Rulings, past: Mapping[int, IdentityDecision]) -> None:
    """Let *new* pass if it can be entered after *past*, of which *rulings* are in force.

    Raises:
        BadDecision: With the sentence that says why not.
    """
    if not new.by.strip() or not new.why.strip():
        missing = "why" if new.by.strip() else "who decides"
        raise BadDecision(f"a decision is kept for ever, so it must say {missing}")
    if new.kind is DecisionKind.UNDO:
        _check_undo(new.subject, past)
        return
    _check_subject(new, rulings)
    if new.target is not None:
        _check_target(new.subject, new.target, rulings)


def _check_subject(new: NewDecision, rulings: Rulings) -> None:
    subject = new.subject
    if MARK in subject and new.kind is not DecisionKind.MERGE:
        instead = "split the name" if new.kind is DecisionKind.SPLIT else "merge it"
        raise BadDecision(f"{subject} is one company's key already; {instead} instead")
    if ruling := next((t[subject] for t in rulings.tables if subject in t), None):
        raise BadDecision(
            f"{subject} leads to {ruling.key} by decision {ruling.number}; undo that first"
        )
    if number := rulings.splits.get(subject):
        raise BadDecision(f"{subject} is split by decision {number}; undo that first")
    if new.kind is DecisionKind.SPLIT:
        _check_nobody_leads_to(subject, rulings)


def _check_nobody_leads_to(key: str, rulings: Rulings) -> None:
    for table in rulings.tables:
        for subject, ruling in table.items():
            if ruling.key == key:
                raise BadDecision(
                    f"{subject} leads to {key} by decision {ruling.number}, and to nobody after "
                    "a split; undo that first"
                )


def _check_target(subject: str, target: str, rulings: Rulings) -> None:
    if subject == target:
        raise BadDecision(f"{subject} is that company already; name two different ones")
    final, _ = rulings.final(target)
    if final == subject:
        raise BadDecision(
            f"{target} leads to {subject} already, so this would go round in a circle"
        )
    if number := rulings.splits.get(final):
        raise BadDecision(
            f"{final} is several companies by decision {number}; name one of them by its key"
        )


def _check_undo(subject: str, past: Mapping[int, IdentityDecision]) -> None:
    undone = past.get(int(subject))
    if undone is None:
        raise BadDecision(f"there is no decision {subject}")
    if undone.kind is DecisionKind.UNDO:
        raise BadDecision(f"decision {subject} undoes another one; decide that anew instead")
    if any(d.kind is DecisionKind.UNDO and d.subject == subject for d in past.values()):
        raise BadDecision(f"decision {subject} is undone already")
