"""Buys by the `enrich` protocol: `POST {SURFSENSE_URL}/enrich`, answered at once or lost."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson

from orchestrator.evidence.model import Step
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.surfsense.answers import Answer, verdict_on
from orchestrator.surfsense.errors import RunUnknown
from orchestrator.surfsense.http import Http


class EnrichSeller:
    """A `Seller` without run ids."""

    protocol: ClassVar[str] = "enrich"
    gives_run_ids: ClassVar[bool] = False

    def __init__(
        self,
        http: Http,
        *,
        price_micros: int,
        answers_within: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self.price_micros = price_micros
        self.answers_within = answers_within
        self._http = http
        self._clock = clock

    def of_step(
        self, step: Step, body: Mapping[str, Any], price_micros: int | None
    ) -> "EnrichSeller":
        """Return this seller, which sells all there is in one purchase."""
        del step, body, price_micros
        return self

    async def submit(self, company: str, *, purchase_id: str) -> Answer:
        """Return the answer about *company*. Costs money on every call.

        Args:
            company: The name as it was typed.
            purchase_id: Identity of this purchase; sent as `Idempotency-Key`, which a
                server may ignore, and as `X-Request-ID`, to be found in its log.

        Raises:
            EnrichmentError: Of the class that says what to do; `AnswerLost` when the
                request may have been accepted but was not answered within `answers_within`.
        """
        reply = await self._http.send(
            "POST",
            "/enrich",
            company=company,
            within=self.answers_within,
            body=orjson.dumps({"empresa": company}),
            request_id=purchase_id,
        )
        return verdict_on(
            reply.status,
            reply.headers,
            reply.body,
            company=company,
            price_micros=self.price_micros,
            now=self._clock(),
        )

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Refuse: there are no runs in this protocol.

        Raises:
            RunUnknown: Always; the run is of another protocol, configured earlier.
        """
        raise RunUnknown(company, run_id)

    async def look(
        self,
        run_id: str,  # noqa: ARG002 - the port's signature
        *,
        company: str,  # noqa: ARG002 - (as above)
    ) -> Answer | None:
        """Return None: there are no runs in this protocol."""
        return None

    async def find(
        self,
        company: str,  # noqa: ARG002 - the port's signature
        *,
        submitted_after: datetime,  # noqa: ARG002 - (as above)
        exclude: Collection[str] = (),  # noqa: ARG002 - (as above)
    ) -> str | None:
        """Return None, which says nothing: this protocol keeps no record of purchases."""
        return None

    async def cancel(self, run_id: str) -> bool:  # noqa: ARG002 - the port's signature
        """Return False: what was sent is completed and charged."""
        return False
