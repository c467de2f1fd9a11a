"""Sellers for tests that keep their own bill; no HTTP."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from orchestrator.evidence.model import Step
from orchestrator.surfsense import (
    Accepted,
    Answer,
    AnswerLost,
    Found,
    MalformedAnswer,
    NotSent,
    RunInterrupted,
    RunUnknown,
    ServiceUnavailable,
    send_guard,
)

PRICE = 46_500
#: A test that fails before it opens the gate must not keep its purchase waiting.
GATE_S = 15


def found(company: str, cost_micros: int = PRICE) -> Found:
    """Return an answer about a logistics company of 300 people."""
    payload = {
        "empresa": company,
        "sector": {"value": "Logística", "confidence": 0.9},
        "empleados": {"value": 300, "confidence": 0.8},
        "pais": {"value": "ES", "confidence": 0.9},
    }
    return Found(payload, cost_micros, cost_estimated=False)


class FakeSeller:
    """Answers at once, as scripted, otherwise that every company is found.

    Charges as SurfSense does: what was lost or malformed too, every other failure not.
    Purchases wait for `gate`; `asked` has the company and purchase id of each.
    """

    protocol: ClassVar[str] = "enrich"
    gives_run_ids: ClassVar[bool] = False
    price_micros = PRICE
    answers_within = timedelta(seconds=30)

    def __init__(self) -> None:
        self.script: defaultdict[str, list[Answer | Exception]] = defaultdict(list)
        self.asked: list[tuple[str, str]] = []
        self.charged_micros = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = asyncio.Event()

    def of_step(self, step: Step, body: Mapping[str, Any], price_micros: int | None) -> Self:
        """Return itself: a company's answer does not depend on the step."""
        del step, body, price_micros
        return self

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Sell what the script says comes next for *company*."""
        self._leave(company)
        self.asked.append((company, purchase_id))
        self.busy.set()
        async with asyncio.timeout(GATE_S):
            await self.gate.wait()
        return self._charged(company)

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Refuse: there are no runs."""
        raise RunUnknown(company, run_id)

    async def look(
        self,
        run_id: str,  # noqa: ARG002 - the port's signature
        *,
        company: str,  # noqa: ARG002 - (as above)
    ) -> Answer | None:
        """Tell nothing."""
        return None

    async def find(
        self,
        company: str,  # noqa: ARG002 - the port's signature
        *,
        submitted_after: datetime,  # noqa: ARG002 - (as above)
        exclude: Collection[str] = (),  # noqa: ARG002 - (as above)
    ) -> str | None:
        """Tell nothing."""
        return None

    async def cancel(self, run_id: str) -> bool:  # noqa: ARG002 - the port's signature
        """Refuse."""
        return False

    def _leave(self, company: str) -> None:
        """Ask the guard, as the socket does."""
        guard = send_guard.get()
        if guard is not None:
            if not guard.may_leave():
                raise NotSent(company)
            guard.has_left = True

    def _charged(self, company: str) -> Answer:
        script = self.script[company]
        answer = script.pop(0) if script else found(company)
        if isinstance(answer, Exception):
            if isinstance(answer, AnswerLost | MalformedAnswer):
                self.charged_micros += PRICE
            raise answer
        self.charged_micros += answer.cost_micros
        return answer


class FakeRunSeller(FakeSeller):
    """Gives a run id at once, and the answer to the collector of the run; charges then.

    `lost_replies` makes submissions that are accepted and never confirmed, `unfinished`
    collections that come before the run is done. Runs can be cancelled unless `too_late`; those
    that are `interrupted` bring nothing as long as they are.
    """

    protocol: ClassVar[str] = "workspace"
    gives_run_ids: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, str] = {}
        self.collected: list[str] = []
        self.cancelled: list[str] = []
        self._answers: dict[str, Answer | MalformedAnswer] = {}
        self.interrupted: set[str] = set()
        self.looks = 0
        self.too_late = False
        self.lost_replies = self.unfinished = 0

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Accept the order."""
        self._leave(company)
        self.asked.append((company, purchase_id))
        run_id = f"run-{len(self.runs) + 1}"
        self.runs[run_id] = company
        if self.lost_replies:
            self.lost_replies -= 1
            raise AnswerLost(company, "the reply was lost")
        return Accepted(run_id)

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Return the answer of a run, once it is done."""
        self.busy.set()
        async with asyncio.timeout(GATE_S):
            await self.gate.wait()
        if run_id not in self.runs:
            raise RunUnknown(company, run_id)
        if run_id in self.interrupted:
            raise RunInterrupted(company, run_id)
        if run_id in self.cancelled:
            raise ServiceUnavailable(company, "the run was cancelled")
        if self.unfinished:
            self.unfinished -= 1
            raise AnswerLost(company, "not done yet")
        self.collected.append(run_id)
        return self._answer_of(run_id)

    async def look(self, run_id: str, *, company: str) -> Answer | None:  # noqa: ARG002 - (as above)
        """Return the answer of a run that has ended; one that was interrupted is charged now."""
        if run_id in self.interrupted or run_id not in self.runs:
            return None
        return self._answer_of(run_id)

    async def find(
        self,
        company: str,
        *,
        submitted_after: datetime,  # noqa: ARG002 - the port's signature
        exclude: Collection[str] = (),
    ) -> str | None:
        """Return the last run of *company*."""
        self.looks += 1
        known = [run for run, name in self.runs.items() if name == company and run not in exclude]
        return known[-1] if known else None

    async def cancel(self, run_id: str) -> bool:
        """Stop a run, unless it is too late."""
        if self.too_late:
            return False
        self.cancelled.append(run_id)
        return True

    def _answer_of(self, run_id: str) -> Answer:
        """Charge a run when it has ended, once."""
        if run_id not in self._answers:
            try:
                self._answers[run_id] = self._charged(self.runs[run_id])
            except MalformedAnswer as malformed:
                self._answers[run_id] = malformed
        answer = self._answers[run_id]
        if isinstance(answer, MalformedAnswer):
            raise answer
        return answer
