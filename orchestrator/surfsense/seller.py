"""The port through which purchases are made, what their answers mean, and the protocol `enrich`.

By `enrich`, `POST {SURFSENSE_URL}/enrich` is answered at once or lost. The protocol `workspace`
has a module of its own.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, ClassVar, Protocol

import orjson

from orchestrator.evidence.model import Step
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    RateLimited,
    Refusal,
    RequestRejected,
    RunUnknown,
    ServiceUnavailable,
    SourceRefused,
    refusal_in,
)
from orchestrator.surfsense.evidence import Envelope, Estado
from orchestrator.surfsense.http import Http

_DENIED = frozenset({401, 402, 403})
#: The work was never begun: the service cannot take requests at the moment (503; RFC 9110, 15.6.4),
#: or a proxy could not reach it (521-523, 525, 526 and 530 of Cloudflare). Any other 5xx may come
#: from a failure, or from a proxy that gave up, after the work was begun and charged.
_NEVER_BEGUN = frozenset({503, 521, 522, 523, 525, 526, 530})

_WRONG_URL = "there is no /enrich at SURFSENSE_URL; is it the origin of the service?"
_REDIRECT = "it redirects; set SURFSENSE_URL to the final address"

#: Seconds to wait when `Retry-After` is missing or unreadable: SurfSense counts in windows of one
#: minute and sends no header for its own limit.
RATE_WINDOW_S = 60
#: Longest `Retry-After` in seconds that is believed.
LONGEST_RETRY_AFTER_S = 3600
_UNITS = {"s": 1, "m": 60, "h": 3600}
_AMOUNT = re.compile(r"(\d{1,9})(?:\.\d*)?\s*(?:(s|m|h)[a-z]*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Accepted:
    """SurfSense took the purchase and works on it. `run_id` is durable: write it down at once."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """SurfSense knows the company. `payload` is its whole answer, unknown fields included."""

    payload: dict[str, Any]
    cost_micros: int
    cost_estimated: bool


@dataclass(frozen=True, slots=True)
class NotFound:
    """SurfSense looked and knows no such company."""

    cost_micros: int
    cost_estimated: bool


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The name may mean any of `candidates`, which may be empty."""

    candidates: tuple[str, ...]
    payload: dict[str, Any]
    cost_micros: int
    cost_estimated: bool


Answer = Found | NotFound | Ambiguous
"""What was bought. `cost_estimated` says that the answer did not name its price."""


def verdict_on(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    company: str,
    price_micros: int,
    now: datetime,
) -> Answer:
    """Return the answer of a `POST /enrich`.

    Args:
        status: The HTTP status.
        headers: By lower-case or case-insensitive name.
        body: As received, of any content type.
        company: The name as it was asked for.
        price_micros: Cost of a 200 that names none; a 404 that names none is free.
        now: Aware UTC instant at which the answer arrived.

    Raises:
        EnrichmentError: Of the class that says what to do.
    """
    payload: object = None
    if status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        with suppress(orjson.JSONDecodeError):
            payload = orjson.loads(body)
    match status:
        case 200:
            if not isinstance(payload, dict):
                raise MalformedAnswer(company, "the body is not a JSON object")
            return answer_in(payload, price_micros)
        case 404:
            if not isinstance(payload, dict) or payload == {"detail": "Not Found"}:
                raise RequestRejected(company, 404, _WRONG_URL)
            cost_micros = Envelope.model_validate(payload).cost_micros
            return NotFound(cost_micros or 0, cost_micros is None)
        case _:
            raise failure_on(status, headers, body, company=company, now=now)


def failure_on(
    status: int, headers: Mapping[str, str], body: bytes, *, company: str, now: datetime
) -> EnrichmentError:
    """Return the error that a *status* other than the expected one means; see `verdict_on`."""
    failure: EnrichmentError
    refusal = refusal_in(body)
    match status // 100:
        case 4 if status == HTTPStatus.TOO_MANY_REQUESTS:
            failure = RateLimited(company, retry_after_s(headers.get("retry-after"), now))
        case 4 if status in _DENIED and refusal.is_by_source:
            failure = SourceRefused(company, refusal.reason or refusal.code)
        case 4 if status in _DENIED:
            failure = AccessDenied(company, status, refusal.reason)
        case 4:
            failure = RequestRejected(company, status, refusal.reason or "it gave no reason")
        case 5 if status in _NEVER_BEGUN:
            failure = ServiceUnavailable(company, _cause_of(status, refusal))
        case 5:
            failure = AnswerLost(company, _cause_of(status, refusal))
        case 3:
            failure = RequestRejected(company, status, _REDIRECT)
        case _:
            failure = MalformedAnswer(company, f"status {status} instead of 200")
    return failure


def answer_in(payload: dict[str, Any], price_micros: int) -> Answer:
    """Return what *payload*, a company's JSON object, says; *price_micros* if it names no cost."""
    envelope = Envelope.model_validate(payload)
    estimated = envelope.cost_micros is None
    cost = price_micros if envelope.cost_micros is None else envelope.cost_micros
    if not payload or envelope.estado is Estado.NOT_FOUND:
        return NotFound(cost, estimated)
    if envelope.estado is Estado.AMBIGUOUS:
        names = tuple(candidate.name for candidate in envelope.candidates)
        return Ambiguous(names, payload, cost, estimated)
    return Found(payload, cost, estimated)


def retry_after_s(header: str | None, now: datetime) -> int:
    """Return the seconds that a 429 asks to wait, from 0 to `LONGEST_RETRY_AFTER_S`.

    Args:
        header: `Retry-After` as seconds, as an HTTP date, or in words such as "1 minute",
            which SurfSense sends; anything else counts as missing.
        now: Aware UTC instant at which the answer arrived.
    """
    text = (header or "").strip()
    amount = _AMOUNT.fullmatch(text)
    if amount is not None:
        seconds = int(amount[1]) * _UNITS[(amount[2] or "s").lower()]
    else:
        try:
            instant = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return RATE_WINDOW_S
        if instant.tzinfo is None:  # "-0000" and a missing zone both mean UTC here
            instant = instant.replace(tzinfo=UTC)
        seconds = round((instant - now).total_seconds())
    return min(max(seconds, 0), LONGEST_RETRY_AFTER_S)


def _cause_of(status: int, refusal: Refusal) -> str:
    said = f": {refusal.reason.rstrip('.')}" if refusal.reason else ""
    return f"it answered {status}{said}"


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
