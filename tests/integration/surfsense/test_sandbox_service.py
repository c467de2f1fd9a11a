"""The sandbox's service, bought from with the real client: answers, faults, and the bill."""

import asyncio
import socket
from datetime import timedelta

import pytest

from orchestrator.surfsense import (
    Ambiguous,
    AnswerLost,
    Found,
    NotFound,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
)
from tests.integration.surfsense.buying import client_of, error_of
from tests.integration.surfsense.sandbox_process import FAULTLESS, SandboxProcess
from tests.support.loopback import loopback


async def test_what_is_sold_is_on_the_bill(sandbox: SandboxProcess) -> None:
    """The buyer is told exactly what the seller charged, under one key for all spellings."""
    async with client_of(sandbox.url) as client:
        first = await client.submit("Mercadona", purchase_id="p-1")
        second = await client.submit("MERCADONA", purchase_id="p-2")

    bill = sandbox.bill()
    (company,) = bill["companies"].values()
    assert isinstance(first, Found)
    assert not first.cost_estimated
    assert company["micros"] == first.cost_micros + second.cost_micros == bill["total_micros"]
    assert company["names"] == ["Mercadona", "MERCADONA"]
    assert (bill["purchases"], bill["requests"], bill["in_flight"]) == (2, 2, 0)


async def test_many_buyers_at_once_get_their_own_answers(sandbox: SandboxProcess) -> None:
    """Two hundred purchases in flight do not mix up."""
    names = [f"Empresa {number}" for number in range(200)]
    sandbox.behave(latency_min_ms=5, latency_max_ms=50)

    async with client_of(sandbox.url) as client:
        answers = await asyncio.gather(*(client.submit(name, purchase_id=name) for name in names))

    assert [a.payload["empresa"] for a in answers if isinstance(a, Found)] == names
    assert sandbox.bill()["purchases"] == 200


async def test_unknown_and_ambiguous_companies_are_answers(sandbox: SandboxProcess) -> None:
    """Both are told, and both are charged for the search."""
    async with client_of(sandbox.url) as client:
        sandbox.behave(not_found_rate=1)
        unknown = await client.submit("Acme", purchase_id="p-1")
        sandbox.behave(not_found_rate=0, ambiguous_rate=1)
        ambiguous = await client.submit("Acme", purchase_id="p-2")

    assert unknown == NotFound(5_500, cost_estimated=False)
    assert isinstance(ambiguous, Ambiguous)
    assert len(ambiguous.candidates) == 3
    assert sandbox.bill()["total_micros"] == 5_500 + 11_000


async def test_an_outage_is_free(sandbox: SandboxProcess) -> None:
    """It comes as JSON the first time and as a page the second, and is the same to us."""
    sandbox.behave(error_rate=1)

    errors = [await error_of(sandbox.url), await error_of(sandbox.url)]

    assert [type(error) for error in errors] == [ServiceUnavailable] * 2
    assert sandbox.bill()["purchases"] == 0
    assert sandbox.bill()["faults"]["error"] == 2


async def test_a_reset_is_charged_and_lost(sandbox: SandboxProcess) -> None:
    """The buyer cannot know, so it must not buy again."""
    sandbox.behave(reset_rate=1)

    error = await error_of(sandbox.url)

    assert type(error) is AnswerLost
    assert (sandbox.bill()["purchases"], sandbox.bill()["requests"]) == (1, 1)


def test_the_reset_is_one_of_tcp(sandbox: SandboxProcess) -> None:
    """The connection does not end with a goodbye but breaks."""
    sandbox.behave(reset_rate=1)
    body = b'{"empresa":"Acme"}'

    with socket.create_connection(("127.0.0.1", sandbox.port)) as connection:
        connection.sendall(b"POST /enrich HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\n" + body)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


async def test_an_answer_that_never_comes_is_charged(sandbox: SandboxProcess) -> None:
    """SurfSense finishes and charges what its client gave up on."""
    sandbox.behave(timeout_rate=1)

    error = await error_of(sandbox.url, patience=timedelta(milliseconds=300))

    assert type(error) is AnswerLost
    assert sandbox.bill()["purchases"] == 1


async def test_a_late_answer_reaches_the_patient(sandbox: SandboxProcess) -> None:
    """The same delay is an answer to one client and a loss to another; both are charged."""
    sandbox.behave(late_rate=1, late_ms=600)

    error = await error_of(sandbox.url, patience=timedelta(milliseconds=200))
    async with client_of(sandbox.url) as patient:
        answer = await patient.submit("Acme", purchase_id="p-2")

    assert type(error) is AnswerLost
    assert isinstance(answer, Found)
    assert sandbox.bill()["purchases"] == 2


async def test_a_client_that_leaves_during_the_search_is_charged(sandbox: SandboxProcess) -> None:
    """Work that was begun is finished and paid."""
    sandbox.behave(latency_min_ms=3000, latency_max_ms=3000)

    await error_of(sandbox.url, patience=timedelta(milliseconds=500))
    before = sandbox.bill()
    await sandbox.wait_until(lambda bill: not bill["in_flight"])

    assert (before["purchases"], before["in_flight"]) == (0, 1)
    assert sandbox.bill()["purchases"] == 1


async def test_the_rate_limit_says_when_to_come_back(sandbox: SandboxProcess) -> None:
    """What is refused costs nothing."""
    sandbox.behave(rate_limit=2)

    async with client_of(sandbox.url) as client:
        await client.submit("Acme", purchase_id="p-1")
        await client.submit("Otra", purchase_id="p-2")
        with pytest.raises(RateLimited) as caught:
            await client.submit("Tercera", purchase_id="p-3")

    assert 0 < caught.value.retry_after_s <= 60
    assert (sandbox.bill()["purchases"], sandbox.bill()["requests"]) == (2, 3)


@pytest.mark.parametrize(("honoured", "purchases"), [(False, 2), (True, 1)])
async def test_a_repeated_key_is_charged_as_ordered(
    sandbox: SandboxProcess,
    honoured: bool,  # noqa: FBT001 - a parameter of the test
    purchases: int,
) -> None:
    """SurfSense ignores `Idempotency-Key`, and so does the sandbox unless told."""
    sandbox.behave(honour_idempotency_key=honoured)

    async with client_of(sandbox.url) as client:
        first = await client.submit("Acme", purchase_id="p-1")
        second = await client.submit("Acme", purchase_id="p-1")

    assert first == second
    assert sandbox.bill()["purchases"] == purchases


async def test_what_is_no_company_is_rejected(sandbox: SandboxProcess) -> None:
    """The reason is a sentence, and nothing is charged."""
    error = await error_of(sandbox.url, company="  ")

    assert isinstance(error, RequestRejected)
    assert error.detail.startswith("empresa: ")
    assert sandbox.bill()["purchases"] == 0


async def test_a_wrong_base_url_is_not_a_missing_company(sandbox: SandboxProcess) -> None:
    """SurfSense's bare 404 means a path that it does not have."""
    error = await error_of(f"{sandbox.url}/api")

    assert isinstance(error, RequestRejected)
    assert "SURFSENSE_URL" in str(error)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"empresa": 1}', b"x" * 70_000])
def test_a_body_that_is_no_request_is_refused(sandbox: SandboxProcess, body: bytes) -> None:
    """Neither nonsense nor a flood brings it down."""
    response = loopback.post(f"{sandbox.url}/enrich", content=body)

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("body", [b"", b"[]", b'"a"', b'{"error_rate": 7}', b'{"eror_rate": 0}'])
def test_an_impossible_order_changes_nothing(sandbox: SandboxProcess, body: bytes) -> None:
    """A test that misspells a fault is told so."""
    response = loopback.post(f"{sandbox.url}/__faults", content=body)

    unchanged = loopback.post(f"{sandbox.url}/__faults", json={}).json()
    assert response.status_code == 422
    assert unchanged == FAULTLESS.model_dump()


def test_health_is_surfsenses(sandbox: SandboxProcess) -> None:
    """The same path and field as the real service; besides, it says what it is."""
    body = loopback.get(f"{sandbox.url}/health").json()

    assert body == {"status": "ok", "simulated": True}
