"""Which requests are let in, and where the API may listen."""

import json
import socket

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from orchestrator.http import serve
from orchestrator.http.security import is_loopback
from orchestrator.settings import ConfigurationError, Settings

from .conftest import Api, OpenApi

KEY = "clave-ñ-de-la-casa"
JOBS = "/api/v1/jobs"
WANTED = {"kind": "enrich", "companies": ["Acme"]}
ADDRESSES = ["/api/v1/jobs/" + "0" * 32, "/openapi.json", "/docs", "/nowhere"]


def with_key(settings: Settings, key: str | None) -> Settings:
    """Return *settings* with another key."""
    return settings.model_copy(update={"api_key": None if key is None else SecretStr(key)})


@pytest.fixture
def guarded(settings: Settings) -> Settings:
    """Return settings with a key."""
    return with_key(settings, KEY)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"X-API-Key": KEY[:-1]},
        {"Authorization": ""},
    ],
)
async def test_without_the_key_nothing_is_answered(
    guarded: Settings, open_api: OpenApi, path: str, headers: dict[str, str]
) -> None:
    """A stranger learns how to show the key, and nothing else."""
    async with open_api(guarded) as api:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await api.client.get(path, headers=sent)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorized"
    assert KEY not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {KEY}"},
        {"X-API-Key": KEY},
    ],
)
async def test_the_key_opens_the_door_from_anywhere(
    guarded: Settings, open_api: OpenApi, headers: dict[str, str]
) -> None:
    """The key is taken from either header, under any host name."""
    async with open_api(guarded, "http://api.example") as api:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await api.client.get("/openapi.json", headers=sent)

    assert answer.status_code == 200


async def test_the_key_is_checked_before_the_body(guarded: Settings, open_api: OpenApi) -> None:
    """A stranger's body is not even parsed."""
    async with open_api(guarded) as api:
        answer = await api.client.post(
            "/api/v1/jobs", content=b"{", headers={"Content-Type": "application/json"}
        )

    assert answer.status_code == 401


METRICS_KEY, READ_KEY, WORK_KEY, ACME_KEY = ("m" * 20, "r" * 20, "w" * 20, "a" * 20)
SCOPED = f"metrics={METRICS_KEY}, read={READ_KEY} work={WORK_KEY}\nread+work@acme={ACME_KEY}"


@pytest.fixture
def scoped(guarded: Settings) -> Settings:
    """Return settings with a key of each kind, and one for all."""
    return guarded.model_copy(update={"further_api_keys": SecretStr(SCOPED)})


#: What a request needs, by the scopes of the keys above.
NEEDS = {
    ("GET", "/health"): {"metrics", "read", "work", "none"},
    ("GET", "/openapi.json"): {"metrics", "read", "work"},
    ("GET", "/docs"): {"metrics", "read", "work"},
    ("GET", "/metrics"): {"metrics"},
    ("GET", JOBS): {"read"},
    ("GET", f"{JOBS}/failed"): {"read"},
    ("GET", f"{JOBS}/{'0' * 32}"): {"read"},
    ("POST", JOBS): {"work"},
    ("POST", f"{JOBS}/{'0' * 32}/cancel"): {"work"},
    ("POST", f"{JOBS}/requeue"): {"work"},
    ("POST", "/api/v1/orchestrator/enriquecer-lead"): {"work"},
}


async def test_a_key_opens_what_its_scopes_say(scoped: Settings, open_api: OpenApi) -> None:
    """A key for reading may not spend, and a key for metrics may not read."""
    keys = {"metrics": METRICS_KEY, "read": READ_KEY, "work": WORK_KEY, "none": "x" * 20}
    async with open_api(scoped) as api:
        for (method, path), scopes in NEEDS.items():
            for scope, key in keys.items():
                answer = await api.client.request(method, path, headers={"X-API-Key": key})
                refused = 401 if scope == "none" else 403
                assert (answer.status_code == refused) is (scope not in scopes), (path, scope)
            answer = await api.client.request(method, path, headers=[(b"x-api-key", KEY.encode())])
            assert answer.status_code not in {401, 403}, path


async def test_a_key_of_a_tenant_is_for_that_tenant(scoped: Settings, open_api: OpenApi) -> None:
    """Its holder names no other one, and sees nothing of theirs; a key of no tenant names any."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    acme, all_tenants = {"X-API-Key": ACME_KEY}, [(b"x-api-key", KEY.encode())]
    async with open_api(scoped) as api:
        post, get = api.client.post, api.client.get
        other = (await post(JOBS, json={**wanted, "tenant": "other"}, headers=all_tenants)).json()
        own = (await post(JOBS, json=wanted, headers=acme)).json()
        named = (await post(JOBS, json={**wanted, "tenant": "acme"}, headers=acme)).json()
        refused = [
            await post(JOBS, json={**wanted, "tenant": "other"}, headers=acme),
            await post(JOBS, json=wanted, params={"tenant": "other"}, headers=acme),
            await post(f"{JOBS}/requeue", json={"tenant": "other"}, headers=acme),
            await get(JOBS, params={"tenant": "other"}, headers=acme),
            await get(f"{JOBS}/failed", params={"tenant": "other"}, headers=acme),
        ]
        hidden = [
            await get(other["url"], headers=acme),
            await get(f"{other['url']}/results", headers=acme),
            await get(f"{other['url']}/failed", headers=acme),
            await post(f"{other['url']}/cancel", headers=acme),
            await post(f"{other['url']}/requeue", headers=acme),
        ]
        listed = (await get(JOBS, headers=acme)).json()["jobs"]
        all_jobs = (await get(JOBS, headers=all_tenants)).json()["jobs"]

    assert {answer.json()["error"]["code"] for answer in refused} == {"other_tenant"}
    assert {answer.status_code for answer in refused} == {403}
    assert {answer.status_code for answer in hidden} == {404}
    assert named["job_id"] == own["job_id"]
    assert [job["tenant"] for job in listed] == ["acme"]
    assert {job["tenant"] for job in all_jobs} == {"acme", "other"}


async def test_health_needs_no_key(guarded: Settings, open_api: OpenApi) -> None:
    """Monitoring may ask for the server's health."""
    async with open_api(guarded, "http://api.example") as api:
        answer = await api.client.get("/health")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "localhostevil"),
        *("[::1", "10.0.0.7", "evil.example:localhost", ""),
    ],
)
async def test_without_a_key_other_host_names_are_refused(api: Api, host: str) -> None:
    """A web page that reaches loopback under its own name cannot spend money."""
    answer = await api.client.get("/openapi.json", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "wrong_host"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8001", "127.0.0.1:8001", "[::1]:8001"])
async def test_without_a_key_this_machine_is_let_in(api: Api, host: str) -> None:
    """Programs on this machine need no key."""
    answer = await api.client.get("/openapi.json", headers={"Host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.7", "api.example"])  # noqa: S104 - it is refused
def test_listening_elsewhere_needs_a_key(settings: Settings, host: str) -> None:
    """Without a key the API does not start where other machines could ask."""
    with pytest.raises(ConfigurationError, match="EMASAI_API_KEY is not set"):
        serve(settings, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_has_many_names(host: str) -> None:
    """Every address of this machine to itself counts as loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
async def test_a_page_of_another_origin_changes_nothing(
    settings: Settings, open_api: OpenApi, headers: dict[str, str], key: str | None
) -> None:
    """Whatever a browser lets it send: with JSON, with none, and without a body."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    if key is not None:
        sent.append((b"x-api-key", key.encode()))
    body = json.dumps(WANTED).encode()
    async with open_api(with_key(settings, key)) as api:
        answers = [
            await api.client.post(JOBS, content=body, headers=[*sent, *more])
            for more in ([], [(b"content-type", b"application/json")])
        ]
        answers.append(await api.client.post(f"{JOBS}/{'0' * 32}/cancel", headers=sent))

        assert {answer.status_code for answer in answers} == {403}
        assert {answer.json()["error"]["code"] for answer in answers} == {"wrong_origin"}
        assert api.notifier.notified == []


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}],
)
async def test_the_own_origin_may_ask(api: Api, headers: dict[str, str]) -> None:
    """`/docs` tries requests out."""
    answer = await api.client.post(JOBS, json=WANTED, headers=headers)

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [
        *(None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"),
        *("text/json", "application/jsonp", "application", "application/xml+json; x", "text/csv"),
    ],
)
@pytest.mark.parametrize("path", [f"{JOBS}/requeue", f"{JOBS}/{'0' * 32}/cancel"])
async def test_a_body_says_that_it_is_json(api: Api, path: str, content_type: str | None) -> None:
    """Without a content type, or with another one, no body is read: a form cannot send JSON."""
    headers = [] if content_type is None else [(b"content-type", content_type.encode())]
    answer = await api.client.post(path, content=b'{"codes": ["poison"]}', headers=headers)

    is_json = content_type == "application/xml+json; x"
    assert (answer.status_code == 415) is not is_json
    assert is_json or answer.json()["error"]["code"] == "unsupported_media_type"


async def test_a_slash_too_many_leads_nowhere(api: Api) -> None:
    """A redirect would send key and body on in clear, to whatever host the request names."""
    for method, path in (("GET", f"{JOBS}/"), ("POST", f"{JOBS}/"), ("GET", "/health/")):
        answer = await api.client.request(method, path, headers={"Host": "localhost"})

        assert answer.status_code == 404
        assert "location" not in answer.headers


async def test_health_can_be_asked_for_by_head(api: Api) -> None:
    """Load balancers ask so."""
    answer = await api.client.head("/health")

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/health", JOBS, "/nowhere", "/openapi.json", "/docs"])
async def test_no_answer_is_kept_or_guessed_at(api: Api, path: str) -> None:
    """Answers hold personal data, and are what they say they are."""
    answer = await api.client.get(path)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_no_key_is_logged(scoped: Settings, open_api: OpenApi) -> None:
    """Neither one that opens nor one that does not."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with open_api(scoped) as api:
            for key in (METRICS_KEY, ACME_KEY, "a-wrong-key-from-outside"):
                headers = {"X-API-Key": key, "X-Request-ID": "r" * 20}
                await api.client.get(JOBS, headers=headers)

    assert lines
    assert not any(key in str(lines) for key in (METRICS_KEY, ACME_KEY, "a-wrong-key"))
    assert METRICS_KEY not in repr(scoped)


def test_an_address_in_use_is_refused_in_one_sentence(settings: Settings) -> None:
    """A second API on the same port ends with what to change, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError, match=f"--port {port} cannot be listened on"):
            serve(settings, port=port)
