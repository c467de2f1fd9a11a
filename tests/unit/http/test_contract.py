"""What every address does alike: methods, media types, compression, caching, and queries."""

import gzip
from typing import Any

import httpx
import pytest

from orchestrator.http.openapi import preferred

from .conftest import Api

JOBS = "/api/v1/jobs"
OFFERED = ("application/x-ndjson", "text/csv")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/x-ndjson"),
        ("*/*", "application/x-ndjson"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV ; charset=utf-8", "text/csv"),
        ("text/*;q=0.5, application/*;q=0.4", "text/csv"),
        ("text/csv;q=0, */*", "application/x-ndjson"),
        ("text/csv;q=0.000", None),
        ("*/*;q=0", None),
        ("*/*;q=0, text/csv", "text/csv"),
        ("image/png", None),
        ("no media type", None),
    ],
)
def test_the_most_specific_range_says_what_is_preferred(
    accept: str, media_type: str | None
) -> None:
    """Weights count, and a weight of 0 excludes (RFC 9110, 12.5.1)."""
    assert preferred(accept, OFFERED) == media_type


async def _job(api: Api) -> str:
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    url: str = (await api.client.post(JOBS, json=wanted)).json()["url"]
    return url


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (JOBS, "text/html"),
        ("/health", "text/plain"),
        ("/metrics", "application/json"),
        ("/docs", "application/json"),
        ("/openapi.json", "text/html"),
        ("/leads", "application/json;q=0"),
    ],
)
async def test_what_cannot_be_served_is_refused(api: Api, path: str, accept: str) -> None:
    """By every address, before anything is done."""
    answer = await api.client.get(path, headers={"Accept": accept})

    assert answer.status_code == 406
    assert answer.json()["code"] == "not_acceptable"


async def test_results_come_as_the_caller_prefers(api: Api) -> None:
    """A weight of 0 is no wish for CSV."""
    url = f"{await _job(api)}/results"

    types = {
        accept: (await api.client.get(url, headers={"Accept": accept})).headers["content-type"]
        for accept in ("text/csv", "text/csv;q=0, */*", "text/csv;q=0.1, application/x-ndjson")
    }

    assert list(types.values()) == [
        "text/csv; charset=utf-8",
        "application/x-ndjson",
        "application/x-ndjson",
    ]


@pytest.mark.parametrize(
    "path",
    ["/health", "/metrics", "/docs", "/openapi.json", JOBS, f"{JOBS}/failed", "/leads", "/nowhere"],
)
async def test_head_is_answered_as_get_without_a_body(api: Api, path: str) -> None:
    """With the same status and headers, wherever there is a GET."""
    head, get = await api.client.head(path), await api.client.get(path)

    assert head.status_code == get.status_code
    assert head.content == b""
    changing = {"x-request-id", "content-length"}  # the length of metrics changes
    assert set(head.headers.items()) - set(get.headers.items()) <= {
        each for each in head.headers.items() if each[0] in changing
    }


async def test_head_of_a_stream_ends_with_its_beginning(api: Api) -> None:
    """Results are not read for a body that is not sent."""
    head = await api.client.head(f"{await _job(api)}/results")

    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", JOBS, {"GET", "HEAD", "POST"}),
        ("OPTIONS", "/health", {"GET", "HEAD"}),
        ("TRACE", "/leads/1?what=1", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("HEAD", "/api/v1/orchestrator/enriquecer-lead", {"POST"}),
        ("GET", f"{JOBS}/requeue", {"POST"}),
    ],
)
async def test_an_unknown_method_is_told_the_known_ones(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    """Whatever else the request says."""
    answer = await api.client.request(method, path)

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_large_answers_are_compressed(api: Api) -> None:
    """For callers that take gzip; its absence and a weight of 0 mean that they do not."""

    async def raw(accepted: str) -> tuple[str | None, bytes]:
        headers = {"Accept-Encoding": accepted}
        async with api.client.stream("GET", "/openapi.json", headers=headers) as answer:
            content = b"".join([each async for each in answer.aiter_raw()])
        return answer.headers.get("content-encoding"), content

    encoding, packed = await raw("br, gzip;q=0.5")
    refused = await raw("gzip;q=0, identity")

    assert encoding == "gzip"
    assert refused == (None, gzip.decompress(packed))


async def test_a_record_with_a_version_is_never_compressed(api: Api) -> None:
    """Its `ETag` would have to be another one."""
    lead = {"empresa": "Acme", "contacto": "Ana", "correo": "a@acme.example", "notas": "x" * 9_000}
    created = await api.client.post("/leads", json=lead)

    answer = await api.client.get(
        created.headers["location"], headers={"Accept-Encoding": "gzip", "Accept": "*/*"}
    )

    assert "content-encoding" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"
    assert created.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "query",
    [
        {"results": "yes"},
        {"results": "1"},
        {"results": ""},
        {"limit": "5.0"},
        {"limit": " 5"},
        {"limit": "1_0"},
        {"offset": "0x1"},
        {"offset": ["0", "1"]},
        {"wat": "1"},
    ],
)
async def test_a_query_is_read_as_it_is_written(api: Api, query: dict[str, Any]) -> None:
    """Nothing that could be a number or a flag is made one, and nothing is left unread."""
    answer = await api.client.get(await _job(api), params=httpx.QueryParams(query))

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == [next(iter(query))]


@pytest.mark.parametrize(("path", "status"), [("/leads", 200), ("/leads/x", 422), ("/leadsx", 404)])
async def test_the_platforms_addresses_have_a_version_too(api: Api, path: str, status: int) -> None:
    """The documented names stay; new programs use the others."""
    plain, versioned = [await api.client.get(each) for each in (path, f"/api/v1{path}")]

    assert plain.status_code == versioned.status_code == status


async def test_a_path_with_two_names_is_one_request(api: Api) -> None:
    """An idempotency key holds for both."""
    lead = {"empresa": "Acme", "contacto": "Ana", "correo": "a@acme.example"}
    headers = {"Idempotency-Key": "k"}

    first = await api.client.post("/leads", json=lead, headers=headers)
    again = await api.client.post("/api/v1/leads", json=lead, headers=headers)

    assert again.json()["job_id"] == first.json()["job_id"]
    assert again.headers["idempotent-replayed"] == "true"
