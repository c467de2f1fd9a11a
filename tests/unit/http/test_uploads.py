"""POST /api/v1/jobs with a list of companies as CSV or NDJSON, and the results streamed back."""

import csv
import re
from collections.abc import AsyncIterator
from io import StringIO

import orjson
import pytest

from orchestrator.http.errors import Refused
from orchestrator.http.limits import CSV, NDJSON
from orchestrator.http.reading import MAX_RECORD, mentions_in
from orchestrator.http.requests import UPLOADS
from orchestrator.identity import Mention
from orchestrator.jobs import Report

from .conftest import Api


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield *body* some bytes at a time."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: str | bytes, media_type: str, size: int = 1 << 16) -> list[str]:
    """Return the mentions of an upload that arrives *size* bytes at a time."""
    raw = body.encode() if isinstance(body, str) else body
    return [name async for names in mentions_in(cut(raw, size), media_type) for name in names]


QUOTED = (
    '\ufeffEmpresa;"País"\r\n"Telefónica, S.A.";ES\r\n\r\n"Dos\nlíneas; ""S.L.""";ES\r\n;MX\r\nZara'
)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1 << 16])
async def test_a_csv_is_read_however_it_is_cut(size: int) -> None:
    """Quotes, line breaks in cells, marks and blank cells survive any border of two reads."""
    mentions = [Mention.of(text) for text in await read(QUOTED, CSV, size)]

    assert mentions == [
        Mention("Telefónica, S.A.", country="ES"),
        Mention('Dos\nlíneas; "S.L."', country="ES"),
        Mention(""),
        Mention("Zara"),
    ]


async def test_columns_that_tell_companies_apart_are_read() -> None:
    """A website, or an e-mail's domain, and a country however it is written."""
    body = "empresa,web,correo,pais\nAcme,acme.es,ana@gmail.com,España\nAcme,,ana@globex.de,?\n"

    mentions = [Mention.of(text) for text in await read(body, CSV)]

    assert mentions == [Mention("Acme", "acme.es", "ES"), Mention("Acme", "globex.de")]


async def test_objects_may_say_more_than_a_name() -> None:
    """In either language; what is no text is refused."""
    body = '{"company": "Acme", "website": "acme.es"}\n{"empresa": "Acme", "pais": "México"}\n'

    mentions = [Mention.of(text) for text in await read(body, NDJSON)]

    assert mentions == [Mention("Acme", "acme.es"), Mention("Acme", country="MX")]


@pytest.mark.parametrize("size", [1, 3, 1 << 16])
async def test_ndjson_is_read_however_it_is_cut(size: int) -> None:
    """A company a line, as a text or in an object of either language."""
    body = '"Acme"\n\n{"company": "Telefónica"}\r\n{"empresa": " "}\n"Zara"'

    assert await read(body, NDJSON, size) == ["Acme", "Telefónica", " ", "Zara"]


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        ("", CSV, "has no rows"),
        ("company\n", CSV, "has no rows"),
        ("person,city\nAna,Madrid\n", CSV, "no column for the company"),
        ("company\nAcme, S.A.\n", CSV, "Line 2 .* has 2 cells, but the header names 1 column"),
        ('company\nAcme\n"open' + "x" * MAX_RECORD, CSV, "Row 2 .* close its quote"),
        (b"company\nTelef\xf3nica\n", CSV, "not text in UTF-8"),
        ("\n", NDJSON, "has no rows"),
        ('"Acme"\n"Zara\n', NDJSON, "Line 2 .* is not JSON"),
        ('"Acme"\n{"company": 7}\n', NDJSON, "Line 2 .* must be a text or an object"),
        ('{"company": "Acme", "website": 7}\n', NDJSON, "Line 1 .* that are texts"),
    ],
)
@pytest.mark.parametrize("size", [100, 1 << 16])
async def test_what_cannot_be_read_is_refused_with_its_place(
    body: str | bytes, media_type: str, message: str, size: int
) -> None:
    """The sentence says where, and what to do."""
    with pytest.raises(Refused) as refused:
        await read(body, media_type, size)

    assert re.search(message, refused.value.refusal.message)


@pytest.mark.parametrize("media_type", [CSV, NDJSON])
async def test_the_documented_uploads_are_accepted(api: Api, media_type: str) -> None:
    """Each example is a job, announced, for whom and for how much the address says."""
    answer = await api.client.post(
        "/api/v1/jobs?tenant=acme&max_cost_micros=9",
        content=UPLOADS[media_type].encode(),
        headers={"content-type": f"{media_type}; charset=utf-8"},
    )

    job = await api.runtime.jobs.records.job(answer.json()["job_id"])
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["url"]
    assert job is not None
    assert (job.total, job.tenant, job.max_cost_micros) == (2, "acme", 9)
    assert api.notifier.notified == [job.lane]


async def test_a_refused_upload_leaves_nothing(api: Api) -> None:
    """A fault in the last line refuses all lines."""
    body = b'"Acme"\n' * 12_000 + b"oops"

    answer = await api.client.post("/api/v1/jobs", content=body, headers={"content-type": NDJSON})

    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == (
        "Line 12001 of the upload is not JSON; correct it."
    )
    assert await api.runtime.backends.jobs_redis.keys("jobs1:*") == []


async def test_results_are_streamed_in_order(api: Api) -> None:
    """NDJSON has a numbered result a line, CSV a row each, from any offset."""
    companies = ["S.A.", "Acme", " ", "s. a."]
    posted = await api.client.post(
        "/api/v1/jobs",
        content="\n".join(orjson.dumps(name).decode() for name in companies).encode(),
        headers={"content-type": NDJSON},
    )
    url = f"{posted.json()['url']}/results"

    lines = (await api.client.get(url)).text.splitlines()
    table = await api.client.get(f"{url}?offset=1", headers={"accept": CSV})

    results = [orjson.loads(line) for line in lines]
    assert [each["number"] for each in results] == [0, 2, 3]
    assert [each["result"]["company"] for each in results] == ["S.A.", " ", "s. a."]
    assert {"status", "evidence", "candidates", "purchase_id"} <= set(results[0]["result"])
    rows = list(csv.DictReader(StringIO(table.text)))
    assert [(row["number"], row["status"]) for row in rows] == [
        ("2", "invalid"),
        ("3", "ambiguous"),
    ]
    assert rows[0]["reason"]


async def test_results_as_csv_have_no_formula(api: Api) -> None:
    """Neither at the beginning of a cell nor behind a delimiter of another country."""
    posted = await api.client.post("/api/v1/jobs", json={"kind": "enrich", "companies": ["Acme"]})
    said = {"status": "failed", "company": "=HYPERLINK(1)", "reason": {"en": "Acme;=cmd"}}
    await api.runtime.jobs.records.report(posted.json()["job_id"], 0, Report(said, failure="x"))

    table = await api.client.get(f"{posted.json()['url']}/results", headers={"accept": CSV})

    (row,) = csv.DictReader(StringIO(table.text))
    assert (row["company"], row["reason"]) == ("'=HYPERLINK(1)", "Acme;'=cmd")


async def test_results_of_no_job_are_not_found(api: Api) -> None:
    """As for its status."""
    answer = await api.client.get(f"/api/v1/jobs/{'0' * 32}/results")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_job"
