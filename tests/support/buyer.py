"""A process that buys one company, and dies at a given step.

`python -m tests.support.buyer COMPANY STEP WEBSITE`: configured by the environment. It says
`leading` when it leads, waits for a line, and then kills itself with SIGKILL at STEP, so that no
code of ours gets to tidy up.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from orchestrator.app import NOT_FOUND_TTL, open_seller
from orchestrator.database import open_engine
from orchestrator.evidence.model import Step as EvidenceStep
from orchestrator.identity import Mention
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now
from orchestrator.infra.counters import Counters
from orchestrator.infra.redis_client import open_redis
from orchestrator.infra.slots import Slots
from orchestrator.memo import Durability, Memo, MemoOptions
from orchestrator.purchasing import (
    SEND_WITHIN,
    BillingContext,
    Books,
    Budget,
    Caps,
    Enricher,
    EnrichmentFailures,
    EvidenceArchive,
    Freshness,
    Ledger,
    OrphanedRuns,
    Purchaser,
    PurchaseRecord,
    ReuseStatistics,
    Sweeper,
)
from orchestrator.settings import Settings, load
from orchestrator.surfsense import Accepted, Answer, Seller, SurfSenseAccount, open_http
from tests.support.children import Children, ForkedChild

BILLING = BillingContext(None, "default")
#: Settings by which runs survive their buyer, and a dead one is noticed soon.
RUNS = {
    "SURFSENSE_PROTOCOL": "workspace",
    "SURFSENSE_API_KEY": "ss_pat_test",
    "SURFSENSE_WORKSPACE_ID": "1",
    "EMASAI_LEASE_S": "0.6",
}

#: For which a run may be missing from the sandbox's list.
GRACE = timedelta(seconds=0.4)


class Step(StrEnum):
    """Where a buyer can die, in the order of the protocol."""

    BEFORE_RESERVE = "before reserve"
    AFTER_RESERVE = "after reserve"
    BEFORE_POST = "intent written, before the POST"
    POST_ACCEPTED = "POST accepted, reply not read"
    BEFORE_RUN_NOTED = "reply read, run not written"
    COLLECTING = "run written, collecting"
    BEFORE_COMMIT = "answer there, not stored"
    BEFORE_SETTLE = "stored, not settled"
    AFTER_SETTLE = "settled, record not dropped"
    NEVER = "never"


@dataclass(slots=True)
class Fate:
    """Kills this process at `step`."""

    step: Step

    def at(self, step: Step) -> None:
        """Die if this is the step."""
        if step is self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalSeller:
    """A seller whose buyer dies around its calls."""

    protocol: ClassVar[str] = "workspace"
    gives_run_ids: ClassVar[bool] = True

    def __init__(self, seller: Seller, fate: Fate) -> None:
        self._seller = seller
        self._fate = fate

    @property
    def price_micros(self) -> int:
        """As the real one."""
        return self._seller.price_micros

    @property
    def answers_within(self) -> timedelta:
        """As the real one."""
        return self._seller.answers_within

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Buy, and die before, in between or after."""
        self._fate.at(Step.BEFORE_POST)
        began = utc_now() - timedelta(seconds=1)
        sending = asyncio.create_task(self._seller.submit(company, purchase_id=purchase_id))
        if self._fate.step is Step.POST_ACCEPTED:
            while await self._seller.find(company, submitted_after=began) is None:  # noqa: ASYNC110 - the sandbox sets no event
                await asyncio.sleep(0.01)
            self._fate.at(Step.POST_ACCEPTED)
        reply = await sending
        self._fate.at(Step.BEFORE_RUN_NOTED)
        return reply

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Collect, and die meanwhile or after."""
        self._fate.at(Step.COLLECTING)
        answer = await self._seller.collect(run_id, company=company)
        self._fate.at(Step.BEFORE_COMMIT)
        return answer

    async def look(self, run_id: str, *, company: str) -> Answer | None:
        """As the real one."""
        return await self._seller.look(run_id, company=company)

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str] = ()
    ) -> str | None:
        """As the real one."""
        return await self._seller.find(company, submitted_after=submitted_after, exclude=exclude)

    async def cancel(self, run_id: str) -> bool:
        """As the real one."""
        return await self._seller.cancel(run_id)

    def of_step(
        self, step: EvidenceStep, body: Mapping[str, Any], price_micros: int | None
    ) -> "MortalSeller":
        """As the real one, and as mortal."""
        return MortalSeller(self._seller.of_step(step, body, price_micros), self._fate)


class MortalBooks(Books):
    """Books whose caller dies around what it enters."""

    fate: Fate

    async def reserve(self, record: PurchaseRecord) -> None:
        """Reserve, and die before or after; first let the test know who leads."""
        if self.fate.step is not Step.NEVER:
            sys.stdout.write("leading\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)
        self.fate.at(Step.BEFORE_RESERVE)
        await super().reserve(record)
        self.fate.at(Step.AFTER_RESERVE)

    async def settle(self, record: PurchaseRecord) -> None:
        """Settle, and die before or after."""
        self.fate.at(Step.BEFORE_SETTLE)
        await super().settle(record)
        self.fate.at(Step.AFTER_SETTLE)


@dataclass(frozen=True, slots=True)
class Buyer:
    """What one process buys through."""

    enricher: Enricher
    memo: Memo
    ledger: Ledger
    archive: EvidenceArchive
    sweeper: Sweeper


@asynccontextmanager
async def open_buyer(
    settings: Settings, step: Step = Step.NEVER, *, reconcile_grace: timedelta = GRACE
) -> AsyncIterator[Buyer]:
    """Wire a buyer as `bootstrap` does, with a mortal seller and books."""
    fate = Fate(step)
    async with AsyncExitStack() as stack:
        engine = open_engine(settings.database_url.get_secret_value())
        stack.push_async_callback(engine.dispose)
        memo_redis, jobs_redis = (
            open_redis(settings.redis_memo_url),
            open_redis(settings.redis_jobs_url),
        )
        stack.push_async_callback(memo_redis.aclose)
        stack.push_async_callback(jobs_redis.aclose)
        http = await stack.enter_async_context(
            open_http(
                settings.surfsense_url.get_secret_value(),
                api_key=settings.surfsense_api_key,
                timeout=settings.surfsense_timeout,
            )
        )
        account = SurfSenseAccount(http, workspace=settings.surfsense_workspace_id)
        seller = MortalSeller(open_seller(settings, http, account), fate)
        ledger, reuse = Ledger(engine, utc_now), ReuseStatistics(engine)
        stack.push_async_callback(reuse.aclose)
        books = MortalBooks(
            seller,
            Budget(jobs_redis, ledger, Caps()),
            ledger,
            EvidenceArchive(engine),
            freshness=Freshness(settings.redis_ttl, NOT_FOUND_TTL),
        )
        books.fate = fate
        orphans, durability = OrphanedRuns(memo_redis), Durability(settings.intent_durability)
        purchaser = Purchaser(
            books,
            orphans,
            slots=Slots(settings.max_in_flight),
            reconcile_grace=reconcile_grace,
            send_within=SEND_WITHIN + durability.patience,
        )
        memo = Memo(
            memo_redis,
            failures=EnrichmentFailures(settings.failure_ttl, NOT_FOUND_TTL),
            options=MemoOptions(lease=settings.lease, durability=durability),
        )
        counters = Counters(jobs_redis)
        stack.push_async_callback(counters.aclose)
        stack.push_async_callback(memo.aclose)
        sweeper = Sweeper(memo, purchaser, orphans, patience=timedelta(seconds=0))
        enricher = Enricher(memo, purchaser, counters, reuse, CompanyIndex(engine, utc_now))
        yield Buyer(enricher, memo, ledger, EvidenceArchive(engine), sweeper)


async def start_buyer(
    children: Children,
    company: str,
    step: Step,
    variables: Mapping[str, str],
    *,
    website: str = "",
) -> ForkedChild:
    """Start a process that leads the purchase of *company*, and waits for its `cue`."""
    return await children.fork(
        *("tests.support.buyer", company, step.value, website),
        ready=b"leading",
        env={**os.environ, **variables},
    )


def cue(process: ForkedChild) -> None:
    """Let a started buyer go on, to its death."""
    process.stdin.write(b"go\n")


async def _main(company: str, step: Step, website: str) -> None:
    async with open_buyer(load(), step) as buyer:
        meant = await buyer.enricher.identify(Mention(company, website))
        enrichment = await buyer.enricher.enrich(meant, BILLING)
    sys.stdout.write(f"{enrichment.source}\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Step(sys.argv[2]), sys.argv[3]))
