"""Which company is meant, given what is claimed and decided. Pure; `company_index` keeps both.

A *claim* says: a lead with this name came with this domain, country and legal form, and was
taken for that key. The first claim of a name has the name's own key. Later ones share it
unless their facts tell the two certainly apart; then they have a refined key, and from there
on the name is *shared*: alone, it says nothing any more.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from .decisions import Rulings
from .domains import brand
from .identify import Facts, Identity, asked_as, refine


class Because(StrEnum):
    """Why a name has the key that it has."""

    NAME = "name"
    DOMAIN = "domain"
    FACTS = "facts"
    DECISION = "decision"
    KEY = "key"
    SAYS_NOTHING = "says_nothing"
    SHARED = "shared"


class Claim(NamedTuple):
    """One company that goes by a name; `company` is the name as its first lead wrote it."""

    company_key: str
    company: str
    facts: Facts

    def __str__(self) -> str:
        return f"{self.company} ({self.facts})" if any(self.facts) else self.company


@dataclass(frozen=True, slots=True)
class Book:
    """What is known beyond names: the decisions in force, and the claims of shared names."""

    rulings: Rulings = field(default_factory=Rulings)
    shared: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)

    def is_split(self, name_key: str) -> bool:
        """Say whether a person has decided that the name means several companies."""
        return name_key in self.rulings.splits


@dataclass(frozen=True, slots=True)
class Resolved:
    """The company that is meant, as far as anybody knows.

    `key` is what everything about it is kept under. `is_ambiguous`: nothing tells which
    company is meant; nothing may be bought, and `candidates` are those it could be, in words.
    `decisions` are the numbers of those that applied, `former` the keys that gave way to `key`.
    """

    identity: Identity
    key: str
    because: Because
    candidates: tuple[str, ...] = ()
    decisions: tuple[int, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether it cannot be told which company is meant."""
        return self.because in {Because.SAYS_NOTHING, Because.SHARED}

    @property
    def asked_as(self) -> str:
        """What the seller is asked for: the name as written, and what tells it from others."""
        return asked_as(self.key, self.identity)


def alone(identity: Identity) -> Resolved:
    """Return what *identity* says by itself, where nothing is claimed or decided."""
    if identity.is_ambiguous:
        return Resolved(identity, identity.key, Because.SAYS_NOTHING)
    because = Because.NAME if identity.distinctive else Because.DOMAIN
    return Resolved(identity, identity.key, because)


def by_decision(identity: Identity, book: Book) -> Resolved | None:
    """Return the company that a key, or a person, says is meant by the domain or name, if any."""
    if identity.is_keyed:
        return keyed(identity, book)
    rulings = book.rulings
    ruling = rulings.domains.get(identity.facts.domain or "") or rulings.names.get(
        identity.name_key
    )
    if ruling is None:
        return None
    resolved = Resolved(identity, ruling.key, Because.DECISION, decisions=(ruling.number,))
    return followed(resolved, book)


def keyed(identity: Identity, book: Book) -> Resolved:
    """Return the company that is meant by a key itself, which *identity* has."""
    key = identity.key
    if key == identity.name_key and not identity.distinctive:
        return alone(identity)
    if number := book.rulings.splits.get(key):
        candidates = tuple(dict.fromkeys(map(str, book.shared.get(key, ()))))
        return Resolved(identity, key, Because.SHARED, candidates, (number,))
    return followed(Resolved(identity, key, Because.KEY), book)


def companies_of(
    name_key: str, claims: Iterable[Claim], book: Book
) -> dict[str, tuple[Claim, ...]]:
    """Return the companies that go by a name: by the key each has now, how leads know it."""
    found: dict[str, tuple[Claim, ...]] = {}
    is_split = book.is_split(name_key)
    for claim in claims:
        key, _ = book.rulings.final(_key_of(claim, name_key, is_split=is_split))
        found[key] = (*found.get(key, ()), claim)
    return found


def by_facts(identity: Identity, book: Book) -> Resolved:
    """Return which of the companies of a name is meant by country and legal form alone."""
    name, facts = identity.name_key, identity.facts
    claims = book.shared.get(name, ())
    is_split = book.is_split(name)
    if not is_split and not claims:
        return followed(alone(identity), book)
    numbers = (book.rulings.splits[name],) if is_split else ()
    if not is_split and (only := _the_only(companies_of(name, claims, book))):
        return followed(Resolved(identity, only, Because.NAME), book)
    fitting = [claim for claim in claims if _fits(facts, claim.facts)]
    if only := _the_only(companies_of(name, fitting, book)):
        return followed(Resolved(identity, only, Because.FACTS, decisions=numbers), book)
    new = refine(name, facts) if is_split and not fitting else None
    if new:
        return followed(Resolved(identity, new, Because.FACTS, decisions=numbers), book)
    candidates = tuple(dict.fromkeys(map(str, claims)))
    return Resolved(identity, name, Because.SHARED, candidates, numbers)


def claimed(identity: Identity, key: str, book: Book) -> Resolved:
    """Return the company whose claim of the name led to *key*."""
    split = book.rulings.splits.get(identity.name_key)
    because = Because.NAME if key == identity.name_key else Because.DOMAIN
    numbers = () if split is None else (split,)
    return followed(Resolved(identity, key, because, decisions=numbers), book)


def place(
    claims: Sequence[Claim], name_key: str, facts: Facts, *, is_split: bool
) -> tuple[str, bool]:
    """Return the key for a lead with *facts*, and whether that is a claim to be entered.

    Args:
        claims: All that there are of the name, the oldest first.
        name_key: The name's own key.
        facts: With a domain.
        is_split: A person has said that the name means several companies.
    """
    for claim in claims:
        if claim.facts.domain == facts.domain:
            return _key_of(claim, name_key, is_split=is_split), False
    same = [claim for claim in claims if _is_same(claim.facts, facts, is_split=is_split)]
    if same:
        closest = min(same, key=lambda claim: claim.facts.contradictions(facts))
        return _key_of(closest, name_key, is_split=is_split), True
    refined = refine(name_key, facts) if claims or is_split else None
    return refined or name_key, True


def place_all(
    identities: Iterable[Identity], claims: Mapping[str, Sequence[Claim]], splits: Container[str]
) -> list[tuple[str, Claim | None]]:
    """Place each of *identities* after the one before; with its key, the claim to be entered.

    Args:
        identities: Each with a domain.
        claims: All that there are of their names, by name, the oldest first.
        splits: The names that mean several companies because a person has said so.
    """
    known = {name: list(earlier) for name, earlier in claims.items()}
    placed: list[tuple[str, Claim | None]] = []
    for identity in identities:
        name, facts = identity.name_key, identity.facts
        earlier = known.setdefault(name, [])
        key, is_new = place(earlier, name, facts, is_split=name in splits)
        claim = Claim(key, identity.display_name, facts) if is_new else None
        if claim is not None:
            earlier.append(claim)
        placed.append((key, claim))
    return placed


def followed(resolved: Resolved, book: Book) -> Resolved:
    """Return *resolved* with its key replaced by the one that it was merged into, if it was."""
    key, numbers = book.rulings.final(resolved.key)
    former = book.rulings.merged_into(key)
    if not numbers and not former:
        return resolved
    return Resolved(
        resolved.identity,
        key,
        Because.DECISION if numbers else resolved.because,
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


def _fits(facts: Facts, claim: Facts) -> bool:
    in_common = any(mine and mine == theirs for mine, theirs in zip(facts, claim, strict=True))
    return in_common and not facts.contradictions(claim)


def _key_of(claim: Claim, name_key: str, *, is_split: bool) -> str:
    """Return a claim's key; after a split none has the name's own, which could be anybody's."""
    if is_split and claim.company_key == name_key:
        return refine(name_key, claim.facts) or name_key
    return claim.company_key
