"""Who is let in, and where the API may listen."""

import pytest
from pydantic import SecretStr

from orchestrator.api import serve
from orchestrator.api.security import is_loopback
from orchestrator.settings import ConfigurationError, Settings

from .conftest import Door, OpenDoor

KEY = "clave-ñ-1"
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
    guarded: Settings, open_door: OpenDoor, path: str, headers: dict[str, str]
) -> None:
    """A stranger learns how to show the key, and nothing else."""
    async with open_door(guarded) as door:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await door.client.get(path, headers=sent)

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
    guarded: Settings, open_door: OpenDoor, headers: dict[str, str]
) -> None:
    """The key is taken from either header, under any host name."""
    async with open_door(guarded, "http://api.example") as door:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await door.client.get("/openapi.json", headers=sent)

    assert answer.status_code == 200


async def test_the_key_is_checked_before_the_body(guarded: Settings, open_door: OpenDoor) -> None:
    """A stranger's body is not even parsed."""
    async with open_door(guarded) as door:
        answer = await door.client.post(
            "/api/v1/jobs", content=b"{", headers={"Content-Type": "application/json"}
        )

    assert answer.status_code == 401


async def test_health_needs_no_key(guarded: Settings, open_door: OpenDoor) -> None:
    """Whoever watches the server may ask for its health."""
    async with open_door(guarded, "http://api.example") as door:
        answer = await door.client.get("/health")

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "10.0.0.7"])
async def test_without_a_key_other_host_names_are_refused(door: Door, host: str) -> None:
    """A web page that reaches loopback under its own name cannot spend money."""
    answer = await door.client.get("/openapi.json", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "wrong_host"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8001", "127.0.0.1:8001", "[::1]:8001"])
async def test_without_a_key_this_machine_is_let_in(door: Door, host: str) -> None:
    """Programs on this machine need no key."""
    answer = await door.client.get("/openapi.json", headers={"Host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize("key", [None, "", " "])
@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.7", "api.example"])  # noqa: S104 - it is refused
def test_listening_elsewhere_needs_a_key(settings: Settings, host: str, key: str | None) -> None:
    """Without a key the API does not start where other machines could ask; a blank one is none."""
    keyless = with_key(settings, key)

    with pytest.raises(ConfigurationError, match="EMASAI_API_KEY is not set"):
        serve(keyless, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_has_many_names(host: str) -> None:
    """Every address of this machine to itself counts as loopback."""
    assert is_loopback(host)
