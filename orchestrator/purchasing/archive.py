"""What purchases have brought, kept beside the ledger; and reading evidence from memo or archive.

An answer is archived with its purchase's entry in the ledger, which may come seconds after the
answer was served, and is pruned after a while. So any of them may be missing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import ClaimField, Evidence
from orchestrator.database import free_rows, in_chunks, reading, writing
from orchestrator.database.schema import evidence, settled
from orchestrator.evidence.model import Step, Subject
from orchestrator.identity import entry_key
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.clock import instant
from orchestrator.memo import Entry, Memo
from orchestrator.purchasing.ledger import unpack
from orchestrator.purchasing.outcome import (
    Enrichment,
    EnrichmentStatus,
    enrichment_of,
    purchases_in,
)
from orchestrator.purchasing.steps import (
    assembled,
    best_of_steps,
    is_about,
    subject_from,
    subject_of,
)
from orchestrator.surfsense import is_simulated
from orchestrator.surfsense.verbs import step_of

#: Answers of one statement: far below what SQLite takes as parameters, and a few MB at most.
CHUNK: Final = 500
#: Answers of one source about one key that are read: those of so many companies of one name.
OF_ONE_SOURCE: Final = 4


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """What one purchase has brought.

    `outcome` is the ledger's word (`found`, `not_found`, `ambiguous`), `source` its word for where
    it was bought, `payload` that of the memo entry; `as_of` the aware UTC instant that dates it.
    """

    purchase_id: str
    company_key: str
    outcome: str
    source: str
    as_of: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvidenceReference:
    """Identifies evidence: of which company, of which purchase or purchases, as of when.

    `subject` is for whom it was judged; None for an answer that is no matter of judgement.
    """

    company_key: str
    purchase_id: str | None
    as_of: datetime
    subject: Subject | None = None

    @property
    def purchase_ids(self) -> tuple[str, ...]:
        """The ids that were joined in `purchase_id`."""
        return tuple(id_ for id_, _ in purchases_in(self.purchase_id, 0))


class EvidenceArchive:
    """Answers by purchase id. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Read the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine

    async def of(self, purchase_ids: Collection[str]) -> dict[str, ArchivedAnswer]:
        """Return the answers of *purchase_ids*; those that are not kept (any more) are left out."""
        chunks = (
            _answers().where(evidence.c.purchase_id.in_(chunk)) for chunk in _distinct(purchase_ids)
        )
        return {answer.purchase_id: answer for answer in await self._read(chunks)}

    async def latest(self, company_keys: Collection[str]) -> dict[str, list[ArchivedAnswer]]:
        """Return the newest kept answers of each source about each of *company_keys*.

        Several, since companies of one name may share a key; whatever their outcomes, the newest
        first.
        """
        chunks = (_newest(chunk) for chunk in _distinct(company_keys))
        found: dict[str, list[ArchivedAnswer]] = {}
        for answer in await self._read(chunks):
            found.setdefault(answer.company_key, []).append(answer)
        for answers in found.values():
            answers.sort(key=lambda each: each.as_of, reverse=True)
        return found

    async def prune(self, before: datetime, *, limit: int = CHUNK) -> int:
        """Drop up to *limit* of the answers that were stored before *before*, oldest first.

        Returns:
            How many were dropped; fewer than *limit* say that none is left that others do not drop.
        """
        is_old = evidence.c.archived_at < before
        oldest = free_rows(evidence.c.purchase_id, is_old, evidence.c.archived_at, limit)
        async with writing(self._engine, "prune the evidence archive") as connection:
            its_id = evidence.c.purchase_id
            dropping = delete(evidence).where(its_id.in_(oldest)).returning(its_id)
            return len((await connection.execute(dropping)).all())

    async def _read(self, statements: Iterable[Select[Any]]) -> list[ArchivedAnswer]:
        async with reading(self._engine, "read the evidence archive") as connection:
            results = [await connection.execute(statement) for statement in statements]
            return [_answer(row) for result in results for row in result.mappings()]


class EvidenceReader:
    """Reads evidence that was bought before, from the memo or the archive. Never buys."""

    def __init__(self, archive: EvidenceArchive, memo: Memo) -> None:
        self._archive = archive
        self._memo = memo

    async def latest(self, company: Resolved) -> Enrichment | None:
        """Return the newest answer about *company*, however old; None if none is kept.

        Answers under keys that were merged into its own count, too, and those that found something
        go first. An entry that another service has set in the memo counts where nothing was bought.

        Raises:
            DatabaseUnavailable: The archive cannot be read.
            StoreUnavailable: Nothing is in the archive, and Redis is unavailable.
        """
        keys, subject = (company.key, *company.former), subject_of(company)
        archived = (await self._archive.latest(keys)).values()
        judged_for = subject if subject.has_second_fact else None
        kept = [archived_outcome(each, judged_for) for each in archived]
        if not kept:
            entries = await self._memo.peek_many([entry_key(key) for key in keys])
            kept = [
                enrichment_of(company.key, None, entry)
                for entry in entries
                if entry and _may_serve(entry, subject)
            ]
        newest = max(kept, key=_informativeness, default=None)
        return None if newest is None else replace(newest, company_key=company.key)

    async def find(
        self, references: Sequence[EvidenceReference], only: frozenset[ClaimField] | None = None
    ) -> list[Evidence | None]:
        """Return the evidence of each of *references*, never newer; None where it is not kept.

        *only* names the fields that are read of each; None is for all.

        Raises:
            StoreUnavailable: Redis is unavailable.
            DatabaseUnavailable: The database is unavailable.
        """
        entries = await self._memo.peek_many([entry_key(each.company_key) for each in references])
        found = [
            enrichment_of(each.company_key, None, entry).evidence_about(only)
            if entry is not None
            and instant(entry.stored_at_ms) == each.as_of
            and _may_serve(entry, each.subject)
            else None
            for each, entry in zip(references, entries, strict=True)
        ]
        missing = {
            id_
            for each, known in zip(references, found, strict=True)
            if known is None
            for id_ in each.purchase_ids
        }
        archived = await self._archive.of(missing) if missing else {}
        return [
            _evidence_of(each, archived, only) if known is None else known
            for each, known in zip(references, found, strict=True)
        ]


def _may_serve(entry: Entry, subject: Subject | None) -> bool:
    """Return whether *entry* is no answer that was judged for others than *subject*."""
    return subject is None or "steps" not in entry.payload or is_about(entry.payload, subject)


def archived_outcome(
    answers: Sequence[ArchivedAnswer], subject: Subject | None = None
) -> Enrichment:
    """Return the outcome that *answers* record. Nothing is looked up, so it has no source.

    Args:
        answers: About one company, the newest first. If that one was bought as a step, those
            that were bought as steps are assembled; else it counts alone.
        subject: For whom the steps are judged; None for whom they were bought for.
    """
    newest = answers[0]
    by_step = archived_steps(answers, subject)
    if not by_step:
        newest = _deciding_answer(answers)
        at_ms = round(newest.as_of.timestamp() * 1000)
        entry = Entry(newest.outcome, newest.payload, at_ms, at_ms)
        outcome = enrichment_of(newest.company_key, None, entry)
        return replace(outcome, as_of=newest.as_of, purchase_id=newest.purchase_id)
    name = str(newest.payload.get("company", ""))
    answer = assembled(
        subject or subject_from(newest.payload.get("subject"), name),
        {step: each.payload.get("answer", {}) for step, each in by_step.items()},
        {step: each.as_of for step, each in by_step.items()},
    )
    return Enrichment(
        company_key=newest.company_key,
        status=answer.status,
        as_of=min(each.as_of for each in by_step.values()),
        purchase_id="+".join(by_step[step].purchase_id for step in Step if step in by_step),
        simulated=is_simulated(answer.payload),
        query_name=name,
        answer=answer.payload,
    )


def _deciding_answer(answers: Sequence[ArchivedAnswer]) -> ArchivedAnswer:
    """Return the answer that counts, of those that were bought whole, the newest first.

    A second question that has found no company leaves the answer to the first.
    """
    newest, *older = answers
    is_vain = newest.outcome == EnrichmentStatus.NOT_FOUND and "asked" in newest.payload
    return older[0] if is_vain and older else newest


def archived_steps(
    answers: Sequence[ArchivedAnswer], subject: Subject | None = None
) -> dict[Step, ArchivedAnswer]:
    """Return those of *answers*, the newest first, that make one answer step by step.

    None if the newest one was not bought as a step. Of each step the newest one that was bought
    for *subject*, or for whom the newest of all was bought; else the newest.
    """
    if step_of(answers[0].source) is None:
        return {}
    steps = [(step_of(each.source), each) for each in answers]
    asker = subject or subject_from(answers[0].payload.get("subject"), "")
    return best_of_steps(((step, each) for step, each in steps if step is not None), asker)


def _evidence_of(
    wanted: EvidenceReference,
    archived: Mapping[str, ArchivedAnswer],
    only: frozenset[ClaimField] | None,
) -> Evidence | None:
    answers = [archived[id_] for id_ in wanted.purchase_ids if id_ in archived]
    return archived_outcome(answers, wanted.subject).evidence_about(only) if answers else None


def _answers() -> Select[Any]:
    bought = settled.c
    columns = (
        *(bought.purchase_id, bought.company_key, bought.outcome),
        *(bought.source, bought.started_at),
    )
    joined = evidence.join(settled, bought.purchase_id == evidence.c.purchase_id)
    return select(*columns, evidence.c.body).select_from(joined)


def _newest(company_keys: Sequence[str]) -> Select[Any]:
    newest_first = (settled.c.started_at.desc(), settled.c.purchase_id)
    rank = func.row_number().over(
        partition_by=(settled.c.company_key, settled.c.source), order_by=newest_first
    )
    # Ranked before the bodies are read: of a company that was bought often, one of each source is.
    ranked = (
        select(evidence.c.purchase_id, rank.label("rank"))
        .join(settled, settled.c.purchase_id == evidence.c.purchase_id)
        .where(settled.c.company_key.in_(company_keys))
        .subquery()
    )
    newest = select(ranked.c.purchase_id).where(ranked.c.rank <= OF_ONE_SOURCE)
    return _answers().where(evidence.c.purchase_id.in_(newest))


def _answer(row: RowMapping) -> ArchivedAnswer:
    return ArchivedAnswer(
        purchase_id=row["purchase_id"],
        company_key=row["company_key"],
        outcome=row["outcome"],
        source=row["source"],
        as_of=row["started_at"],
        payload=unpack(row["body"]),
    )


def _distinct(ids: Collection[str]) -> Iterator[Sequence[str]]:
    return in_chunks(list(dict.fromkeys(ids)), CHUNK)


def _informativeness(outcome: Enrichment) -> tuple[bool, datetime]:
    return outcome.status is EnrichmentStatus.FOUND, outcome.as_of or datetime.min.replace(
        tzinfo=UTC
    )
