"""Settings: read once, with all problems at once, and no secret shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.settings import (
    REMOVED,
    ConfigurationError,
    Settings,
    is_configured,
    load,
    load_command,
    load_redis,
    removed_settings,
)

PASSWORD = "hunter2-s3cr3t-and-more"
REQUIRED = {
    "REDIS_URL": f"redis://:{PASSWORD}@redis.example:6379",
    "DATABASE_URL": f"postgresql://emasai:{PASSWORD}@db.example/emasai",
    "SURFSENSE_URL": "https://surfsense.example",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return an environment with what is required, to be changed."""
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def _problems() -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert PASSWORD not in str(refused.value)
    assert PASSWORD not in repr(refused.value)
    return sorted(refused.value.problems)


def test_everything_else_has_a_documented_default(environment: pytest.MonkeyPatch) -> None:
    """Three variables are enough; the memo's TTL is two hours."""
    del environment

    settings = load()

    assert settings.redis_ttl == timedelta(hours=2)
    assert settings.surfsense_protocol == "enrich"
    assert settings.stale_for == timedelta(0)


def test_all_problems_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence for each, with its variable, so that all are corrected in one go."""
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    monkeypatch.setenv("REDIS_TTL", "PT2H")
    monkeypatch.setenv("EMASAI_EVIDENCE_DAYS", "0")
    monkeypatch.setenv("EMASAI_LEASE_S", "0.1")
    monkeypatch.setenv("EMASAI_LANGUAGE", "fr")
    monkeypatch.setenv("SURFSENSE_PROTOCOL", "workspace")

    problems = _problems()

    assert [problem.split()[0].rstrip(":") for problem in problems] == [
        "DATABASE_URL",
        "EMASAI_EVIDENCE_DAYS",
        "EMASAI_LANGUAGE",
        "EMASAI_LEASE_S",
        "REDIS_TTL",
        "REDIS_URL",
        "SURFSENSE_API_KEY",
        "SURFSENSE_URL",
    ]
    assert "REDIS_TTL: must be a number of seconds" in problems
    assert "REDIS_URL is not set" in problems


def test_the_report_reads_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Number first, then a line each."""
    monkeypatch.setenv("REDIS_URL", REQUIRED["REDIS_URL"])
    monkeypatch.setenv("DATABASE_URL", REQUIRED["DATABASE_URL"])

    with pytest.raises(ConfigurationError) as refused:
        load()

    assert str(refused.value) == "the configuration has 1 problem:\n  - SURFSENSE_URL is not set"


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL", "DATABASE_URL", "REDIS_TTL"])
@pytest.mark.parametrize(
    "value",
    [f"http://:{PASSWORD}@host", f"redis://:{PASSWORD}@[host", f"redis://:{PASSWORD}@ho\u2100st"],
    ids=["another scheme", "no URL", "no URL after normalization"],
)
def test_a_bad_value_is_never_quoted(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Not even what Python's own errors would quote, and wherever the value was put by mistake."""
    environment.setenv(name, value)

    (problem,) = _problems()

    assert problem.startswith(name)


def test_no_secret_is_shown(environment: pytest.MonkeyPatch) -> None:
    """Neither repr nor str nor a dump for people has a password or a key."""
    environment.setenv("SURFSENSE_API_KEY", PASSWORD)
    environment.setenv("EMASAI_API_KEY", PASSWORD)
    environment.setenv("GATEWAY_REDIS_URL", f"redis://:{PASSWORD}@gateway.example/0")

    settings = load()

    assert PASSWORD not in repr(settings)
    assert PASSWORD not in str(settings)
    assert PASSWORD not in str(settings.model_dump(mode="json"))


def test_an_empty_variable_counts_as_unset(environment: pytest.MonkeyPatch) -> None:
    """`REDIS_TTL=` in a compose file means the default; an empty URL is missing."""
    environment.setenv("REDIS_TTL", "")
    environment.setenv("CELERY_BROKER_URL", "")
    assert load().redis_ttl == timedelta(hours=2)
    environment.setenv("REDIS_URL", "")

    assert _problems() == ["REDIS_URL is not set"]


def test_seconds_may_have_fractions(environment: pytest.MonkeyPatch) -> None:
    """Durations are plain numbers of seconds."""
    environment.setenv("EMASAI_LEASE_S", "0.5")
    environment.setenv("REDIS_TTL", "60")

    settings = load()

    assert (settings.lease, settings.redis_ttl) == (
        timedelta(milliseconds=500),
        timedelta(minutes=1),
    )


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e300", "soon"])
def test_a_duration_must_be_a_duration(environment: pytest.MonkeyPatch, seconds: str) -> None:
    """Nothing that could not be waited for."""
    environment.setenv("REDIS_TTL", seconds)

    (problem,) = _problems()

    assert problem.startswith("REDIS_TTL: ")


def test_overrides_win_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    """The CLI passes values by variable name."""
    environment.setenv("EMASAI_EVIDENCE_DAYS", "10")

    assert load(EMASAI_EVIDENCE_DAYS="20").evidence_days == 20


@pytest.mark.parametrize(
    ("path", "memo"), [("", "/1"), ("/", "/1"), ("/0", "/1"), ("/1", "/1"), ("/7", "/7")]
)
def test_each_purpose_has_its_database(
    environment: pytest.MonkeyPatch, path: str, memo: str
) -> None:
    """One server, four databases; only the memo's may be chosen, and never the gateway's."""
    server = f"redis://:{PASSWORD}@redis.example:6379"
    environment.setenv("REDIS_URL", server + path)

    settings = load()

    assert settings.redis_memo_url == server + memo
    assert settings.redis_gateway_url == f"{server}/0"
    assert settings.broker_url == f"{server}/2"
    assert settings.redis_jobs_url == f"{server}/3"


def test_other_servers_are_taken_as_they_are(environment: pytest.MonkeyPatch) -> None:
    """A broker or gateway of its own is not given another database."""
    environment.setenv("CELERY_BROKER_URL", "amqp://rabbit.example//")
    environment.setenv("GATEWAY_REDIS_URL", "rediss://gateway.example/5")

    settings = load()

    assert settings.broker_url == "amqp://rabbit.example//"
    assert settings.redis_gateway_url == "rediss://gateway.example/5"


def test_caches_need_their_server_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another service sets REDIS_URL and no more."""
    monkeypatch.setenv("REDIS_URL", REQUIRED["REDIS_URL"])
    assert load_redis().redis_memo_url.endswith("/1")
    monkeypatch.delenv("REDIS_URL")

    with pytest.raises(ConfigurationError, match="REDIS_URL is not set"):
        load_redis()


@pytest.mark.parametrize("name", REQUIRED)
def test_any_part_of_an_installation_makes_it_one(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Half a configuration is completed or refused, never filled up with simulated parts."""
    assert not is_configured()
    monkeypatch.setenv(name, "  ")
    assert not is_configured()

    monkeypatch.setenv(name, "x")

    assert is_configured()


def test_settings_do_not_change(environment: pytest.MonkeyPatch) -> None:
    """They are read once."""
    del environment
    settings = load()

    with pytest.raises(ValueError, match="frozen"):
        settings.evidence_days = 3  # type: ignore[misc]  # that is the point


def test_the_policy_file_is_a_path(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it is; whether it can be read is found out when it is."""
    environment.setenv("EMASAI_POLICY_FILE", str(tmp_path / "policy.toml"))

    assert load().policy_file == tmp_path / "policy.toml"


#: What mounted secrets, copied lines and files of other systems add to a value.
SURROUNDINGS = ["{}\n", "{}\r\n", " {} ", "\ufeff{}\n", "\n\t{}\t\n", "\u00a0{}\u2028"]
EVERY_KIND = {
    "SURFSENSE_API_KEY": "sk-abc",
    "SURFSENSE_URL": "https://surfsense.example",
    "REDIS_URL": f"redis://:{PASSWORD}@redis.example:6379/1",
    "GATEWAY_REDIS_URL": "redis://gateway.example/0",
    "CELERY_BROKER_URL": "amqp://user:pw@rabbit.example:5672//",
    "DATABASE_URL": "postgresql://emasai:pw@db.example/emasai",
    "EMASAI_WEBHOOK_URL": "https://sales.example/hook",
    "EMASAI_WEBHOOK_SECRET": "whsec_" + "A" * 44,
    "EMASAI_API_KEY": "k" * 40,
    "EMASAI_EVIDENCE_DAYS": "20",
    "REDIS_TTL": "60",
    "EMASAI_TENANT": "acme",
    "EMASAI_LANGUAGE": "es",
    "EMASAI_HONOURS_IDEMPOTENCY_KEY": "true",
    "EMASAI_CAP_DAY_MICROS": "7",
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_what_surrounds_a_value_is_no_part_of_it(
    environment: pytest.MonkeyPatch, surroundings: str
) -> None:
    """The settings are those of the bare values, whatever their kind."""
    for name, value in EVERY_KIND.items():
        environment.setenv(name, value)
    bare = load()
    for name, value in EVERY_KIND.items():
        environment.setenv(name, surroundings.format(value))

    assert load() == bare
    assert load(**{name: surroundings.format(value) for name, value in EVERY_KIND.items()}) == bare


@pytest.mark.parametrize("blank", [" ", "\n", "\ufeff", "\t\r\n"])
def test_a_blank_variable_counts_as_unset(environment: pytest.MonkeyPatch, blank: str) -> None:
    """As an empty one does: the default holds, and what is needed is missing."""
    environment.setenv("REDIS_TTL", blank)
    environment.setenv("SURFSENSE_API_KEY", blank)
    settings = load()
    environment.setenv("REDIS_URL", blank)

    assert settings.redis_ttl == timedelta(hours=2)
    assert settings.surfsense_api_key is None
    assert _problems() == ["REDIS_URL is not set"]


@pytest.mark.parametrize("inside", ["\n", "\r", "\t", " ", "\x1b", "\x7f", "\u2028", "\udce9"])
@pytest.mark.parametrize(
    "name", [name for name in EVERY_KIND if name.endswith("_URL") or name == "SURFSENSE_API_KEY"]
)
def test_an_address_or_key_with_something_inside_is_refused(
    environment: pytest.MonkeyPatch, name: str, inside: str
) -> None:
    """At the start and in one sentence, which does not quote it."""
    for variable, value in EVERY_KIND.items():
        environment.setenv(variable, value)
    head, tail = EVERY_KIND[name][:-3], EVERY_KIND[name][-3:]
    environment.setenv(name, f"{head}{PASSWORD}{inside}{tail}")

    (problem,) = _problems()

    assert problem.startswith(f"{name}: ")
    assert "\n" not in problem


@pytest.mark.parametrize("key", ["clé-secrète", "sk abc", "sk\u200babc", "密钥"])
def test_a_key_that_fits_no_header_is_refused(environment: pytest.MonkeyPatch, key: str) -> None:
    """No request could be sent with it."""
    environment.setenv("SURFSENSE_API_KEY", key)

    assert _problems() == [
        "SURFSENSE_API_KEY: must be ASCII without spaces, to be sent in a header"
    ]


def test_a_database_file_may_have_spaces(environment: pytest.MonkeyPatch) -> None:
    """Its address is a path."""
    environment.setenv("DATABASE_URL", "sqlite:////data/my files/emasai.db")

    assert load().database_url.get_secret_value().endswith("my files/emasai.db")


def test_problems_of_every_kind_are_reported_together(environment: pytest.MonkeyPatch) -> None:
    """Unfit text hides no other problem, and none of them hides it."""
    environment.setenv("SURFSENSE_API_KEY", "clé")
    environment.setenv("DATABASE_URL", "postgresql://db.ex\nample/x")
    environment.setenv("EMASAI_EVIDENCE_DAYS", "0")
    environment.setenv("EMASAI_TENANT", "a:\x1bb")
    environment.delenv("SURFSENSE_URL")

    assert [problem.split()[0].rstrip(":") for problem in _problems()] == [
        "DATABASE_URL",
        "EMASAI_EVIDENCE_DAYS",
        "EMASAI_TENANT",
        "SURFSENSE_API_KEY",
        "SURFSENSE_URL",
    ]


def test_a_removed_setting_is_named(environment: pytest.MonkeyPatch) -> None:
    """One line says what decides in its place; it is no reason not to start."""
    assert removed_settings() == ()
    environment.setenv("EMASAI_HANDOVER_DAYS", "30")
    environment.setenv("EMASAI_IDEMPOTENCY_TTL_S", " ")

    assert load() is not None
    (sentence,) = removed_settings()
    assert sentence == (
        "EMASAI_HANDOVER_DAYS is no longer a setting: a delivered hand-over is listed for 90 days; "
        "remove it"
    )


def test_a_removed_setting_is_named_beside_the_problems(environment: pytest.MonkeyPatch) -> None:
    """The address that lacks its value is refused, and the line says where the value belongs."""
    environment.setenv("REDIS_URL", "sentinel://:pw@h/1")
    environment.setenv("EMASAI_SENTINEL_MASTER", "prime")

    removed, problem = _problems()

    assert removed.startswith("EMASAI_SENTINEL_MASTER is no longer a setting: write the master's")
    assert "master_name=NAME" in problem


def test_no_setting_is_removed_and_read() -> None:
    """A variable is one or the other."""
    read = {str(field.validation_alias) for field in Settings.model_fields.values()}

    assert read & set(REMOVED) == set()


def test_commands_log_errors_alone_unless_told(environment: pytest.MonkeyPatch) -> None:
    """Their own output is what is read; workers and API log from `info` on."""
    assert (load_command().log_level, load().log_level) == ("error", "info")
    environment.setenv("EMASAI_LOG_LEVEL", "debug")

    assert (load_command().log_level, load().log_level) == ("debug", "debug")


def test_a_removed_value_is_explained(environment: pytest.MonkeyPatch) -> None:
    """`disk` was one until a server with `appendfsync always` made it pointless."""
    environment.setenv("EMASAI_INTENT_DURABILITY", "disk")

    (problem,) = _problems()

    assert problem.startswith("EMASAI_INTENT_DURABILITY: `disk` is no longer a value: ")
