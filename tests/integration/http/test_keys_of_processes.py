"""Idempotency keys of two API processes, one of which is killed."""

import socket
from pathlib import Path

import httpx
from redis import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.jobs.stored import idempotency_key, idempotency_name
from orchestrator.settings import load
from tests.support.api_process import running_api
from tests.support.database import migrated_file
from tests.support.waiting import wait_until

JOBS = "/api/v1/jobs"
BODY = "company\nAcme\n"
#: A request whose last byte does not come.
BEGUN = (
    f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nIdempotency-Key: k2\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY[:-1]}"
).encode()


def _upload(client: httpx.Client, key: str) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Content-Type": "text/csv"}
    return client.post(JOBS, content=BODY, headers=headers)


def test_a_key_holds_for_all_processes_and_outlives_none(valkey: Valkey, tmp_path: Path) -> None:
    """A key in flight is so everywhere, until the process dies that answers its request."""
    variables = {
        "REDIS_URL": f"{valkey.url}/1",
        "DATABASE_URL": migrated_file(tmp_path),
        "SURFSENSE_URL": "http://127.0.0.1:9",
    }
    with (
        Redis.from_url(load(**variables).redis_jobs_url) as store,
        running_api(variables, tmp_path / "one.log") as (mortal, one),
        running_api(variables, tmp_path / "other.log") as (_, other),
        socket.create_connection((one.base_url.host, one.base_url.port)) as begun,
    ):
        first, replayed = _upload(one, "k1"), _upload(other, "k1")
        begun.sendall(BEGUN)
        key = idempotency_key(idempotency_name("default", "k2"))
        wait_until(lambda: store.exists(key) == 1, description="the key is in flight")
        busy = _upload(other, "k2")

        mortal.kill()
        wait_until(lambda: _upload(other, "k2").status_code == 202, description="its key is free")

    assert replayed.json()["job_id"] == first.json()["job_id"]
    assert replayed.headers["idempotent-replayed"] == "true"
    assert busy.json()["code"] == "request_in_flight"
    assert busy.headers["retry-after"] == "1"
