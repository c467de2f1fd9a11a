"""Which company is meant, given the name assignments and people's decisions. Pure.

A *name assignment* says: a lead with this name came with this domain, country and legal form, and
got that key. The first assignment of a name has the name's own key. Later ones share it unless
their facts tell the two companies certainly apart; then they have a refined key, and from there on
the name is *shared*: alone, it does not say any more which company is meant.

*Decisions* of people are only ever added: to undo one is another decision. `IdentityRules` are
those in force. `index` keeps assignments and decisions in the database.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .identify import MARK, Facts, Identity, brand, refine, words_and_fact


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


class MatchReason(StrEnum):
    """Why a company has the key that it has. SAYS_NOTHING and SHARED mean an ambiguous name."""

    NAME = "name"
    DOMAIN = "domain"
    FACTS = "facts"
    DECISION = "decision"
    KEY = "key"
    SAYS_NOTHING = "says_nothing"
    SHARED = "shared"


class NameAssignment(NamedTuple):
    """One company that has a name; `company` is the name as its first lead wrote it."""

    company_key: str
    company: str
    facts: Facts

    def __str__(self) -> str:
        return f"{self.company} ({self.facts})" if any(self.facts) else self.company


@dataclass(frozen=True, slots=True)
class IndexState:
    """What a process knows beyond names: rules in force, and assignments of shared names."""

    rules: IdentityRules = field(default_factory=IdentityRules)
    shared: Mapping[str, tuple[NameAssignment, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The company that is meant, as far as the index knows.

    Everything about the company is stored under `key`. `candidates` are, in words, the companies
    that an ambiguous name could mean. `decisions` are the numbers of those that applied, `former`
    the keys that were merged into `key`.
    """

    identity: Identity
    key: str
    reason: MatchReason
    candidates: tuple[str, ...] = ()
    decisions: tuple[int, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether nothing says which company is meant, so that nothing may be bought."""
        return self.reason in {MatchReason.SAYS_NOTHING, MatchReason.SHARED}

    @property
    def query_name(self) -> str:
        """The name under which the seller is asked, with the domain or country that refines it."""
        words, fact = words_and_fact(self.key, self.identity)
        return f"{words} ({fact})" if fact else words

    @property
    def query_with_domain(self) -> str | None:
        """The name under which the seller is asked once more, where it knows several of the first.

        It has the domain behind it. None where none is known, or `query_name` has one already.
        """
        words, fact = words_and_fact(self.key, self.identity)
        domain = self.identity.facts.domain
        is_known = domain is None or "." in fact or domain in words.lower()
        return None if is_known else f"{words} ({domain})"


def by_name(identity: Identity) -> Resolved:
    """Return the company that *identity* means by itself, without assignments or decisions."""
    if identity.is_ambiguous:
        return Resolved(identity, identity.key, MatchReason.SAYS_NOTHING)
    reason = MatchReason.NAME if identity.distinctive else MatchReason.DOMAIN
    return Resolved(identity, identity.key, reason)


def by_decision(identity: Identity, state: IndexState) -> Resolved | None:
    """Return the company that a key, or a decision about the domain or name, names; if any."""
    if identity.distinctive and MARK in identity.key:
        # A refined key names one company by itself.
        return by_key(identity, state)
    rules = state.rules
    rule = rules.domains.get(identity.facts.domain or "") or rules.names.get(identity.name_key)
    if rule is None:
        return None
    resolved = Resolved(identity, rule.key, MatchReason.DECISION, decisions=(rule.number,))
    return after_merges(resolved, state)


def by_key(identity: Identity, state: IndexState) -> Resolved:
    """Return the company of the key that *identity* has."""
    key = identity.key
    if key == identity.name_key and not identity.distinctive:
        return by_name(identity)
    if number := state.rules.splits.get(key):
        candidates = tuple(dict.fromkeys(map(str, state.shared.get(key, ()))))
        return Resolved(identity, key, MatchReason.SHARED, candidates, (number,))
    return after_merges(Resolved(identity, key, MatchReason.KEY), state)


def companies_of(
    name_key: str, assignments: Iterable[NameAssignment], state: IndexState
) -> dict[str, tuple[NameAssignment, ...]]:
    """Return the companies that have a name: by the current key of each, its assignments."""
    found: dict[str, tuple[NameAssignment, ...]] = {}
    is_split = name_key in state.rules.splits
    for assignment in assignments:
        key, _ = state.rules.final(_key_of(assignment, name_key, is_split=is_split))
        found[key] = (*found.get(key, ()), assignment)
    return found


def by_facts(identity: Identity, state: IndexState) -> Resolved:
    """Return which company of a name is meant, by country and legal form alone."""
    name, facts = identity.name_key, identity.facts
    assignments = state.shared.get(name, ())
    is_split = name in state.rules.splits
    if not is_split and not assignments:
        return after_merges(by_name(identity), state)
    numbers = (state.rules.splits[name],) if is_split else ()
    if not is_split and (only := _the_only(companies_of(name, assignments, state))):
        return after_merges(Resolved(identity, only, MatchReason.NAME), state)
    fitting = [each for each in assignments if _fits(facts, each.facts)]
    if only := _the_only(companies_of(name, fitting, state)):
        return after_merges(Resolved(identity, only, MatchReason.FACTS, decisions=numbers), state)
    new = refine(name, facts) if is_split and not fitting else None
    if new:
        return after_merges(Resolved(identity, new, MatchReason.FACTS, decisions=numbers), state)
    candidates = tuple(dict.fromkeys(map(str, assignments)))
    return Resolved(identity, name, MatchReason.SHARED, candidates, numbers)


def by_assignment(identity: Identity, key: str, state: IndexState) -> Resolved:
    """Return the company to which the assignment of the name has led: *key*."""
    split = state.rules.splits.get(identity.name_key)
    reason = MatchReason.NAME if key == identity.name_key else MatchReason.DOMAIN
    numbers = () if split is None else (split,)
    return after_merges(Resolved(identity, key, reason, decisions=numbers), state)


def assign(
    assignments: Sequence[NameAssignment], name_key: str, facts: Facts, *, is_split: bool
) -> tuple[str, bool]:
    """Return the key for a lead with *facts*, and whether that is a new assignment.

    Args:
        assignments: All of the name, the oldest first.
        name_key: The name's own key.
        facts: With a domain.
        is_split: A person has decided that the name means several companies.
    """
    for each in assignments:
        if each.facts.domain == facts.domain:
            return _key_of(each, name_key, is_split=is_split), False
    same = [each for each in assignments if _is_same(each.facts, facts, is_split=is_split)]
    if same:
        closest = min(same, key=lambda each: each.facts.contradictions(facts))
        return _key_of(closest, name_key, is_split=is_split), True
    refined = refine(name_key, facts) if assignments or is_split else None
    return refined or name_key, True


def assign_all(
    identities: Iterable[Identity],
    assignments: Mapping[str, Sequence[NameAssignment]],
    splits: Container[str],
) -> list[tuple[str, NameAssignment | None]]:
    """Assign *identities* one after the other; return the key of each, and a new assignment if any.

    Args:
        identities: Each with a domain.
        assignments: All of their names, by name, the oldest first.
        splits: The names that mean several companies by decision.
    """
    known = {name: list(earlier) for name, earlier in assignments.items()}
    assigned: list[tuple[str, NameAssignment | None]] = []
    for identity in identities:
        name, facts = identity.name_key, identity.facts
        earlier = known.setdefault(name, [])
        key, is_new = assign(earlier, name, facts, is_split=name in splits)
        assignment = NameAssignment(key, identity.display_name, facts) if is_new else None
        if assignment is not None:
            earlier.append(assignment)
        assigned.append((key, assignment))
    return assigned


def after_merges(resolved: Resolved, state: IndexState) -> Resolved:
    """Return *resolved* with the key that its key was merged into, if it was."""
    key, numbers = state.rules.final(resolved.key)
    former = state.rules.merged.get(key, ())
    if not numbers and not former:
        return resolved
    return Resolved(
        resolved.identity,
        key,
        MatchReason.DECISION if numbers else resolved.reason,
        resolved.candidates,
        resolved.decisions + numbers,
        former,
    )


def _is_same(one: Facts, other: Facts, *, is_split: bool) -> bool:
    if is_split:
        return brand(one.domain or "") == brand(other.domain or "")
    return not one.tell_apart(other)


def _the_only(companies: Iterable[str]) -> str | None:
    """Return the one of *companies*; None if there are several, or none."""
    first, *others = (*companies, None)
    return None if any(others) else first


def _fits(facts: Facts, assigned: Facts) -> bool:
    in_common = any(mine and mine == theirs for mine, theirs in zip(facts, assigned, strict=True))
    return in_common and not facts.contradictions(assigned)


def _key_of(assignment: NameAssignment, name_key: str, *, is_split: bool) -> str:
    """Return an assignment's key; after a split none has the name's own, which is ambiguous."""
    if is_split and assignment.company_key == name_key:
        return refine(name_key, assignment.facts) or name_key
    return assignment.company_key
