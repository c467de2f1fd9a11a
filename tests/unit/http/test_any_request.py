"""Whatever is sent: never a 500, never a traceback, never a record that hurts others."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import structlog
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from orchestrator.embedded.stack import Valkey
from orchestrator.http import create_api
from orchestrator.settings import load
from tests.support.database import migrated_file
from tests.support.notifier import FakeNotifier

JOBS = "/api/v1/jobs"
LEAD_DOOR = "/api/v1/orchestrator/enriquecer-lead"
LEAD_ID = "b5a7c1de-8f0e-5d83-9a0c-3f6f6cf4a0b1"
EXAMPLES = 500


@dataclass(frozen=True)
class Sent:
    """A request, as bytes where the protocol has bytes."""

    method: str
    path: str
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True)
class Running:
    """An application on an event loop of its own."""

    app: FastAPI
    runner: asyncio.Runner

    def answer(self, sent: Sent) -> tuple[int, bytes]:
        """Return status and body."""
        return self.runner.run(self._answer(sent))

    async def _answer(self, sent: Sent) -> tuple[int, bytes]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": sent.method,
            "scheme": "http",
            "path": sent.path,
            "raw_path": quote(sent.path).encode(),
            "root_path": "",
            "query_string": sent.query,
            "headers": [(b"host", b"localhost"), *sent.headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        parts = [{"type": "http.request", "body": sent.body, "more_body": False}]
        messages: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401 - a message of any type
            return parts.pop() if parts else await asyncio.Event().wait()

        async def send(message: Any) -> None:  # noqa: ANN401 - as above
            messages.append(message)

        await self.app(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in messages)
        return messages[0]["status"], content


@pytest.fixture(scope="module")
def running(shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run one application for all examples, so that what one leaves behind may hurt the next."""
    variables = {
        "REDIS_URL": f"{shared_valkey.url}/1",
        "DATABASE_URL": migrated_file(tmp_path_factory.mktemp("any")),
        "SURFSENSE_URL": "http://127.0.0.1:9",
    }
    app = create_api(load(**variables), notifier=FakeNotifier())
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield Running(app, runner)
        runner.run(lifespan.__aexit__(None, None, None))


texts = st.text(max_size=30) | st.sampled_from(
    [
        "",
        "Acme",
        "\0",
        "\x1b[2J",
        "\ud800",
        "a\0b\0ES",
        "=1+1",
        "9" * 400,
        "x" * 1_100,
        "NaN",
        "null",
    ]
)
numbers = (
    st.integers() | st.floats() | st.sampled_from([0, -1, 2**63, 10**40, 10**15 + 1, 1e308, 0.1])
)
instants = st.sampled_from(
    [
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2999-01-01T00:00:00Z"),
        *("2026-12-30T10:00", "60", "2026-12-30T10:00:00.1234567891Z", "1969-01-01T00:00:00Z"),
    ]
)
scalars = texts | numbers | instants | st.booleans() | st.none()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)
companies = st.lists(
    scalars | st.fixed_dictionaries({}, optional={"company": scalars, "pais": anything}), max_size=4
)
lead = {
    **dict.fromkeys(("company", "empresa", "contact", "contacto", "email", "website"), scalars),
    **dict.fromkeys(("country", "phone", "notes", "source", "lead_id"), scalars),
}
limits = {
    "tenant": scalars,
    "max_cost_micros": scalars,
    "max_cost_usd": scalars,
    "deadline": instants | scalars,
}
bodies = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["enrich", "pipeline", "refresh", 1]),
        "companies": companies | anything,
        "leads": st.lists(st.fixed_dictionaries({}, optional=lead), max_size=3) | anything,
        "lead_ids": st.lists(scalars, max_size=3),
        "filter": st.fixed_dictionaries(
            {}, optional={"source": scalars, "country": scalars, "imported_since": instants}
        )
        | anything,
        "codes": st.lists(scalars, max_size=60),
        "since": instants | scalars,
        "dry_run": scalars,
        "lane": scalars,
        **lead,
        **limits,
    },
)
names_of_companies = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40).map(
    lambda text: f"A{text}"
)
valid = st.fixed_dictionaries(
    {"kind": st.just("enrich"), "companies": st.lists(names_of_companies, min_size=1, max_size=3)},
    optional={
        "tenant": st.sampled_from(["acme", "a.b-c_d", "x" * 64]),
        "max_cost_micros": st.integers(0, 10**15),
        "deadline": st.datetimes().map(lambda instant: f"2027-01-01T{instant:%H:%M:%S.%f}Z"),
    },
)
json_bodies = (valid | bodies | anything).map(lambda body: json.dumps(body).encode())
lines = st.lists(texts, max_size=6).map(lambda cells: ",".join(cells).encode("utf-8", "replace"))
uploads = st.lists(lines | st.just(b'"'), max_size=6).map(
    lambda rows: b"\n".join([b"company,country,website", *rows])
)
raw = st.binary(max_size=60) | st.sampled_from(
    [
        b"{",
        b"[" * 5_000,
        b'{"a":' * 2_000,
        b"9" * 5_000,
        b'{"kind": NaN}',
        b"\xff\xfe",
        b'"\\ud800"',
    ]
)
names = st.sampled_from(
    [
        *("tenant", "max_cost_micros", "max_cost_usd", "deadline", "wait_s", "limit", "offset"),
        *("cursor", "state", "lane", "code", "since", "results", "evidence"),
    ]
)
queries = st.lists(
    st.tuples(names | st.text(max_size=5), scalars.map(str).filter(lambda text: text != "60")),
    max_size=3,
).map(lambda pairs: urlencode(pairs, errors="replace").encode())
content_types = st.sampled_from(
    [
        *(b"application/json", b"text/csv", b"application/x-ndjson", b"text/plain"),
        *(b"application/json; charset=utf-16", b"", b"a/b/c"),
    ]
)
header_texts = st.text(st.characters(max_codepoint=255), max_size=20).map(
    lambda text: text.encode("latin-1")
)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(b"accept", b"idempotency-key", b"x-request-id", b"origin", b"sec-fetch-site"),
                *(b"authorization", b"host", b"content-length", b"content-encoding", b"expect"),
            ]
        ),
        header_texts | st.sampled_from([b"text/csv", b"k", b"localhost", b"gzip", b"9" * 50]),
    ),
    max_size=2,
)
ids = st.sampled_from(["0" * 32, "failed", "..", "%00", "\0", "\u00e9", ""]) | st.text(max_size=8)
paths = st.sampled_from(
    [
        *(JOBS, LEAD_DOOR, f"{JOBS}/failed", f"{JOBS}/requeue", "/health", "/metrics", "/docs"),
        *("/openapi.json", "/", f"{JOBS}/", "/leads", "/oportunidades", "/leads/x"),
        *("/api/v1/identity", "/api/v1/costs", "/api/v1/budget", "/api/v1/watches"),
    ]
) | st.builds(
    "{}/{}{}".format,
    st.just(JOBS),
    ids,
    st.sampled_from(["", "/results", "/failed", "/requeue", "/pause", "/resume", "/cancel"]),
)
doors = st.sampled_from(
    [
        *("/leads", "/leads/import", "/oportunidades", "/dashboard/metrics", "/health/ready"),
        *("/api/v1/identity", "/api/v1/identity/decisions", "/api/v1/costs", "/api/v1/budget"),
        *(f"/api/v1/identity/{kind}" for kind in ("merge", "split", "alias", "undo")),
        *(f"/api/v1/watches{what}" for what in ("", "/pause", "/resume", "/remove")),
        f"/oportunidades/{LEAD_ID}/historial",
        *(f"/leads/{LEAD_ID}{what}" for what in ("", "/decisions", "/evidence", "/purchases")),
    ]
)
door_bodies = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "company", "into", "spelling", "by", "why", "number"), scalars),
        **dict.fromkeys(("names", "is_domain", "both_have_history", "every_s"), anything),
        **dict.fromkeys(("open_opportunities", "tenant", "estado", "por", "motivo"), scalars),
        **lead,
    },
).map(lambda body: json.dumps(body).encode())
door_queries = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("by", "since", "limit", "job", "after", "antes_de", "name", "website", "country"),
                *(
                    "detail",
                    "company",
                    "contact",
                    "encoding",
                    "estado",
                    "desde",
                    "correo",
                    "tenant",
                ),
            ]
        ),
        scalars.map(str),
    ),
    max_size=3,
).map(lambda pairs: urlencode(pairs, errors="replace").encode())
others_of_platform = st.builds(
    lambda method, path, query, kind, body: Sent(
        method, path, query, [(b"content-type", kind)], body
    ),
    st.sampled_from(["GET", "POST", "POST", "PATCH", "DELETE"]),
    doors,
    st.just(b"") | door_queries,
    st.sampled_from([b"application/json", b"text/csv", b"application/octet-stream"]),
    door_bodies | json_bodies | uploads | raw,
)
works = st.builds(
    lambda path, query, body, more: Sent(
        "POST", path, query, [(b"content-type", b"application/json"), *more], body
    ),
    st.sampled_from(
        [
            *(JOBS, LEAD_DOOR, f"{JOBS}/requeue", f"{JOBS}/{'0' * 32}/requeue"),
            *("/leads", "/oportunidades", "/api/v1/watches", "/api/v1/identity/alias"),
        ]
    ),
    st.just(b"") | queries,
    json_bodies,
    st.just([]) | headers,
)
upload_requests = st.builds(
    lambda kind, path, query, body, more: Sent(
        "POST", path, query, [(b"content-type", kind), *more], body
    ),
    st.sampled_from([b"text/csv", b"application/x-ndjson"]),
    st.sampled_from([JOBS, "/leads/import"]),
    st.just(b"") | queries,
    uploads | lines | json_bodies | raw,
    st.just([]) | headers,
)
others = st.builds(
    lambda method, path, query, kind, more, body: Sent(
        method, path, query, [(b"content-type", kind), *more], body
    ),
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get"]),
    paths,
    queries | st.binary(max_size=20),
    content_types,
    headers,
    json_bodies | raw,
)


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(sent=works | upload_requests | others_of_platform | others)
def test_no_request_is_an_error_of_ours(running: Running, sent: Sent) -> None:
    """Each is answered as the caller's, and the list of jobs continues for all callers."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        status, content = running.answer(sent)
        listed, jobs = running.answer(Sent("GET", JOBS))

    assert status < 500, (status, content)
    assert not [line for line in logged if line["log_level"] in {"error", "critical"}]
    assert listed == 200
    assert json.loads(jobs)["unreadable"] == []
