"""Buying with run ids from the sandbox, through each fault that it can be ordered."""

import asyncio
from datetime import timedelta

import pytest

from orchestrator.infra.clock import utc_now
from orchestrator.surfsense import (
    Accepted,
    Ambiguous,
    AnswerLost,
    Found,
    NotFound,
    ServiceUnavailable,
    evidence_from,
)
from tests.integration.surfsense.buying import client_of, run_seller_of
from tests.integration.surfsense.sandbox_process import SandboxProcess

SOON = timedelta(milliseconds=300)
#: No look before the wait is over, unless events ask for one.
NEVER = timedelta(hours=1), timedelta(hours=1)


async def test_a_run_is_bought_and_collected(sandbox: SandboxProcess) -> None:
    """The buyer is told exactly what the seller charged."""
    async with run_seller_of(sandbox.url) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")
        answer = await seller.collect(accepted.run_id, company="Acme")

    assert isinstance(answer, Found)
    assert (answer.cost_micros, answer.cost_estimated) == (5_500, False)
    assert sandbox.bill()["companies"]["acme"]["micros"] == answer.cost_micros


async def test_both_protocols_bring_the_same_evidence(sandbox: SandboxProcess) -> None:
    """An agent judges a company alike, however it was bought."""
    now = utc_now()
    async with client_of(sandbox.url) as client, run_seller_of(sandbox.url) as seller:
        direct = await client.submit("Acme", purchase_id="p-1")
        accepted = await seller.submit("Acme", purchase_id="p-2")
        collected = await seller.collect(accepted.run_id, company="Acme")

    assert isinstance(direct, Found)
    assert isinstance(collected, Found)
    assert evidence_from("Acme", collected.payload, now) == evidence_from(
        "Acme", direct.payload, now
    )


async def test_a_run_can_be_collected_again(sandbox: SandboxProcess) -> None:
    """A successor gets the same answer, free of charge."""
    async with run_seller_of(sandbox.url) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")
        first = await seller.collect(accepted.run_id, company="Acme")
    async with run_seller_of(sandbox.url) as successor:
        second = await successor.collect(accepted.run_id, company="Acme")

    assert first == second
    assert sandbox.bill()["purchases"] == 1


async def test_a_run_is_collected_as_soon_as_its_events_say_that_it_has_ended(
    sandbox: SandboxProcess,
) -> None:
    """Long before the next look, and after the end as well as before."""
    sandbox.behave(latency_min_ms=200, latency_max_ms=200)

    async with run_seller_of(sandbox.url, answer=NEVER[0], looks=NEVER) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")
        answers = [await seller.collect(accepted.run_id, company="Acme") for _ in range(2)]

    assert isinstance(answers[0], Found)
    assert answers == [answers[0]] * 2
    assert sandbox.bill()["purchases"] == 1


async def test_events_of_another_process_end_no_wait(sandbox: SandboxProcess) -> None:
    """They say that the run has finished, and is running: the next look comes at its time."""
    sandbox.behave(latency_min_ms=1_500, latency_max_ms=1_500, events_elsewhere=True)
    second = timedelta(seconds=1)

    async with run_seller_of(sandbox.url, looks=(second, second)) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")
        answer = await seller.collect(accepted.run_id, company="Acme")

    assert isinstance(answer, Found)


async def test_unknown_and_ambiguous_companies_are_answers(sandbox: SandboxProcess) -> None:
    """Not found is free; an ambiguous name brings its candidates."""
    async with run_seller_of(sandbox.url) as seller:
        sandbox.behave(not_found_rate=1)
        unknown = await seller.submit("Acme", purchase_id="p-1")
        not_found = await seller.collect(unknown.run_id, company="Acme")
        sandbox.behave(not_found_rate=0, ambiguous_rate=1)
        several = await seller.submit("Acme", purchase_id="p-2")
        ambiguous = await seller.collect(several.run_id, company="Acme")

    assert not_found == NotFound(0, cost_estimated=False)
    assert isinstance(ambiguous, Ambiguous)
    assert (len(ambiguous.candidates), ambiguous.cost_micros) == (3, 5_500)


async def test_hundreds_wait_side_by_side(sandbox: SandboxProcess) -> None:
    """Three hundred runs in flight are collected, each its own company's."""
    names = [f"Empresa {number}" for number in range(300)]
    sandbox.behave(latency_min_ms=5, latency_max_ms=300)

    async with run_seller_of(sandbox.url) as seller:

        async def buy(name: str) -> str:
            accepted = await seller.submit(name, purchase_id=name)
            answer = await seller.collect(accepted.run_id, company=name)
            return str(answer.payload["empresa"]) if isinstance(answer, Found) else ""

        told = await asyncio.gather(*map(buy, names))

    assert told == names
    assert sandbox.bill()["purchases"] == 300


async def test_a_server_error_starts_nothing(sandbox: SandboxProcess) -> None:
    """No row, no charge, whether it comes as JSON or as a proxy's page."""
    sandbox.behave(error_rate=1)

    async with run_seller_of(sandbox.url) as seller:
        for number in range(2):
            with pytest.raises(ServiceUnavailable):
                await seller.submit("Acme", purchase_id=f"p-{number}")

    assert sandbox.runs() == []
    assert sandbox.bill()["faults"]["error"] == 2


async def test_a_lost_reply_is_found_and_collected(sandbox: SandboxProcess) -> None:
    """The run exists and is charged although its POST was never answered."""
    sandbox.behave(reset_rate=1)
    before = utc_now()

    async with run_seller_of(sandbox.url) as seller:
        with pytest.raises(AnswerLost):
            await seller.submit("Acme", purchase_id="p-1")
        run_id = await seller.find("ACME, S.L.", submitted_after=before)
        answer = await seller.collect(run_id or "", company="Acme")

    assert [row["id"] for row in sandbox.runs()] == [run_id]
    assert isinstance(answer, Found)
    assert sandbox.bill()["purchases"] == 1


@pytest.mark.parametrize("fault", [{"timeout_rate": 1}, {"late_rate": 1, "late_ms": 60_000}])
async def test_a_reply_that_does_not_come_in_time_is_lost(
    sandbox: SandboxProcess, fault: dict[str, float]
) -> None:
    """The wait for a run id is bounded, and the run is there to be found."""
    sandbox.behave(**fault)
    before = utc_now()

    async with run_seller_of(sandbox.url, accept=SOON) as seller:
        with pytest.raises(AnswerLost):
            await seller.submit("Acme", purchase_id="p-1")
        found = await seller.find("Acme", submitted_after=before)

    assert [row["id"] for row in sandbox.runs()] == [found]


async def test_a_late_reply_reaches_the_patient(sandbox: SandboxProcess) -> None:
    """It is an answer like any other."""
    sandbox.behave(late_rate=1, late_ms=100)

    async with run_seller_of(sandbox.url) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")

    assert isinstance(accepted, Accepted)


@pytest.mark.parametrize(
    "fault",
    [{"poll_error_rate": 0.7}, {"poll_reset_rate": 0.7}],
)
async def test_looks_that_fail_are_repeated(
    sandbox: SandboxProcess, fault: dict[str, float]
) -> None:
    """They cost nothing, in collecting as in finding."""
    async with run_seller_of(sandbox.url) as seller:
        before = utc_now()
        accepted = await seller.submit("Acme", purchase_id="p-1")
        sandbox.behave(**fault)
        answer = await seller.collect(accepted.run_id, company="Acme")
        found = await seller.find("Acme", submitted_after=before)

    assert isinstance(answer, Found)
    assert found == accepted.run_id
    assert sandbox.bill()["purchases"] == 1


async def test_looks_that_are_never_answered_end_with_the_deadline(
    sandbox: SandboxProcess,
) -> None:
    """The run goes on, and is collected when SurfSense is well again."""
    sandbox.behave(poll_timeout_rate=1)

    async with run_seller_of(sandbox.url, answer=SOON) as seller:
        before = utc_now()
        accepted = await seller.submit("Acme", purchase_id="p-1")
        with pytest.raises(AnswerLost):
            await seller.collect(accepted.run_id, company="Acme")
        with pytest.raises(ServiceUnavailable):
            await seller.find("Acme", submitted_after=before)
    sandbox.behave(poll_timeout_rate=0)
    async with run_seller_of(sandbox.url) as seller:
        answer = await seller.collect(accepted.run_id, company="Acme")

    assert isinstance(answer, Found)


async def test_a_slow_run_outlasts_one_wait(sandbox: SandboxProcess) -> None:
    """Giving up cancels nothing and buys nothing; the next wait gets the answer."""
    sandbox.behave(latency_min_ms=800, latency_max_ms=800)

    async with run_seller_of(sandbox.url, answer=SOON) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")
        with pytest.raises(AnswerLost, match=accepted.run_id):
            await seller.collect(accepted.run_id, company="Acme")
    async with run_seller_of(sandbox.url) as seller:
        answer = await seller.collect(accepted.run_id, company="Acme")

    assert isinstance(answer, Found)
    assert sandbox.bill()["purchases"] == 1


async def test_a_run_that_fails_is_free(sandbox: SandboxProcess) -> None:
    """Its own reason is told."""
    sandbox.behave(run_error_rate=1)

    async with run_seller_of(sandbox.url) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")
        with pytest.raises(ServiceUnavailable, match="upstream error"):
            await seller.collect(accepted.run_id, company="Acme")

    assert (sandbox.bill()["purchases"], sandbox.bill()["faults"]["run_error"]) == (0, 1)


async def test_a_cancelled_run_is_not_charged(sandbox: SandboxProcess) -> None:
    """True says so; False, that it was too late."""
    sandbox.behave(latency_min_ms=500, latency_max_ms=500)

    async with run_seller_of(sandbox.url) as seller:
        before = utc_now()
        accepted = await seller.submit("Acme", purchase_id="p-1")
        cancelled = [await seller.cancel(accepted.run_id) for _ in range(2)]
        with pytest.raises(ServiceUnavailable, match="cancelled"):
            await seller.collect(accepted.run_id, company="Acme")
        found = await seller.find("Acme", submitted_after=before)

    assert cancelled == [True, False]
    assert found is None
    assert sandbox.bill()["purchases"] == 0


async def test_a_cancellation_that_fails_is_no_cancellation(sandbox: SandboxProcess) -> None:
    """Neither an unknown run nor an absent server raises: the run may be charged."""
    async with run_seller_of(sandbox.url) as seller, run_seller_of("http://127.0.0.1:9") as away:
        cancelled = [await seller.cancel("run_1"), await away.cancel("run_1")]

    assert cancelled == [False, False]
