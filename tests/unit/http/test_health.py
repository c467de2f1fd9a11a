"""GET /health: whether database and Redis answer, in bounded time."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from pydantic import SecretStr

from orchestrator.http import health
from orchestrator.http.health import Probe
from orchestrator.infra.redis_client import SOCKET_TIMEOUT_S
from orchestrator.settings import Settings, load
from tests.support.database import migrated_file
from tests.support.valkey import running_valkey

from .conftest import Api, OpenApi, close_connections


async def test_a_healthy_installation_answers_as_documented(api: Api) -> None:
    """The body is exactly the documented one."""
    answer = await api.client.get("/health")

    assert answer.status_code == 200
    assert answer.text == '{"status":"healthy","database":"connected","redis":"connected"}'


async def test_details_are_told_on_request(api: Api) -> None:
    """Every server with the time that it took, and the workers; the documented fields stay."""
    body = (await api.client.get("/health", params={"detail": "1"})).json()

    documented = {"status": "healthy", "database": "connected", "redis": "connected"}
    assert {name: body[name] for name in documented} == documented
    assert set(body["parts"]) == {"database", "redis", "redis_jobs", "redis_gateway"}
    for part in body["parts"].values():
        assert part["state"] == "connected"
        assert part["latency_ms"] >= 0
    assert body["workers"] == 0
    assert (await api.client.get("/health", params={"detail": "yes"})).status_code == 422
    plain = await api.client.get("/health", params={"detail": "0"})
    assert set(plain.json()) == set(documented)


async def test_details_need_a_key(settings: Settings, open_api: OpenApi) -> None:
    """Health itself, liveness and readiness need none."""
    key = "k" * 32
    keyed = settings.model_copy(update={"api_key": SecretStr(key)})
    async with open_api(keyed, "http://10.0.0.1") as api:
        get = api.client.get
        open_ones = [await get(path) for path in ("/health", "/health/live", "/health/ready")]
        refused = await get("/health", params={"detail": "1"})
        told = await get("/health", params={"detail": "1"}, headers={"X-API-Key": key})

    assert {answer.status_code for answer in open_ones} == {200}
    assert (refused.status_code, told.status_code) == (401, 200)


def replace_by_folder(database: Path) -> None:
    """Make the file *database* impossible to open."""
    database.unlink()
    database.mkdir()


async def healthy_again(api: Api) -> None:
    """Return when the installation is healthy."""
    async with asyncio.timeout(20):
        while (await api.client.get("/health")).status_code != 200:  # noqa: ASYNC110 - polls a server
            await asyncio.sleep(0.05)


async def test_a_database_that_is_away_is_told(api: Api, tmp_path: Path) -> None:
    """Without its database the installation is unhealthy, and asking for work is refused."""
    await close_connections(api)
    replace_by_folder(tmp_path / "emasai.sqlite")

    answer = await api.client.get("/health")
    lead = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}
    refused = await api.client.post("/api/v1/jobs", json={"kind": "pipeline", "leads": [lead]})

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unhealthy",
        "database": "disconnected",
        "redis": "connected",
    }
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert refused.json()["error"]["code"] == "database_unavailable"


async def test_redis_that_is_away_is_told_until_it_is_back(
    settings: Settings, open_api: OpenApi, tmp_path: Path
) -> None:
    """Without Redis every request is answered 503 with when to come back; then all is well."""
    wanted = {"kind": "enrich", "companies": ["Acme"], "max_cost_micros": 1}
    with running_valkey(tmp_path / "valkey") as server:
        moved = settings.model_copy(update={"redis_url": SecretStr(f"{server.url}/1")})
        async with open_api(moved) as api:
            server.child.end()

            sick = await api.client.get("/health")
            alive = await api.client.get("/health/live")
            unready = await api.client.get("/health/ready")
            told = await api.client.get("/health", params={"detail": "1"})
            refused = [
                await api.client.post("/api/v1/jobs", json=wanted),
                await api.client.get("/api/v1/jobs/" + "0" * 32),
            ]
            server.child.restart()
            await healthy_again(api)
            accepted = await api.client.post("/api/v1/jobs", json=wanted)

    assert sick.status_code == 503
    assert sick.json()["redis"] == "disconnected"
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert unready.status_code == told.status_code == 503
    assert unready.json() == {"status": "not_ready", "away": ["redis", "redis_jobs"]}
    assert told.json()["parts"]["redis_jobs"] == {"state": "disconnected", "latency_ms": None}
    assert (told.json()["parts"]["database"]["state"], told.json()["workers"]) == (
        "connected",
        None,
    )
    assert [answer.status_code for answer in refused] == [503, 503]
    assert all(answer.headers["retry-after"] == "5" for answer in refused)
    assert all(answer.json()["error"]["code"] == "redis_unavailable" for answer in refused)
    assert accepted.status_code == 202


async def test_a_server_that_hangs_is_asked_once_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Impatience gets an answer, and no pile of questions to a server that does not answer."""
    monkeypatch.setattr(health, "PATIENCE_S", 0.01)
    back, asked = asyncio.Event(), 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        await back.wait()

    probe = Probe("redis", ask)
    hanging = [await probe.look(), await probe.look()]
    back.set()
    recovered = [await probe.look(), await probe.look()]

    assert hanging == ["disconnected", "disconnected"]
    assert recovered == ["connected", "connected"]
    assert asked == 2


async def test_a_question_under_way_is_ended_with_the_application() -> None:
    """Closing does not wait for a server that hangs."""
    probe = Probe("redis", asyncio.Event().wait)
    looking = asyncio.create_task(probe.look())
    await asyncio.sleep(0)

    await probe.aclose()

    assert await looking == "disconnected"


#: A request may take as long as one command, and then as long as a busy machine needs.
PATIENCE_S = 5 * SOCKET_TIMEOUT_S
WANTED = {"kind": "enrich", "companies": [f"Company {n}" for n in range(30)]}


async def test_requests_are_refused_in_bounded_time(tmp_path: Path, open_api: OpenApi) -> None:
    """All with 503, before proxies and scrapers give up; retries do not multiply."""
    with running_valkey(tmp_path / "valkey") as server:
        settings = load(
            REDIS_URL=f"{server.url}/1",
            DATABASE_URL=migrated_file(tmp_path),
            SURFSENSE_URL="http://127.0.0.1:9",
        )
        async with open_api(settings) as api:
            assert (await api.client.post("/api/v1/jobs", json=WANTED)).status_code == 202
            os.kill(server.child.identity.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    answers = await asyncio.gather(
                        api.client.get("/api/v1/jobs"),
                        api.client.get("/metrics"),
                        api.client.get(f"/api/v1/jobs/{'a' * 32}"),
                        api.client.post("/api/v1/jobs", json={**WANTED, "tenant": "other"}),
                        api.client.post(
                            "/api/v1/jobs",
                            json={**WANTED, "max_cost_micros": 5},
                            headers={"idempotency-key": "once"},
                        ),
                        api.client.post(
                            "/api/v1/jobs",
                            content="company\nAcme\n",
                            headers={"content-type": "text/csv"},
                        ),
                    )
            finally:
                os.kill(server.child.identity.pid, signal.SIGCONT)
            assert [answer.status_code for answer in answers] == [503] * len(answers)
