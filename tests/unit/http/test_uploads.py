"""POST /api/v1/jobs with a list of companies as CSV or NDJSON, and the results streamed back."""

import csv
import gzip
from collections.abc import AsyncIterator
from io import StringIO

import httpx
import orjson
import pytest
from starlette.requests import ClientDisconnect

from orchestrator.http.bodies import CSV, NDJSON
from orchestrator.http.requests import UPLOADS
from orchestrator.identity import Mention
from orchestrator.jobs import Report
from tests.support.job_records import open_items
from tests.support.workbooks import workbook

from .conftest import Api

FILE = "application/octet-stream"
URL = "/api/v1/jobs"
TABLE = "Empresa;Web;Correo;País\nTelefónica, S.A.;;;España\nAcme;acme.es;ana@gmail.com;\n"
MENTIONS = [Mention("Telefónica, S.A.", country="ES"), Mention("Acme", "acme.es")]


async def sent(
    api: Api,
    content: bytes | str,
    media_type: str = CSV,
    params: dict[str, str] | None = None,
) -> httpx.Response:
    """Return the answer to an upload."""
    headers = {"content-type": media_type}
    return await api.client.post(URL, content=content, headers=headers, params=params)


async def mentions_of(api: Api, answer: httpx.Response) -> list[Mention]:
    """Return the companies of the job that an upload became."""
    assert answer.status_code == 202, answer.text
    items = await open_items(api.runtime.jobs.records, answer.json()["job_id"], 0)
    return [Mention.of(text) for _, text in items]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (TABLE.encode(), CSV),
        (TABLE.encode("cp1252"), CSV),
        (TABLE.encode("utf-16"), CSV),
        (gzip.compress(TABLE.encode(), mtime=0), "application/gzip"),
        (workbook(Companies=[row.split(";") for row in TABLE.splitlines()]), FILE),
        (
            '{"company": "Telefónica, S.A.", "pais": "ES"}\n{"company": "Acme", "web": "acme.es"}',
            NDJSON,
        ),
    ],
    ids=["utf-8", "cp1252", "utf-16", "gzip", "workbook", "ndjson"],
)
async def test_a_list_is_read_whatever_it_is(api: Api, content: bytes, media_type: str) -> None:
    """With the columns that tell companies apart, in any form and encoding."""
    assert await mentions_of(api, await sent(api, content, media_type)) == MENTIONS


async def test_a_line_of_ndjson_may_be_a_mere_name(api: Api) -> None:
    """Or an object; blank lines are no rows."""
    body = '"Acme"\n\n{"company": "Telefónica"}\r\n"Zara"'

    names = [each.name for each in await mentions_of(api, await sent(api, body, NDJSON))]

    assert names == ["Acme", "Telefónica", "Zara"]


async def test_columns_and_encoding_may_be_named(api: Api) -> None:
    """As for a file of leads."""
    body = "A;B\nÑandú;ES\n".encode("mac_roman")
    named = {"company": "A", "country": "B", "encoding": "mac_roman"}

    mentions = await mentions_of(api, await sent(api, body, params=named))
    unnamed = await sent(api, body)
    of_json = await sent(api, b'{"kind": "enrich", "companies": ["A"]}', "application/json", named)

    assert mentions == [Mention("Ñandú", country="ES")]
    assert (unnamed.status_code, of_json.status_code) == (422, 422)
    assert "company is for an uploaded file; remove it." in of_json.text
    assert "or say which it is: the parameter company=" in unnamed.text


async def test_rows_without_a_company_keep_their_place(api: Api) -> None:
    """They fail, each with the reason in the warnings, and buy nothing."""
    rows = [
        "company;country",
        "N/A;ES",
        "---;ES",
        "Acme; Norte;ES",
        "Acme;Narnia",
        "Zara;ES",
        "=1;ES",
    ]

    answer = await sent(api, "\n".join(rows))

    assert [each.name for each in await mentions_of(api, answer)] == ["Acme", "Zara"]
    lines = (await api.client.get(f"{answer.json()['url']}/results")).text.splitlines()
    failed = {each["number"]: each["result"]["company"] for each in map(orjson.loads, lines)}
    assert failed == {0: "", 1: "", 2: "", 5: "=1"}
    warned = [warning.split(": ")[0] for warning in answer.json()["warnings"]]
    assert warned == [
        "Row 2, company",
        "Row 3, company",
        "Row 4, all",
        "Row 5, country",
        "Row 7, company",
    ]


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        ("", CSV, "is empty"),
        ("company\n", CSV, "has a header but no rows"),
        ("person,city\nAna,Madrid\n", CSV, "has no company column"),
        ("company\nN/A\n", CSV, "None of the 1 rows has a usable company"),
        ("company\n" + "x" * 1_000_001, CSV, "more than 1,000,000 characters on line 2"),
        ("\n", NDJSON, "is empty"),
        ('"Acme"\n"Zara\n', NDJSON, "is not sound JSON on line 2"),
        ('"Acme"\n7\n', NDJSON, "no object in place 2"),
        ('"' + "x" * 1_000_001, NDJSON, "more than 1,000,000 characters on line 1"),
        ("[" * 1_000_000, NDJSON, "is not sound JSON"),
        (
            "\n".join(f'{{"company": "A", "k{n}": 1}}' for n in range(1_001)),
            NDJSON,
            "1,000 different",
        ),
    ],
    ids=lambda value: value[:20],
)
async def test_what_cannot_be_read_is_refused_with_its_place(
    api: Api, body: str, media_type: str, message: str
) -> None:
    """The sentence says where, and what to do."""
    answer = await sent(api, body, media_type)

    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]
    assert (await api.client.get(URL)).json()["jobs"] == []


async def test_an_upload_that_breaks_off_was_never_there(api: Api) -> None:
    """The client goes away in its middle: no job, and nothing of it is stored."""

    async def body() -> AsyncIterator[bytes]:
        yield TABLE.encode()
        raise ClientDisconnect

    answer = await api.client.post(URL, content=body(), headers={"content-type": CSV})

    assert (answer.status_code, answer.json()["code"]) == (400, "broken_off")
    assert await api.runtime.backends.jobs_redis.keys("jobs1:*") == []


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
        "The file is not sound JSON on line 12,001; "
        "write one object a line, or one array of objects."
    )
    assert await api.runtime.backends.jobs_redis.keys("jobs1:*") == []


async def test_results_are_streamed_in_order(api: Api) -> None:
    """NDJSON has a numbered result a line, CSV a row each, from any offset."""
    companies = ["S.A.", "Acme", "N/A", "s. a."]
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
    assert [each["result"]["company"] for each in results] == ["S.A.", "", "s. a."]
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
