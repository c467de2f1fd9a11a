"""Addresses of Redis: what both clients make of them, and what is refused at the start."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.url import parse_url as celerys_reading

from orchestrator.infra.redis_address import RedisAddress
from orchestrator.infra.redis_client import open_redis
from orchestrator.messaging import broker_settings, create_app
from orchestrator.settings import ConfigurationError, load

GOOD = {
    "REDIS_URL": "redis://localhost/1",
    "DATABASE_URL": "sqlite:///emasai.db",
    "SURFSENSE_URL": "https://surfsense.example",
}
SECRETS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)


def asked_by_us(url: str) -> dict[str, Any]:
    """Return what our client connects with."""
    return dict(open_redis(url).connection_pool.connection_kwargs)


def asked_by_celery(url: str) -> dict[str, Any]:
    """Return what Celery's client connects with."""
    connection: Any = create_app(load(**GOOD, CELERY_BROKER_URL=url)).connection_for_write()
    return {**connection.transport_options, **(connection.ssl or {})}


@given(user=SECRETS, password=SECRETS)
def test_any_user_and_password_reach_both_clients(user: str, password: str) -> None:
    """Percent-encoded as RFC 3986 has it, every character arrives as it is."""
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@h:7000/4"

    ours = asked_by_us(url)
    celerys = celerys_reading(broker_settings(url)["broker_url"])

    assert (ours["username"], ours["password"]) == (user, password)
    assert (celerys["userid"], celerys["password"]) == (user, password)
    assert celerys["virtual_host"] == "4"


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://h", 0),
        ("redis://h/", 0),
        ("redis://h/5", 5),
        ("redis://h?db=5", 5),
        ("redis://h/1?db=5", 5),
        ("unix:///run/redis.sock", 0),
        ("unix:///run/redis.sock?db=5", 5),
        ("sentinel://h/5?master_name=m", 5),
    ],
)
def test_a_database_is_named_by_path_or_option(url: str, database: int) -> None:
    """The option wins, as in redis-py; a socket's path is its own."""
    assert RedisAddress.parse(url).database == database


@pytest.mark.parametrize(
    ("url", "memo", "jobs", "broker", "gateway"),
    [
        (
            "redis://h?db=5&socket_timeout=5",
            "redis://h?db=5&socket_timeout=5",
            "redis://h/3?socket_timeout=5",
            "redis://h/2?socket_timeout=5",
            "redis://h/0?socket_timeout=5",
        ),
        (
            "unix:///run/r.sock",
            "unix:///run/r.sock?db=1",
            "unix:///run/r.sock?db=3",
            "unix:///run/r.sock?db=2",
            "unix:///run/r.sock?db=0",
        ),
    ],
)
def test_each_purpose_has_its_database_and_all_options(
    url: str, memo: str, jobs: str, broker: str, gateway: str
) -> None:
    """What REDIS_URL says about connections holds for all four databases of its server."""
    settings = load(**{**GOOD, "REDIS_URL": url})

    assert settings.redis_memo_url == memo
    assert settings.redis_jobs_url == jobs
    assert settings.broker_url == broker
    assert settings.redis_gateway_url == gateway


def test_options_reach_both_clients() -> None:
    """Timeouts and names apply to the client of jobs and to Celery's."""
    options = {"health_check_interval": 30, "socket_timeout": 7.0, "client_name": "me"}
    url = "redis://h/2?health_check_interval=30&socket_timeout=7&client_name=me"

    ours, celerys = asked_by_us(url), asked_by_celery(url)

    assert {name: ours[name] for name in options} == options
    assert {name: celerys[name] for name in options} == options


@pytest.mark.parametrize(
    ("options", "verified"), [("", "required"), ("?ssl_cert_reqs=none", "none")]
)
def test_the_broker_verifies_a_certificate_unless_it_is_told_not_to(
    options: str, verified: str
) -> None:
    """A rediss:// address means the same to both clients; Celery alone would not verify."""
    url = f"rediss://h/2{options}"

    assert asked_by_celery(url)["ssl_cert_reqs"] == verified
    assert asked_by_us(url).get("ssl_cert_reqs", "required") == verified


def test_a_ca_reaches_both_clients(tmp_path: Path) -> None:
    """One option names it for all."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    url = f"rediss://h/2?ssl_ca_certs={ca}"

    assert asked_by_celery(url)["ssl_ca_certs"] == str(ca)
    assert asked_by_us(url)["ssl_ca_certs"] == str(ca)


def test_a_socket_reaches_celery() -> None:
    """Its path, user and database, in the words that Celery's client has for them."""
    url = broker_settings("unix://me:p%40w@/run/redis%20.sock?db=2")["broker_url"]

    assert url == "redis+socket://me:p%40w@/run/redis%20.sock?virtual_host=2"


@pytest.mark.parametrize(
    "url",
    ["sentinel://:pw@a:1,b:2/2", "sentinel://:pw@a:1;sentinel://:pw@b:2/2"],
)
def test_sentinels_are_named_in_either_form(url: str) -> None:
    """With commas, or as Celery writes them; the master's name is an option of the address."""
    options = "master_name=prime&sentinel_password=watch"
    settings = load(**GOOD, CELERY_BROKER_URL=f"{url}?{options}")

    address = RedisAddress.parse(settings.broker_url)
    broker = broker_settings(settings.broker_url)

    assert address.hosts == (("a", 1), ("b", 2))
    assert (address.master, address.sentinel_login) == ("prime", {"password": "watch"})
    assert broker["broker_url"] == "sentinel://:pw@a:1/2;sentinel://:pw@b:2/2"
    assert broker["broker_transport_options"]["master_name"] == "prime"
    assert "watch" not in repr(address)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis://h/1?protocol=3", "an option that is not known ('protocol')"),
        ("redis://h/1?decode_responses=True", "'decode_responses'"),
        ("redis://h/1?socket_timeout=soon", "the option socket_timeout with a value"),
        ("redis://h/1?socket_timeout=-1", "the option socket_timeout with a value"),
        ("redis://h/1?socket_timeout=nan", "the option socket_timeout with a value"),
        ("redis://h/1?db=x", "a database that is not a number"),
        ("redis://h/one", "a database that is not a number"),
        ("redis://h/1?ssl_ca_certs=/x", "which only rediss:// takes"),
        ("rediss://h/1?ssl_ca_certs=/no/such.pem", "no such file"),
        ("rediss://h/1?ssl_cert_reqs=maybe", "the option ssl_cert_reqs with a value"),
        ("redis://a,b/1", "names several servers"),
        ("redis://h/1?master_name=m", "options of a Sentinel"),
        ("sentinel://h/1", "add ?master_name="),
        ("unix://run/redis.sock", "must have the path of a socket"),
        ("redis+socket:///run/redis.sock", "must start with"),
        ("memory://", "must start with"),
    ],
)
@pytest.mark.parametrize("variable", ["REDIS_URL", "CELERY_BROKER_URL", "GATEWAY_REDIS_URL"])
def test_what_is_not_supported_is_refused_at_the_start(
    variable: str, url: str, sentence: str
) -> None:
    """Worker and API read the same settings, so neither starts; one sentence says why."""
    with pytest.raises(ConfigurationError) as refused:
        load(**{**GOOD, variable: url})

    (problem,) = refused.value.problems
    assert problem.startswith(f"{variable}: ")
    assert sentence in problem
    assert "\n" not in problem


def test_rabbitmq_takes_its_address_as_it_is() -> None:
    """Its certificate is verified, and held against its name."""
    broker = broker_settings("amqps://me:pw@mq.example/emasai")

    assert broker["broker_url"] == "amqps://me:pw@mq.example/emasai"
    assert broker["broker_use_ssl"]["server_hostname"] is None  # Celery fills in the host's
    assert json.dumps(broker["broker_transport_options"])
