"""The failed items of jobs: which lead or company, why, and whether a retry is worth it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from agents.case import Localized
from orchestrator.handlers.lead import KEEPS_CHANGING
from orchestrator.handlers.result import mention_in
from orchestrator.identity import Mention
from orchestrator.jobs import DeadLetter, Failure, FailureFilter, Failures, Job, JobKind
from orchestrator.surfsense import (
    AnswerLost,
    MalformedAnswer,
    NotSent,
    RateLimited,
    RunInterrupted,
    ServiceUnavailable,
    SourceRefused,
    TransientEnrichmentError,
)


class Retry(StrEnum):
    """Whether a failed item is worth another try.

    `now`: it may succeed as things are. `named`: something has to be fixed first, or it may have
    been charged, so it is queued again only if its reason is named. `schedule`: its watch runs
    again by itself.
    """

    NOW = "now"
    NAMED = "named"
    SCHEDULE = "schedule"


#: Nothing was charged that a retry would buy again, and nothing has to be fixed.
_NOW: Final = frozenset(
    {
        DeadLetter.DEADLINE.value,
        KEEPS_CHANGING.code,
        TransientEnrichmentError.code,
        ServiceUnavailable.code,
        NotSent.code,
        RateLimited.code,
        RunInterrupted.code,
        SourceRefused.code,
    }
)

#: Charged, or perhaps charged, without an answer: queued again, they are bought once more.
BOUGHT_AGAIN: Final = frozenset({AnswerLost.code, MalformedAnswer.code})


def retry_of(kind: JobKind, code: str) -> Retry:
    """Return whether an item of a job of *kind* that failed with *code* is worth another try."""
    if kind is JobKind.REFRESH:
        return Retry.SCHEDULE
    return Retry.NOW if code in _NOW else Retry.NAMED


@dataclass(frozen=True, slots=True)
class FailedItem:
    """One failed item: a lead, or a company by itself."""

    job_id: str
    number: int
    lead_id: str | None
    mention: Mention
    company_key: str | None
    code: str
    reason: Localized | None
    failed_at: datetime
    attempts: int
    retry: Retry
    requeued: bool

    @property
    def item(self) -> str:
        """The item, as its job has it."""
        return self.lead_id or self.mention.text

    @property
    def company(self) -> str:
        """The company's name, blank for a lead that is not stored."""
        return self.mention.name

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "job_id": self.job_id,
            "number": self.number,
            "item": self.lead_id or self.company,
            "company": self.company,
            "company_key": self.company_key,
            "code": self.code,
            "reason": None if self.reason is None else self.reason.model_dump(),
            "failed_at": self.failed_at,
            "attempts": self.attempts,
            "retry": self.retry,
            "requeued": self.requeued,
        }


@dataclass(slots=True)
class FailureCount:
    """How many items failed with one code; the last one failed at `last_at`."""

    retry: Retry
    items: int = 0
    requeued: int = 0
    last_at: datetime | None = None

    def add(self, items: Sequence[Failure]) -> None:
        """Count *items* in, of which there is at least one."""
        self.items += len(items)
        self.requeued += sum(item.requeued for item in items)
        last_at = max(item.failed_at for item in items)
        self.last_at = last_at if self.last_at is None else max(self.last_at, last_at)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "retry": self.retry,
            "items": self.items,
            "requeued": self.requeued,
            "last_at": self.last_at,
        }


async def list_failed_items(
    failures: Failures, wanted: FailureFilter
) -> AsyncIterator[tuple[Job, list[FailedItem]]]:
    """Yield the failed items that are *wanted*, job by job, some at a time.

    Raises:
        StoreUnavailable: Redis is unavailable.
    """
    async for job in failures.jobs(wanted):
        async for items in failures.items(job, wanted):
            async for failed_items in read_failed_items(failures, job, items):
                yield job, failed_items


async def read_failed_items(
    failures: Failures, job: Job, items: Sequence[Failure]
) -> AsyncIterator[list[FailedItem]]:
    """Yield the failed items of *job* for *items*, some at a time."""
    async for some in failures.results(job, items):
        yield [_failed_item(job, item, result) for item, result in some]


def _failed_item(job: Job, item: Failure, result: Mapping[str, Any]) -> FailedItem:
    reason = result.get("reason")
    return FailedItem(
        job_id=job.job_id,
        number=item.number,
        lead_id=result.get("lead_id"),
        mention=mention_in(result),
        company_key=result.get("company_key"),
        code=item.code,
        reason=None if reason is None else Localized.model_validate(reason),
        failed_at=item.failed_at,
        attempts=item.attempts,
        retry=retry_of(job.kind, item.code),
        requeued=item.requeued,
    )
