"""One company of a job: its result reports the outcome, in every case."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers import CompanyHandler, CompanyResult, ItemStatus
from orchestrator.identity import Mention
from orchestrator.identity.resolution import Resolved, by_name
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import JobContext, NotNow, Report, Tries
from orchestrator.memo import LeaseLost
from orchestrator.purchasing import BillingContext, Enricher, Enrichment, Wants
from orchestrator.surfsense import (
    Ambiguous,
    NotFound,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
)
from tests.integration.purchasing.conftest import World
from tests.support.surfsense import PRICE


class Pauses:
    """Remembers how long it was to pause, and lets the failures' time be over by then."""

    def __init__(self, world: World) -> None:
        self.taken: list[timedelta] = []
        self._world = world

    async def __call__(self, duration: timedelta) -> None:
        """Pause for no time."""
        self.taken.append(duration)
        await self._world.memo.invalidate("surfsense:acme")


@pytest.fixture
def pauses(world: World) -> Pauses:
    """Return the pauses that handlers take."""
    return Pauses(world)


async def _work(
    world: World, pauses: Pauses, name: str, *, capped: bool = False, tries: Tries | None = None
) -> Report:
    counted = Tries() if tries is None else tries
    context = JobContext("job-capped", "default", capped=capped, pause=pauses, tries=counted)
    return await CompanyHandler(world.enricher)(name, context)


def _read(report: Report) -> CompanyResult:
    return CompanyResult.model_validate(report.result)


async def test_a_found_company_is_enriched(world: World, pauses: Pauses) -> None:
    """The result names the evidence, its age, its price; the tally counts the purchase."""
    report = await _work(world, pauses, "Acme, S.A.")

    result = _read(report)
    assert (result.status, result.company, result.company_key) == (
        ItemStatus.ENRICHED,
        "Acme, S.A.",
        "acme",
    )
    assert result.purchase_id == world.seller.asked[0][1]
    assert result.as_of is not None
    assert report.tally == {
        "status:enriched": 1,
        "source:bought": 1,
        "spent_micros": PRICE,
        "saved_micros": 0,
    }


async def test_a_second_lookup_counts_what_it_saved(world: World, pauses: Pauses) -> None:
    """A hit costs nothing, and reports what it would have cost."""
    await _work(world, pauses, "Acme")

    report = await _work(world, pauses, "ACME")

    assert report.tally["source:hit"] == 1
    assert (report.tally["spent_micros"], report.tally["saved_micros"]) == (0, PRICE)


async def test_a_company_that_nobody_knows_is_not_found(world: World, pauses: Pauses) -> None:
    """Not found is a result, not a failure."""
    world.seller.script["Acme"] = [NotFound(0, cost_estimated=False)]

    result = _read(await _work(world, pauses, "Acme"))

    assert (result.status, result.found, result.evidence) == (ItemStatus.NOT_FOUND, False, None)


async def test_an_ambiguous_name_gets_its_candidates(world: World, pauses: Pauses) -> None:
    """The reason names them, in both languages."""
    answer = Ambiguous(("Acme Iberia", "Acme France"), {}, PRICE, cost_estimated=False)
    world.seller.script["Acme"] = [answer]

    result = _read(await _work(world, pauses, "Acme"))

    assert (result.status, result.candidates) == (
        ItemStatus.AMBIGUOUS,
        ("Acme Iberia", "Acme France"),
    )
    assert result.reason is not None
    assert "Acme Iberia, Acme France" in result.reason.en
    assert "Acme Iberia, Acme France" in result.reason.es


async def test_a_used_up_budget_skips_the_item(world: World, pauses: Pauses) -> None:
    """The item ends visibly, costs nothing, and is not tried again."""
    await world.cap(0)

    report = await _work(world, pauses, "Acme", capped=True)

    assert _read(report).status is ItemStatus.SKIPPED_BUDGET
    assert report.tally == {"status:skipped_budget": 1}
    assert pauses.taken == []


async def test_a_blank_name_is_invalid(world: World, pauses: Pauses) -> None:
    """It has no key, and the result has the reason."""
    result = _read(await _work(world, pauses, " "))

    assert (result.status, result.company_key) == (ItemStatus.INVALID, None)
    assert result.reason is not None
    assert "blank" in result.reason.en


async def test_a_passing_fault_is_tried_again_when_it_may_be(world: World, pauses: Pauses) -> None:
    """The handler pauses for as long as the memo holds others back, then succeeds."""
    world.seller.script["Acme"] = [RateLimited("Acme", 7), ServiceUnavailable("Acme", "503")]

    result = _read(await _work(world, pauses, "Acme"))

    assert result.status is ItemStatus.ENRICHED
    assert len(pauses.taken) == 2
    assert timedelta(seconds=6) < pauses.taken[0] <= timedelta(seconds=7)


async def test_the_fault_of_a_flight_that_was_overtaken_is_tried_again_at_once(
    world: World, pauses: Pauses
) -> None:
    """A worker that was suspended fails for that alone: the failure is not shared."""
    world.seller.script["Acme"] = [ServiceUnavailable("Acme", "no connection could be made")]
    world.seller.gate.clear()
    working = asyncio.create_task(_work(world, pauses, "Acme"))
    await world.seller.busy.wait()

    await world.memo_redis.delete("memo1:lease:surfsense:acme")  # as if it was called gone
    world.seller.gate.set()

    assert _read(await working).status is ItemStatus.ENRICHED
    assert pauses.taken == [timedelta(0)]


async def test_a_fault_that_does_not_pass_is_the_result(world: World, pauses: Pauses) -> None:
    """After three tries the item fails visibly, with the reason."""
    world.seller.script["Acme"] = [ServiceUnavailable("Acme", "503")] * 5
    tries = Tries()

    result = _read(await _work(world, pauses, "Acme", tries=tries))

    assert (result.status, result.code) == (ItemStatus.FAILED, "service_unavailable")
    assert (len(world.seller.asked), tries.count) == (3, 3)


async def test_a_long_rate_limit_is_not_waited_for(world: World, pauses: Pauses) -> None:
    """What takes longer than a chunk should is the next run's business."""
    world.seller.script["Acme"] = [RateLimited("Acme", 3600)]

    result = _read(await _work(world, pauses, "Acme"))

    assert (result.status, result.code) == (ItemStatus.FAILED, "rate_limited")
    assert pauses.taken == []


async def test_a_refusal_is_not_tried_again(world: World, pauses: Pauses) -> None:
    """The same request would be refused again."""
    world.seller.script["Acme"] = [RequestRejected("Acme", 400, "too short")]

    result = _read(await _work(world, pauses, "Acme"))

    assert (result.status, result.code) == (ItemStatus.FAILED, "request_rejected")
    assert (len(world.seller.asked), pauses.taken) == (1, [])


async def test_an_unknown_error_is_a_visible_failure(world: World, pauses: Pauses) -> None:
    """Nothing is lost in silence: the item fails, the log has the trace, siblings go on."""
    world.seller.script["Acme"] = [ZeroDivisionError("secret")]

    with capture_logs() as logs:
        result = _read(await _work(world, pauses, "Acme"))

    assert (result.status, result.code) == (ItemStatus.FAILED, "internal_error")
    assert "secret" not in repr(result)
    assert [line["log_level"] for line in logs if line["event"] == "item.failed"] == ["error"]


class Broken(Enricher):
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def identify(self, mention: Mention) -> Resolved:
        """Identify the company by the name alone."""
        return by_name(mention.identify())

    async def enrich(
        self,
        company: str | Resolved,  # noqa: ARG002 - the port's
        billing: BillingContext,  # noqa: ARG002 - the port's
        *,
        patience: timedelta | None = None,  # noqa: ARG002 - the port's
        wants: Wants = wants_profile,  # noqa: ARG002 - the port's
    ) -> Enrichment:
        """Raise."""
        raise self._error


@pytest.mark.parametrize("error", [StoreUnavailable("read"), LeaseLost("surfsense:acme")])
async def test_faults_of_our_own_servers_leave_the_item_open(error: Exception) -> None:
    """An item that met them is tried again by itself."""
    handler = CompanyHandler(Broken(error))

    with pytest.raises(NotNow, match=str(error).split("(", maxsplit=1)[0]):
        await handler("Acme", JobContext(None, "default", capped=False))


async def test_a_worker_that_ends_leaves_the_item_open(world: World, pauses: Pauses) -> None:
    """A drained process buys nothing more; another one takes the item up."""
    world.purchaser.drain()

    with pytest.raises(NotNow, match="shutting down"):
        await _work(world, pauses, "Acme")

    assert world.seller.asked == []


async def test_a_pause_that_may_not_be_taken_leaves_the_item_open(world: World) -> None:
    """A draining worker has no time to wait: NotNow passes through."""

    async def refuse(duration: timedelta) -> None:
        raise NotNow(f"no {duration}")

    world.seller.script["Acme"] = [ServiceUnavailable("Acme", "503")]
    context = JobContext(None, "default", capped=False, pause=refuse)

    with pytest.raises(NotNow, match="no 0:00"):
        await CompanyHandler(world.enricher)("Acme", context)
