"""Tries again for a while where SurfSense fails for now; nothing is held meanwhile."""

import asyncio
from datetime import timedelta

from orchestrator.identity.resolution import Resolved
from orchestrator.jobs import JobContext
from orchestrator.purchasing import Enricher, Enrichment, Purpose
from orchestrator.surfsense import TransientEnrichmentError

#: Lookups of one item before its failure is its result.
TRIES = 3
#: A longer wait than this is the next run's business.
LONGEST_PAUSE = timedelta(minutes=2)


async def enrich_patiently(
    enricher: Enricher,
    company: Resolved,
    purpose: Purpose,
    context: JobContext,
    *,
    patience: timedelta | None = None,
) -> Enrichment:
    """Look *company* up; after a passing fault, again when somebody may try again.

    If the job is cancelled meanwhile, so is the purchase, unless somebody else waits for it.
    Who has limited *patience* spends it on one try; the purchase goes on after it has ended.

    Raises:
        StillLoading: *patience* has ended.
        Exception: As `Enricher.enrich`, after the last try; or whatever `context.pause` raises.
    """
    try:
        if patience is not None:
            return await enricher.enrich(company, purpose, patience=patience)
        return await _tried(enricher, company, purpose, context)
    except asyncio.CancelledError:
        if context.is_abandoned():
            enricher.abandon(company.key)
        raise


async def _tried(
    enricher: Enricher, company: Resolved, purpose: Purpose, context: JobContext
) -> Enrichment:
    for _ in range(TRIES - 1):
        context.tries.begin()
        try:
            return await enricher.enrich(company, purpose)
        except TransientEnrichmentError as error:
            # None of a flight that was overtaken while it stood still: another one may do better.
            retry_in = error.retry_in or timedelta(0)
            if retry_in > LONGEST_PAUSE:
                raise
            await context.pause(retry_in)
    context.tries.begin()
    return await enricher.enrich(company, purpose)
