"""What is kept about a person, by e-mail address: exported, or erased.

`emasai person`, and `POST /api/v1/persons/export` and `/erase`. What goes, what stays and why:
docs/decisions/0038-erasing-a-person.md.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.case import Lead
from orchestrator.app import Runtime
from orchestrator.database import in_chunks
from orchestrator.evidence.contacts import is_company_mailbox
from orchestrator.gateway import KeptLead, RowCounts
from orchestrator.identity import (
    InvalidCompanyName,
    company_domain,
    entry_key,
    mention_of,
)
from orchestrator.infra.bounds import FilledText
from orchestrator.infra.redis_client import store_errors
from orchestrator.jobs import IDEMPOTENCY_TTL
from orchestrator.leads import HandOverState, lead_key, opportunity_id, opportunity_key

log = structlog.get_logger(__name__)

_ADDRESS: Final = r"^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$"
#: Answers that are in memory together: each may have several pages.
_ANSWERS: Final = 50
#: Characters that an export has around each place where an answer names the person.
_AROUND: Final = 200


def _address(text: str) -> str:
    if re.search(_ADDRESS, text) is None:
        raise ValueError("is no e-mail address; write it like ana.ruiz@acme.example")
    return text


#: The e-mail address of a person, in any case.
EmailAddress = Annotated[
    FilledText,
    Field(json_schema_extra={"pattern": _ADDRESS}, examples=["ana.ruiz@acme.example"]),
    AfterValidator(_address),
]


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class NamingAnswer(_Answered):
    """An answer of SurfSense that names the person: archived (`id` a purchase), or in the memo.

    `passages` are the places where it does.
    """

    id: str
    is_archived: bool
    passages: list[str]


class PersonExport(_Answered):
    """Everything that is kept about the person with an e-mail address.

    `cached` are the keys under which copies of `leads` are cached now, `named_in` those of other
    leads and opportunities with a note or reason that has the address. `elsewhere` says where else
    something may be kept, and for how long.
    """

    email: str
    leads: list[KeptLead]
    cached: list[str]
    answers: list[NamingAnswer]
    named_in: list[str]
    elsewhere: list[str]


class Erasure(_Answered):
    """What was erased about a person; with `dry_run` what would be.

    `records` are ids in the table `erasures`, which proves the erasure. `deferred`: Redis could not
    be told, and cached copies may be read until it answers, for an hour at most. `delivered` are
    events that the receiver of hand-overs has, and `named_in` leads and opportunities whose notes
    or reasons have the address: people decide about both. `kept` stays by intention; what
    `elsewhere` lists cannot be reached.
    """

    dry_run: bool
    leads: int
    decisions: int
    opportunities: int
    hand_overs: int
    archived_answers: int
    cached_answers: int
    deferred: bool
    records: list[UUID]
    delivered: list[UUID]
    named_in: list[str]
    kept: list[str]
    elsewhere: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to erase."""
        return not (self.leads or self.archived_answers or self.cached_answers)


#: What stays, and why.
KEPT: Final = (
    "purchases, resolutions: a company's name and key, cost, job, tenant; they prove what was paid",
    "identity_claims: names and domains of companies, so that none is bought twice",
    "identity_decisions, watches: what operators have decided about companies, and who and why",
    "deleted_versions: a lead's id, a hash of address and company, so that no old copy comes back",
    "erasures: when, and how many rows of each kind; nothing about whom",
)


async def export_person(runtime: Runtime, email: str) -> PersonExport:
    """Return everything that is kept about the person with *email*.

    Raises:
        DatabaseUnavailable, StoreUnavailable: The database or Redis is unavailable.
    """
    found = await _find(runtime, email)
    return PersonExport(
        email=email,
        leads=await runtime.gateway.persons.read(found.leads),
        cached=await _cached_keys(runtime, found.leads),
        answers=found.answers,
        named_in=await runtime.gateway.persons.named_in(email, found.leads),
        elsewhere=_elsewhere(runtime),
    )


async def erase_person(runtime: Runtime, email: str, *, dry_run: bool = False) -> Erasure:
    """Erase the person with *email*, or say what would be erased.

    Answers go first and leads last: as long as a lead is there, it leads to the rest. So an erasure
    that was interrupted is completed by the next one.

    Idempotent: What is erased already is not there. A lead that is imported later is a new one.

    Raises:
        DatabaseUnavailable, StoreUnavailable: The database or Redis is unavailable.
    """
    persons = runtime.gateway.persons
    found = await _find(runtime, email)
    archived = [each.id for each in found.answers if each.is_archived]
    cached = [each.id for each in found.answers if not each.is_archived]
    delivered = [
        each.hand_over.event_id
        for each in await persons.read(found.leads)
        if each.hand_over is not None and each.hand_over.state is HandOverState.DELIVERED
    ]
    written = []
    if dry_run:
        counts = await persons.count(found.leads) + RowCounts(archived_answers=len(archived))
    else:
        if cached:
            await runtime.purchasing.memo.invalidate(*cached)
        written = await persons.erase(found.leads, archived)
        counts = sum((each.result.counts for each in written), RowCounts())
        for each in written:
            # Without the address: lines are kept for longer than persons.
            log.info("person.erased", record_id=str(each.result.record_id))
    return Erasure(
        dry_run=dry_run,
        **asdict(counts),
        cached_answers=len(cached),
        deferred=any(each.deferred for each in written),
        records=[each.result.record_id for each in written],
        delivered=delivered,
        named_in=await persons.named_in(email, found.leads),
        kept=list(KEPT),
        elsewhere=_elsewhere(runtime),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    leads: list[UUID]
    answers: list[NamingAnswer]


async def _find(runtime: Runtime, email: str) -> _Found:
    """Return the leads with *email*, and the answers about their companies that name the person."""
    persons = runtime.gateway.persons
    ids = await persons.leads_of(email)
    leads = list((await runtime.leads.store.leads(ids)).values())
    keys = await persons.company_keys(ids, company_domain(email))
    identities = []
    for lead in leads:
        # A name that means no company has no answers.
        with suppress(InvalidCompanyName):
            identities.append(mention_of(lead).identify())
    for company in await runtime.identity.index.preview_all(identities):
        keys.update((company.key, *company.former))
    names = _name_pattern(email, leads)
    if names is None:
        return _Found(ids, [])
    answers = [each async for each in _archived_answers(runtime, keys, names)]
    return _Found(ids, answers + [each async for each in _in_memo(runtime, keys, names)])


async def _archived_answers(
    runtime: Runtime, keys: set[str], names: re.Pattern[str]
) -> AsyncIterator[NamingAnswer]:
    for chunk in in_chunks(await runtime.gateway.persons.answers_about(keys), _ANSWERS):
        for answer in (await runtime.purchasing.archive.of(chunk)).values():
            if passages := list(_passages(answer.payload, names)):
                yield NamingAnswer(id=answer.purchase_id, is_archived=True, passages=passages)


async def _in_memo(
    runtime: Runtime, keys: set[str], names: re.Pattern[str]
) -> AsyncIterator[NamingAnswer]:
    steps = await runtime.purchasing.questions.of(*keys)
    entries = sorted([*map(entry_key, keys), *steps])
    async for key, entry in runtime.purchasing.memo.peek_each(entries):
        if passages := list(_passages(entry.payload, names)):
            yield NamingAnswer(id=key, is_archived=False, passages=passages)


def _name_pattern(email: str, leads: Sequence[Lead]) -> re.Pattern[str] | None:
    """Return a pattern of the person's names; None if none of them is the person's alone.

    A function's mailbox (`info@`), a single word (`Ana`) and a company's number name no person.
    """
    texts = [] if is_company_mailbox(email) else [email.strip()]
    texts += [each.contact for each in leads if len(each.contact.split()) > 1]
    texts += [each.phone for each in leads if each.phone and mention_of(each).phone is None]
    words = [r"\s+".join(map(re.escape, text.split())) for text in dict.fromkeys(texts)]
    if not words:
        return None
    return re.compile(rf"(?<![\w.+-])(?:{'|'.join(words)})(?![\w-])", re.IGNORECASE)


def _passages(value: object, names: re.Pattern[str]) -> Iterator[str]:
    for text in _texts(value):
        for match in names.finditer(text):
            yield text[max(0, match.start() - _AROUND) : match.end() + _AROUND]


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in value.values():
                yield from _texts(each)
        case list() | tuple():
            for each in value:
                yield from _texts(each)


async def _cached_keys(runtime: Runtime, ids: Sequence[UUID]) -> list[str]:
    keys = [key for each in ids for key in (lead_key(each), opportunity_key(opportunity_id(each)))]
    with store_errors("look for cached copies"):
        pipe = runtime.backends.gateway_redis.pipeline(transaction=False)
        for key in keys:
            pipe.exists(key)
        there = await pipe.execute()
    return [key for key, exists in zip(keys, there, strict=True) if exists]


def _elsewhere(runtime: Runtime) -> list[str]:
    """Return where a person may be named beyond reach, and for how long."""
    settings = runtime.settings
    job_ttl, notes_ttl = _span(settings.job_ttl), _span(IDEMPOTENCY_TTL)
    memo_ttl, days = _span(settings.redis_ttl + settings.stale_for), settings.evidence_days
    return [
        f"jobs in Redis: a lead's id and company, without name, address or number, for {job_ttl}",
        f"answers under an Idempotency-Key: a fault of a row may quote a cell, for {notes_ttl}",
        f"answers of purchases under way, and copies kept for outages, for {memo_ttl}",
        f"answers about other companies, or in which the person is spelled otherwise: {days} days",
        "what other services have cached under keys of their own, such as session:*",
        "files that were imported or written, logs of proxies, and the receiver of hand-overs",
        "backups and replicas of the database and of Redis, and pages that they have freed",
    ]


def _span(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    return f"{hours:g} h"
