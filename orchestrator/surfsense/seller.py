"""The port through which purchases are made, its protocol `enrich`, and the choice of protocol.

By `enrich`, `POST {SURFSENSE_URL}/enrich` is answered at once or lost. `workspace` has a module of
its own.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

import orjson

from orchestrator.evidence.model import Step
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.settings import Settings
from orchestrator.surfsense.account import Account
from orchestrator.surfsense.answers import Accepted, Answer, verdict_on
from orchestrator.surfsense.errors import RunUnknown
from orchestrator.surfsense.http import Http
from orchestrator.surfsense.workspace import RunTimeouts, WorkspaceApi, WorkspaceSeller


class Seller(Protocol):
    """Sells what is known about a company. One instance serves all purchases of a process."""

    protocol: ClassVar[str]
    """The name of the protocol, as `SURFSENSE_PROTOCOL` gives it."""
    gives_run_ids: ClassVar[bool]
    """Whether a purchase can be collected, found and cancelled after its buyer died."""

    @property
    def price_micros(self) -> int:
        """The most that one purchase costs, in micro-USD: what a budget has to reserve."""

    @property
    def answers_within(self) -> timedelta:
        """How long `submit` may take: it has returned or raised by then, if its process runs."""

    def of_step(self, step: Step, body: Mapping[str, Any], price_micros: int | None) -> "Seller":
        """Return the seller of one step, whose request is *body*, at *price_micros* at most."""

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Buy what is known about *company*. Costs money on every call; never repeated inside.

        Args:
            company: The name as it was typed.
            purchase_id: Identity of this purchase, sent along; a seller may ignore it.

        Returns:
            The answer, or the run that will have it.

        Raises:
            AnswerLost: It may have been accepted; `find` can tell, if there are run ids.
            EnrichmentError: Of the class that says what to do; nothing was bought, except
                for a `MalformedAnswer`.
        """

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Wait for the answer of a run. Free, and may be repeated.

        Raises:
            AnswerLost: It is not done by the deadline, and goes on: collect it later.
            RunInterrupted: The server restarted, and the run stayed away for the grace period.
            RunUnknown: SurfSense has no such run.
            EnrichmentError: Of the class that says what to do; the run was not charged, except
                for a `MalformedAnswer`.
        """

    async def look(self, run_id: str, *, company: str) -> Answer | None:
        """Return the answer of a run if it has one by now, without waiting. Free.

        Raises:
            MalformedAnswer: It was charged, and its answer is unusable.
        """

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str] = ()
    ) -> str | None:
        """Return the run that *company* was submitted in, if there is one. Free.

        Args:
            company: A name with the company key of the one that was submitted.
            submitted_after: Aware UTC instant at which the POST was not yet sent.
            exclude: Run ids that belong to other purchases.

        Returns:
            A run that may have been charged; None if there is none: nothing was bought.

        Raises:
            EnrichmentError: It cannot be told; ask again before buying.
        """

    async def cancel(self, run_id: str) -> bool:
        """Stop a run. True means that it was stopped and is not charged; False, that it may be."""


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


def open_seller(
    settings: Settings, http: Http, account: Account, *, clock: Clock = utc_now
) -> Seller:
    """Return the seller of `SURFSENSE_PROTOCOL`, which sends through *http* and closes nothing.

    *account* is what `workspace` buys by.
    """
    timeout = settings.surfsense_timeout
    match settings.surfsense_protocol:
        case "enrich":
            return EnrichSeller(
                http,
                price_micros=settings.price_micros,
                answers_within=timeout,
                clock=clock,
            )
        case "workspace":
            api = WorkspaceApi(http, workspace_id=account.workspace_id, clock=clock)
            return WorkspaceSeller(
                api,
                prices=lambda: account.prices,
                timeouts=RunTimeouts(
                    accept=min(RunTimeouts().accept, timeout),
                    answer=timeout,
                ),
            )
