"""What people decide about companies, and the rules that follow from it. Pure.

Decisions are only ever added: to undo one is another decision. `IdentityRules` are in force.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .identify import MARK


class DecisionKind(StrEnum):
    """The kinds of decisions.

    MERGE: two keys are one company. SPLIT: a name means several companies. ALIAS: a spelling,
    or a domain, leads to a key. UNDO: an earlier decision is no longer in force.
    """

    MERGE = "merge"
    SPLIT = "split"
    ALIAS = "alias"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision to be entered.

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


class Rule(NamedTuple):
    """The key to which a subject leads, and the number of the decision that says so."""

    key: str
    number: int


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """The decisions in force: merged keys, split names, and spellings and domains with a key.

    `merged` lists, by the key they lead to, the keys that were merged; it follows from the rest.
    """

    merges: Mapping[str, Rule] = field(default_factory=dict)
    names: Mapping[str, Rule] = field(default_factory=dict)
    domains: Mapping[str, Rule] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Mapping[str, Rule], ...]:
        """The subjects that lead to a key, by kind of subject."""
        return (self.merges, self.names, self.domains)

    def final(self, key: str) -> tuple[str, tuple[int, ...]]:
        """Return the key to which *key* leads in the end, and the decisions that lead there."""
        numbers: tuple[int, ...] = ()
        while rule := self.merges.get(key) or self.names.get(key):
            key, numbers = rule.key, (*numbers, rule.number)
        return key, numbers

    def former_keys(self, key: str) -> tuple[str, ...]:
        """Return all keys that were merged into *key*, in order."""
        return self.merged.get(key, ())

    def aliases_of(self, key: str) -> tuple[str, ...]:
        """Return the names' keys that lead to *key* by an alias, in order.

        What is stored under one was bought before the alias, for the company it meant then.
        """
        return tuple(sorted(name for name in self.names if self.final(name)[0] == key))


def in_force(decisions: Iterable[IdentityDecision]) -> IdentityRules:
    """Return the rules that *decisions*, in the order of their numbers, result in."""
    entered = list(decisions)
    undone = undone_by(entered)
    merges: dict[str, Rule] = {}
    names: dict[str, Rule] = {}
    domains: dict[str, Rule] = {}
    splits: dict[str, int] = {}
    for decision in entered:
        if decision.kind is DecisionKind.UNDO or decision.number in undone:
            continue
        if decision.kind is DecisionKind.SPLIT:
            splits[decision.subject] = decision.number
            continue
        is_domain = decision.kind is DecisionKind.ALIAS and is_domain_subject(decision.subject)
        table = merges if decision.kind is DecisionKind.MERGE else names
        rule = Rule(decision.target or "", decision.number)
        (domains if is_domain else table)[decision.subject] = rule
    rules = IdentityRules(merges, names, domains, splits)
    merged: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for losing in sorted(merges):
        merged[rules.final(losing)[0]] += (losing,)
    return replace(rules, merged=dict(merged))


def undone_by(decisions: Iterable[IdentityDecision]) -> dict[int, int]:
    """Return the numbers of the undone decisions, each with that of its UNDO."""
    return {int(d.subject): d.number for d in decisions if d.kind is DecisionKind.UNDO}


def is_domain_subject(subject: str) -> bool:
    """Return whether the *subject* of an alias is a domain: it has a dot and no mark."""
    return "." in subject and MARK not in subject and any(map(str.isalnum, subject))


def check(new: NewDecision, rules: IdentityRules, past: Mapping[int, IdentityDecision]) -> None:
    """Check that *new* can be entered after *past*, which results in *rules*.

    Raises:
        BadDecision: It cannot; the sentence says why.
    """
    if not new.by.strip() or not new.why.strip():
        missing = "why" if new.by.strip() else "who decides"
        raise BadDecision(f"a decision is kept permanently, so it must say {missing}")
    if new.kind is DecisionKind.UNDO:
        _check_undo(new.subject, past)
        return
    _check_subject(new, rules)
    if new.target is not None:
        _check_target(new.subject, new.target, rules)


def _check_subject(new: NewDecision, rules: IdentityRules) -> None:
    subject = new.subject
    if MARK in subject and new.kind is not DecisionKind.MERGE:
        instead = "split the name" if new.kind is DecisionKind.SPLIT else "merge it"
        raise BadDecision(f"{subject} is one company's key already; {instead} instead")
    if rule := next((t[subject] for t in rules.tables if subject in t), None):
        raise BadDecision(
            f"{subject} leads to {rule.key} by decision {rule.number}; undo that first"
        )
    if number := rules.splits.get(subject):
        raise BadDecision(f"{subject} is split by decision {number}; undo that first")
    if new.kind is DecisionKind.SPLIT:
        _check_is_no_target(subject, rules)


def _check_is_no_target(key: str, rules: IdentityRules) -> None:
    for table in rules.tables:
        for subject, rule in table.items():
            if rule.key == key:
                raise BadDecision(
                    f"{subject} leads to {key} by decision {rule.number}, which after a split "
                    "would be no company; undo that first"
                )


def _check_target(subject: str, target: str, rules: IdentityRules) -> None:
    if subject == target:
        raise BadDecision(f"{subject} is that company already; name two different ones")
    final, _ = rules.final(target)
    if final == subject:
        raise BadDecision(
            f"{target} leads to {subject} already, so this would go round in a circle"
        )
    if number := rules.splits.get(final):
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
