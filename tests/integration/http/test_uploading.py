"""Big uploads to a real API process: as a whole, and cut short by `kill -9`."""

import socket
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from orchestrator.embedded.stack import Valkey
from tests.support.api_process import ApiProcess
from tests.support.waiting import wait_until

ROWS = 60_000


@pytest.fixture
def jobs(valkey: Valkey) -> Iterator[Redis]:
    """Return a client of the jobs' database."""
    with Redis.from_url(f"{valkey.url}/3") as client:
        yield client


def block(first: int, rows: int) -> bytes:
    """Return *rows* rows of 3,000 companies, one in a thousand of them blank."""
    names = (f"Company {n % 3_000} SL" if n % 1_000 else " " for n in range(first, first + rows))
    return "".join(f'"{name}","{"x" * 60}"\n' for name in names).encode()


def upload() -> Iterator[bytes]:
    """Yield far more than the buffers of the sockets between the two take."""
    yield b"company,notes\n"
    for first in range(0, ROWS, 1_000):
        yield block(first, 1_000)


def begun(client: httpx.Client, jobs: Redis) -> socket.socket:
    """Send an upload, and wait until some of it is stored."""
    address = client.base_url
    connection = socket.create_connection((address.host, address.port or 80))
    connection.sendall(
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    for body in (*upload(), b""):
        connection.sendall(b"%x\r\n%s\r\n" % (len(body), body))
    wait_until(lambda: bool(jobs.keys("jobs1:*:rows:1")), description="two segments are stored")
    return connection


def test_a_big_upload_is_one_job(api: tuple[ApiProcess, httpx.Client]) -> None:
    """Every row counts, companies are items once, and unusable rows are answered in their place."""
    _, client = api

    answer = client.post("/api/v1/jobs", content=upload(), headers={"content-type": "text/csv"})

    status = client.get(answer.json()["url"]).json()
    with client.stream("GET", f"{answer.json()['url']}/results") as stream:
        numbers = [int(line.split(":")[1].split(",")[0]) for line in stream.iter_lines()]
    assert answer.status_code == 202
    assert (status["total"], status["done"]) == (ROWS, ROWS // 1_000)
    assert numbers == list(range(0, ROWS, 1_000))


def test_kill_in_mid_upload_leaves_only_what_expires(
    api: tuple[ApiProcess, httpx.Client], jobs: Redis
) -> None:
    """`kill -9` of the process: nothing is half visible, and what was stored is gone in an hour."""
    child, client = api
    with begun(client, jobs):
        child.kill()
        wait_until(lambda: not child.is_alive, description="the API is dead")

    left = jobs.keys("jobs1:*")
    assert isinstance(left, list)
    assert left
    assert not jobs.exists("jobs1:active")
    assert all(0 < int(str(jobs.ttl(key))) <= 3600 for key in left)
