"""A process that judges one lead and dies on the way.

`python -m tests.support.lead_process VALKEY DATABASE STEP`: SIGKILL by its own hand, after the
evidence was bought (`judging`), or after the decision was stored (`reporting`).
"""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

from agents.case import Case, ClaimField, Decision, Pipeline
from orchestrator.database import open_engine
from orchestrator.handlers import LeadHandler
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import JobContext
from orchestrator.leads import LeadStore
from tests.integration.purchasing.conftest import Worlds
from tests.support.cases import advance, lead

LEAD = lead(1, company="Acme, S.A.")
JOB = JobContext("job-1", "default", capped=False)


class MortalAgent:
    """Advances every lead, if it lives."""

    name = "cdao"
    version = "1"

    def __init__(self, step: str) -> None:
        self._step = step

    def wants_evidence(self, case: Case) -> bool:
        """Want it once."""
        return not case.evidence_sought

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:  # noqa: ARG002 - the port
        """Want everything."""
        return True

    def decide(self, case: Case) -> Decision:  # noqa: ARG002 - the port's signature
        """Decide, or die."""
        if self._step == "judging":
            os.kill(os.getpid(), signal.SIGKILL)
        return advance()


async def _main(valkey_url: str, database_url: str, step: str) -> None:
    server: Any = SimpleNamespace(url=valkey_url)  # only its address is used
    async with AsyncExitStack() as stack:
        engine = open_engine(database_url)
        stack.push_async_callback(engine.dispose)
        world = Worlds(stack, engine).open(server)
        store = LeadStore(engine, utc_now)
        pipeline = Pipeline((MortalAgent(step),))
        await LeadHandler(store, world.enricher, pipeline, utc_now)(str(LEAD.id), JOB)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
