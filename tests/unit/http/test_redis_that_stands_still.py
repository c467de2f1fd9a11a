"""A Redis that takes connections and answers nothing: requests end in the time of one command."""

import asyncio
import os
import signal
from pathlib import Path

from orchestrator.infra.redis_client import SOCKET_TIMEOUT_S
from orchestrator.settings import load
from tests.support.database import migrated_file
from tests.support.valkey import running_valkey

from .conftest import OpenDoor

#: A request may take as long as one command, and then as long as a busy machine needs.
PATIENCE_S = 3 * SOCKET_TIMEOUT_S
WANTED = {"kind": "enrich", "companies": [f"Company {n}" for n in range(30)]}


async def test_requests_are_refused_in_bounded_time(tmp_path: Path, open_door: OpenDoor) -> None:
    """All with 503, before proxies and scrapers give up; retries do not multiply."""
    with running_valkey(tmp_path / "valkey") as server:
        settings = load(
            REDIS_URL=f"{server.url}/1",
            DATABASE_URL=migrated_file(tmp_path),
            SURFSENSE_URL="http://127.0.0.1:9",
        )
        async with open_door(settings) as door:
            assert (await door.client.post("/api/v1/jobs", json=WANTED)).status_code == 202
            os.kill(server.child.identity.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    answers = await asyncio.gather(
                        door.client.get("/api/v1/jobs"),
                        door.client.get("/metrics"),
                        door.client.get(f"/api/v1/jobs/{'a' * 32}"),
                        door.client.post("/api/v1/jobs", json={**WANTED, "tenant": "other"}),
                        door.client.post(
                            "/api/v1/jobs",
                            json={**WANTED, "max_cost_micros": 5},
                            headers={"idempotency-key": "once"},
                        ),
                        door.client.post(
                            "/api/v1/jobs",
                            content="company\nAcme\n",
                            headers={"content-type": "text/csv"},
                        ),
                    )
            finally:
                os.kill(server.child.identity.pid, signal.SIGCONT)
            assert [answer.status_code for answer in answers] == [503] * len(answers)
