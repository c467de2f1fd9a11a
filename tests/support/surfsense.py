"""A SurfSense for tests that keeps its own bill; no HTTP."""

import asyncio
from collections import defaultdict

from orchestrator.surfsense import (
    AnswerLost,
    Found,
    MalformedAnswer,
    SurfSenseClient,
)
from orchestrator.surfsense.verdict import Answer

PRICE = 46_500


def found(company: str, cost_micros: int = PRICE) -> Found:
    """Return an answer about a logistics company of 300 people."""
    payload = {
        "empresa": company,
        "sector": {"value": "Logística", "confidence": 0.9},
        "empleados": {"value": 300, "confidence": 0.8},
        "pais": {"value": "ES", "confidence": 0.9},
    }
    return Found(payload, cost_micros, cost_estimated=False)


class FakeSurfSense(SurfSenseClient):
    """Answers as scripted, otherwise that every company is found; charges as SurfSense does.

    What was lost or malformed is charged, every other failure is not. Purchases wait for `gate`.
    """

    def __init__(self) -> None:
        self.script: defaultdict[str, list[Answer | Exception]] = defaultdict(list)
        self.asked: list[tuple[str, str]] = []
        self.charged_micros = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = asyncio.Event()

    async def purchase(self, company: str, *, purchase_id: str) -> Answer:
        """Sell what the script says comes next for *company*."""
        self.asked.append((company, purchase_id))
        self.busy.set()
        await self.gate.wait()
        script = self.script[company]
        answer = script.pop(0) if script else found(company)
        if isinstance(answer, Exception):
            if isinstance(answer, AnswerLost | MalformedAnswer):
                self.charged_micros += PRICE
            raise answer
        self.charged_micros += answer.cost_micros
        return answer
