"""`POST /leads/import`: files in any form, their faults by row, and what the request becomes."""

import asyncio
import gzip
import io
import zipfile
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from orchestrator.cache import Kind, key_of
from orchestrator.http import bodies, reading
from orchestrator.leadfile import Limits
from orchestrator.settings import Settings
from tests.support.workbooks import workbook

from .conftest import Api, OpenApi

URL = "/leads/import"
HEADER = ("Empresa", "Contacto", "Correo", "País")
ROWS = (
    ("Ferretería Ñandú, S.L.", "Ana Ruiz", "ana@nandu.example", "España"),
    ("Talleres Arriaga", "Jon Arana", "jon@arriaga.example", "ES"),
)
CSV = "\n".join(";".join(row) for row in (HEADER, *ROWS))
OBJECTS = [dict(zip(HEADER, row, strict=True)) for row in ROWS]


def zipped(content: bytes) -> bytes:
    """Return an archive of one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("leads.csv", content)
    return packed.getvalue()


async def sent(
    api: Api,
    content: bytes | str,
    media_type: str = "application/octet-stream",
    **more: Any,  # noqa: ANN401 - as httpx types it
) -> httpx.Response:
    """Return the answer to a file."""
    headers = {"content-type": media_type, **more.pop("headers", {})}
    return await api.client.post(URL, content=content, headers=headers, **more)


async def leads_of(api: Api) -> list[dict[str, Any]]:
    """Return all stored leads."""
    listed: list[dict[str, Any]] = (await api.client.get("/leads")).json()["leads"]
    return listed


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (CSV.encode(), "text/csv"),
        (CSV.encode("cp1252"), "text/csv"),
        (CSV.encode("utf-16"), "text/csv"),
        (CSV.replace(";", "\t").encode(), "text/tab-separated-values"),
        (b"\n".join(map(orjson.dumps, OBJECTS)), "application/x-ndjson"),
        (orjson.dumps(OBJECTS), "application/json"),
        (gzip.compress(CSV.encode(), mtime=0), "application/gzip"),
        (zipped(CSV.encode()), "application/zip"),
        (workbook(Leads=[HEADER, *ROWS]), "application/octet-stream"),
    ],
    ids=["utf-8", "cp1252", "utf-16", "tabs", "ndjson", "json", "gzip", "zip", "workbook"],
)
async def test_a_file_is_read_whatever_it_is(api: Api, content: bytes, media_type: str) -> None:
    """The same two leads, stored and one job, in any form and encoding."""
    answer = await sent(api, content, media_type)

    body = answer.json()
    assert answer.status_code == 202
    counts = [body[name] for name in ("rows", "leads", "stored", "repeated", "faulty")]
    assert counts == [2, 2, 2, 0, 0]
    assert body["columns"]["company"] == ["Empresa"]
    assert (body["faults"], body["existing"], body["total"]) == ([], False, 2)
    assert answer.headers["location"] == body["url"]
    job = (await api.client.get(body["url"])).json()
    assert (job["kind"], job["total"]) == ("pipeline", 2)
    assert {each["empresa"] for each in await leads_of(api)} == {row[0] for row in ROWS}


async def test_faults_are_told_by_row(api: Api) -> None:
    """Unusable rows are left out and named, unusable values too; the others are accepted."""
    rows = [
        "company,contact,email,country",
        "Acme,Ana,ana@acme.example,Narnia",
        "Beta,,b@beta.example,ES",
        "Gamma,Eva,no address,ES",
        "ACME,Ana,ANA@acme.example,ES",
    ]

    body = (await sent(api, "\n".join(rows), "text/csv")).json()

    assert [body[name] for name in ("rows", "leads", "repeated", "faulty")] == [4, 1, 1, 2]
    faults = [(fault["row"], fault["field"], fault["is_error"]) for fault in body["faults"]]
    assert faults == [(2, "country", False), (3, "contact", True), (4, "email", True)]
    assert body["fault_count"] == 3
    assert body["faults"][1]["message"] == "is missing; fill it in or delete the row."


async def test_a_corrected_file_updates_the_lead_and_says_what_is_in_doubt(api: Api) -> None:
    """The address that was missing is filled in; with another address the person is in doubt."""
    header = "company,contact,email\n"
    first = (await sent(api, f"{header}Acme,Ana Ruiz,", "text/csv")).json()

    rows = "Acme,Ana Ruiz,ana@acme.example\nZara,Eva Gil,eva@zara.example\n"
    second = (await sent(api, header + rows, "text/csv")).json()
    third = (await sent(api, f"{header}Acme,Ana Ruiz,aruiz@acme.example", "text/csv")).json()

    counts = [[each[n] for n in ("stored", "updated", "unchanged")] for each in (first, second)]
    assert counts == [[1, 0, 0], [1, 1, 0]]
    assert (third["stored"], third["fault_count"]) == (1, 1)
    fault = third["faults"][0]
    assert (fault["row"], fault["field"], fault["is_error"]) == (2, "contact", False)
    assert fault["message"].startswith("'Ana Ruiz' may be a person who is stored already")


async def test_only_the_first_faults_are_listed(api: Api) -> None:
    """They have one cause; their number says that there are more."""
    rows = ["company,contact,email", "Acme,Ana,ana@acme.example", *["Beta,,b@beta.example"] * 150]

    body = (await sent(api, "\n".join(rows), "text/csv")).json()

    assert (len(body["faults"]), body["fault_count"], body["faulty"]) == (100, 150, 150)


async def test_columns_and_encoding_may_be_named(api: Api) -> None:
    """As by `--column` and `--encoding`, several columns for one field in their order."""
    content = "A;B;C;D\n;Ñandú;Ana;ana@nandu.example\n".encode("mac_roman")
    named = {"company": ["A", "B"], "contact": "C", "email": "#4", "encoding": "mac_roman"}

    unnamed = await sent(api, "A;B\n1;2\n3;4\n")
    answer = await sent(api, content, params=named)
    unknown = await sent(api, content, params=named | {"contact": "E"})

    assert unnamed.status_code == unknown.status_code == 422
    assert "or say which it is: the parameter company=" in unnamed.text
    assert "The file has no column 'E'" in unknown.text
    assert answer.json()["columns"]["company"] == ["A", "B"]
    (lead,) = await leads_of(api)
    assert lead["empresa"] == "Ñandú"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unreadable_file"),
        (b"company,contact,email\n", "unreadable_file"),
        (b"%PDF-1.4", "unreadable_file"),
        (b"PK\x03\x04 not whole", "unreadable_file"),
        (gzip.compress(CSV.encode(), mtime=0)[:-9], "unreadable_file"),
        (b"\x1f\x8b not packed", "unreadable_file"),
        (b"[1, 2]", "unreadable_file"),
        (b'{"company": 1}\n{', "unreadable_file"),
        (b"company,contact,email\nAcme,,ana@acme.example\n", "no_usable_row"),
    ],
    ids=["empty", "no rows", "pdf", "no zip", "cut", "no gzip", "no objects", "no JSON", "faulty"],
)
async def test_a_file_without_leads_is_refused(api: Api, content: bytes, code: str) -> None:
    """In one sentence; nothing is stored, and there is no job."""
    answer = await sent(api, content)

    assert (answer.status_code, code in answer.text) == (422, True)
    assert await leads_of(api) == []
    assert (await api.client.get("/api/v1/jobs")).json()["jobs"] == []


async def test_what_declares_no_file_is_refused(api: Api) -> None:
    """As by every door: a web page cannot send it, and parameters must be known."""
    plain = await sent(api, CSV, "text/plain")
    misspelt = await sent(api, CSV, "text/csv", params={"companies": "A"})
    empty = await sent(api, CSV, "text/csv", params={"company": " "})

    assert (plain.status_code, misspelt.status_code, empty.status_code) == (415, 422, 422)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CSV, "more than 1 rows"),
        ("company,contact,email\n" + "\n" * 9, "more than 5 lines"),
        ('company,contact,email\n"' + "\n" * 9, "more than 5 lines"),
        ('[{"company": "Acme"}, {}]', "more than 1 rows"),
        ('{"company": "Acme"}\n{}\n', "more than 1 rows"),
        ('{"company": "Acme"}\n' + "\n" * 9, "more than 5 lines"),
    ],
    ids=["rows", "blank lines", "open quote", "array", "objects", "blank lines of JSON"],
)
async def test_a_file_that_is_too_long_is_refused(
    api: Api, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    """Its rows and lines are counted before any of them is stored."""
    monkeypatch.setattr(reading, "LIMITS", Limits(rows=1, lines=5))

    answer = await sent(api, content, "text/csv")

    assert (answer.status_code, said in answer.text) == (413, True)
    assert await leads_of(api) == []


async def test_cached_leads_are_dropped_and_nothing_else(api: Api) -> None:
    """As documented: `lead:*`, also those that another service has stored."""
    redis = api.runtime.backends.gateway_redis
    kept = key_of(Kind.OPORTUNIDAD, "x")
    for key in (key_of(Kind.LEAD, "x"), kept):
        await redis.set(key, b"{}", ex=60)

    await sent(api, CSV, "text/csv")

    assert await redis.exists(key_of(Kind.LEAD, "x")) == 0
    assert await redis.exists(kept) == 1


async def test_a_repeated_file_stores_nothing_twice(api: Api) -> None:
    """Without a key it finds the unfinished job; with one it is answered as the first."""
    key = {"Idempotency-Key": "k"}
    first = await sent(api, CSV, "text/csv", headers=key)
    replayed = await sent(api, CSV, "text/csv", headers=key)
    again = (await sent(api, CSV, "text/csv")).json()
    other = await sent(api, f"{CSV}\n", "text/csv", headers=key)
    elsewhere = await sent(api, CSV, "text/csv", headers=key, params={"notes": "País"})

    assert replayed.json() == first.json()
    assert replayed.headers["idempotent-replayed"] == "true"
    assert replayed.headers["location"] == first.headers["location"]
    assert (again["stored"], again["existing"]) == (0, True)
    assert again["job_id"] == first.json()["job_id"]
    assert (other.status_code, elsewhere.status_code) == (422, 422)


@pytest.mark.parametrize(
    ("rule", "phone", "contact"),
    [
        ({}, "+34 600 000 001", "Ana R."),
        ({"on_conflict": "fill"}, "+34 600 000 001", "Ana Ruiz"),
        ({"on_conflict": "keep"}, None, "Ana Ruiz"),
    ],
    ids=["replace", "fill", "keep"],
)
async def test_who_wins_over_a_stored_lead_may_be_said(
    api: Api, rule: dict[str, str], phone: str | None, contact: str
) -> None:
    """As by `--on-conflict`: the later file unless it is said otherwise."""
    await sent(api, "company,contact,email\nAcme,Ana Ruiz,ana@acme.example\n", "text/csv")
    later = "company,contact,email,phone\nAcme,Ana R.,ana@acme.example,+34 600 000 001\n"

    answer = await sent(api, later, "text/csv", params=rule)
    unknown = await sent(api, later, "text/csv", params={"on_conflict": "both"})

    (lead,) = await leads_of(api)
    assert (answer.status_code, unknown.status_code) == (202, 422)
    assert (lead["telefono"], lead["contacto"]) == (phone, contact)


async def test_one_file_is_read_at_a_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one waits for it, but not without end."""
    answers = await asyncio.gather(*(sent(api, CSV, "text/csv") for _ in range(3)))
    assert {answer.status_code for answer in answers} == {202}

    monkeypatch.setattr(bodies, "PATIENCE_S", 0.01)
    async with api.app.state.one_at_a_time["file"]:
        busy = await sent(api, CSV, "text/csv")

    assert (busy.status_code, busy.headers["retry-after"]) == (503, "60")
    assert (await sent(api, CSV, "text/csv")).status_code == 202


async def test_a_full_disk_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stored, and the caller is to come back."""

    def full() -> io.BytesIO:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)

    answer = await sent(api, CSV, "text/csv")

    assert answer.status_code == 503
    assert "There is no room" in answer.text


async def test_a_key_of_one_tenant_imports_nothing(settings: Settings, open_api: OpenApi) -> None:
    """Leads belong to the installation; a key that may only read is refused, too."""
    keys = SecretStr(f"read+work@acme={'b' * 16} read={'r' * 16}")
    with_keys = settings.model_copy(update={"further_api_keys": keys})

    async with open_api(with_keys) as opened:
        answers = [
            await sent(opened, CSV, "text/csv", headers={"X-API-Key": key})
            for key in ("b" * 16, "r" * 16, "")
        ]

    assert [answer.status_code for answer in answers] == [403, 403, 401]
