"""Buys by the `enrich` protocol, whose purchases are answered at once or lost."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import ClassVar

from orchestrator.surfsense.client import SurfSenseClient
from orchestrator.surfsense.errors import RunUnknown
from orchestrator.surfsense.verdict import Answer


class EnrichSeller:
    """A `Seller` without run ids."""

    protocol: ClassVar[str] = "enrich"
    gives_run_ids: ClassVar[bool] = False

    def __init__(
        self, client: SurfSenseClient, *, price_micros: int, answers_within: timedelta
    ) -> None:
        self._client = client
        self.price_micros = price_micros
        self.answers_within = answers_within

    async def submit(self, company: str, *, purchase_id: str) -> Answer:
        """Return the answer about *company*; *purchase_id* travels as `Idempotency-Key`.

        Raises:
            EnrichmentError: Of the class that says what to do.
        """
        return await self._client.purchase(company, purchase_id=purchase_id)

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
        """Return None, which tells nothing: this protocol keeps no record of purchases."""
        return None

    async def cancel(self, run_id: str) -> bool:  # noqa: ARG002 - the port's signature
        """Return False: what was sent is done and charged."""
        return False
