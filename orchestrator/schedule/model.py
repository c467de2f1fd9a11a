"""Watches as values, and every decision about them. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Final
from uuid import UUID, uuid5

import orjson

from agents.case import Evidence
from orchestrator.identity import Mention

#: How often a company may be looked at again.
EVERY_MIN: Final = timedelta(hours=1)
EVERY_MAX: Final = timedelta(days=90)
#: Largest share that is taken off a period, so that what was run together drifts apart.
JITTER: Final = 0.05
#: When a run that failed, or that no budget allowed, is tried again at the latest.
RETRY: Final = timedelta(hours=6)

_WATCHES: Final = UUID("b0b2cc42-5c3f-5f2a-9d5e-6a2f0e1d7c11")
_UNSUCCESSFUL: Final = frozenset({"failed", "skipped_budget"})


class WatchKind(StrEnum):
    """Why there is a watch: a company that a person named, a rule, or what a rule has found."""

    COMPANY = "company"
    RULE = "rule"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Watch:
    """One company that is looked at again every *every*, or the rule that finds such companies.

    `job_id` is the job of the run that is not finished, `digest` what the evidence was after
    the last one, `rejudge` that it changed and the agents have not been asked again yet.
    A rule has neither company nor key.
    """

    id: UUID
    kind: WatchKind
    tenant: str
    company_key: str
    company: str
    every: timedelta
    paused: bool
    next_at: datetime
    created_at: datetime
    job_id: str | None = None
    rejudge: bool = False
    digest: str | None = None
    ran_at: datetime | None = None
    outcome: str | None = None
    spent_micros: int = 0

    @property
    def item(self) -> str:
        """The item of a job: the company by name, or by a key that is not its name's.

        Either leads back to the watch: `watch_id` of the key that follows from it.
        """
        own_key = Mention(self.company).identify().key
        return self.company if own_key == self.company_key else self.company_key


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How the run of *job_id* ended for one watch; no digest where nothing was learned."""

    watch: Watch
    job_id: str
    outcome: str
    cost_micros: int = 0
    digest: str | None = None
    known_digest: str | None = None

    @property
    def has_changed(self) -> bool:
        """True if the evidence changed since the last run; false on the first run."""
        before = self.watch.digest or self.known_digest
        return self.digest is not None and before is not None and self.digest != before


class Action(StrEnum):
    """What is to be done with a watch that the due set gave out."""

    FORGET = auto()
    WAIT = auto()
    LEAVE = auto()
    REJUDGE = auto()
    EXPAND = auto()
    SKIP = auto()
    END = auto()
    RUN = auto()


def action_for(
    watch: Watch | None,
    now: datetime,
    *,
    is_running: bool,
    is_worth: bool,
    was_cancelled: bool = False,
) -> Action:
    """Say what is done with *watch* at *now*.

    Args:
        watch: As it is stored; None if it was removed.
        now: Aware UTC.
        is_running: Its job is known and not finished.
        is_worth: The refresh policy wants it looked at.
        was_cancelled: Its job was cancelled before it looked at the company.
    """
    if watch is None or watch.paused:
        return Action.FORGET
    if watch.rejudge:
        return Action.REJUDGE
    if is_running:
        return Action.LEAVE
    if watch.next_at > now:
        return Action.WAIT
    if watch.kind is WatchKind.RULE:
        return Action.EXPAND
    wanted = Action.RUN if is_worth else Action.SKIP
    return Action.END if was_cancelled else wanted


def new_watch(
    name: str,
    *,
    tenant: str,
    every: timedelta,
    now: datetime,
    kind: WatchKind = WatchKind.COMPANY,
    company_key: str | None = None,
) -> Watch:
    """Return a watch of the company called *name*, first due at an instant within *every*.

    The instant follows from the company: a list that is added at once is not due at once.
    *company_key* is the company's, if that does not follow from the name.

    Raises:
        InvalidCompanyName: The name has no key.
    """
    named = Mention(name).identify()
    key = company_key or named.key
    identity = watch_id(tenant, key)
    return Watch(
        id=identity,
        kind=kind,
        tenant=tenant,
        company_key=key,
        company=named.display_name,
        every=every,
        paused=False,
        next_at=now + _share(f"{identity}") * every,
        created_at=now,
    )


def new_rule(*, tenant: str, every: timedelta, now: datetime) -> Watch:
    """Return the rule that watches all of *tenant*'s companies with an opportunity."""
    return Watch(
        id=uuid5(_WATCHES, f"rule\0{tenant}"),
        kind=WatchKind.RULE,
        tenant=tenant,
        company_key="",
        company="",
        every=every,
        paused=False,
        next_at=now,
        created_at=now,
    )


def watch_id(tenant: str, company_key: str) -> UUID:
    """Return the id of the one watch that *tenant* can have of a company."""
    return uuid5(_WATCHES, f"company\0{tenant}\0{company_key}")


def next_instant(watch: Watch, now: datetime, outcome: str | None = None) -> datetime:
    """Return when *watch* is due again after something ended at *now* with *outcome*.

    Counted from the end, so that runs never overlap; shortened by up to `JITTER`, never
    lengthened.
    """
    if watch.kind is WatchKind.RULE:
        return now + EVERY_MIN
    every = min(watch.every, RETRY) if outcome in _UNSUCCESSFUL else watch.every
    return now + every * (1 - JITTER * _share(f"{watch.id} {now.isoformat()}"))


def _share(text: str) -> float:
    """Return a number from 0 to 1 that follows from *text*, evenly spread."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def evidence_digest(evidence: Evidence | None) -> str:
    """Return what identifies the claims of *evidence*, whenever they were made and in any order.

    None, a company that SurfSense does not know, is a finding like any other.
    """
    claims = () if evidence is None else evidence.claims
    stated = sorted(
        orjson.dumps([claim.field, claim.value, claim.confidence, claim.source_url])
        for claim in claims
    )
    found = b"none" if evidence is None else b"\n".join(stated)
    return hashlib.blake2b(found, digest_size=16).hexdigest()
