"""Every setting of the orchestrator, read once from the environment.

The documented names (`REDIS_URL`, `SURFSENSE_URL`, ...) are a contract with the platform;
everything else is `EMASAI_*`. All problems are reported at once, each with its variable.
`.env.example` and the README's table are checked against this file by a test.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

T = TypeVar("T")
_Model = TypeVar("_Model", bound=BaseSettings)

MEMO_DB = 1
GATEWAY_DB = 0
BROKER_DB = 2
JOBS_DB = 3
"""Redis database numbers: one server, one purpose a database (docs/architecture.md)."""


class ConfigurationError(Exception):
    """The environment is not fit to start with; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "the configuration has {} problem{}:\n{}".format(
            len(self.problems),
            "" if len(self.problems) == 1 else "s",
            "\n".join(f"  - {problem}" for problem in self.problems),
        )


def _url_with_scheme(*schemes: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        try:
            scheme = urlsplit(secret.get_secret_value()).scheme.split("+")[0]
        except ValueError:
            # From None: the foreign message may quote the URL, and with it the password.
            raise ValueError("is not a valid URL") from None
        if scheme not in schemes:
            raise ValueError(f"must start with {' or '.join(s + '://' for s in schemes)}")
        return secret

    return AfterValidator(check)


def _in_one_piece(secret: SecretStr) -> SecretStr:
    """Refuse an address whose password ends it early, before somebody quotes half of it."""
    url = urlsplit(secret.get_secret_value())
    if url.scheme not in ("redis", "rediss"):
        return secret
    if "@" in url.path + url.query + url.fragment:
        raise ValueError(
            "has a special character in its user or password; "
            "write it percent-encoded (/ as %2F, ? as %3F, # as %23, @ as %40)"
        )
    _check_port(url)
    return secret


def _without_credentials(secret: SecretStr) -> SecretStr:
    url = urlsplit(secret.get_secret_value())
    if "@" in secret.get_secret_value():
        raise ValueError("must not contain a user or password; SURFSENSE_API_KEY takes the key")
    _check_port(url)
    return secret


def _check_port(url: SplitResult) -> None:
    try:
        _ = url.port
    except ValueError:
        raise ValueError("has a port that is not a number from 0 to 65535") from None


# Secret, because a Redis or database URL carries its password.
RedisUrl = Annotated[SecretStr, _url_with_scheme("redis", "rediss"), AfterValidator(_in_one_piece)]
BrokerUrl = Annotated[
    SecretStr,
    _url_with_scheme("redis", "rediss", "sentinel", "amqp", "amqps"),
    AfterValidator(_in_one_piece),
]
DatabaseUrl = Annotated[SecretStr, _url_with_scheme("sqlite", "postgresql", "postgres")]
HttpUrl = Annotated[
    SecretStr, _url_with_scheme("http", "https"), AfterValidator(_without_credentials)
]


def _seconds(value: object) -> object:
    """Read a number of seconds; pydantic alone takes text for an ISO 8601 duration."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        # From None: the foreign message quotes the value, which may be another variable's.
        raise ValueError("must be a number of seconds") from None


Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
NotNegativeSeconds = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0))]


def _is_there_for_workspace(value: T | None, info: ValidationInfo) -> T | None:
    if value is None and info.data.get("surfsense_protocol") == "workspace":
        raise ValueError("is not set, and SURFSENSE_PROTOCOL=workspace needs it")
    return value


# Redis reckons in doubles, which are exact up to 2**53.
Cap = Annotated[int, Field(ge=0, lt=2**53)] | None

# In the API's paths, so it must be nothing that leads elsewhere.
WorkspaceId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
_NeededByWorkspace = AfterValidator(_is_there_for_workspace)


class RedisSettings(BaseSettings):
    """Where the platform's caches are: all that another service needs for `orchestrator.cache`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, env_ignore_empty=True
    )

    redis_url: RedisUrl = Field(validation_alias="REDIS_URL")
    redis_ttl: Seconds = Field(default=timedelta(seconds=7200), validation_alias="REDIS_TTL")
    gateway_redis_url: RedisUrl | None = Field(default=None, validation_alias="GATEWAY_REDIS_URL")

    @property
    def redis_memo_url(self) -> str:
        """The memo's database: `REDIS_URL` as given, DB 1 where it names none.

        Nor does the gateway's own DB 0 hold the memo: `REDIS_URL` is documented to name it
        in the gateway's environment, and all services must find the same results.
        """
        url = self.redis_url.get_secret_value()
        return url if _names_own_database(url) else _with_database(url, MEMO_DB)

    @property
    def redis_jobs_url(self) -> str:
        """Job records, due set and counters: the server of `REDIS_URL`, DB 3."""
        return _with_database(self.redis_url.get_secret_value(), JOBS_DB)

    @property
    def redis_gateway_url(self) -> str:
        """The gateway's caches: `GATEWAY_REDIS_URL`, else the server of `REDIS_URL`, DB 0."""
        if self.gateway_redis_url is not None:
            return self.gateway_redis_url.get_secret_value()
        return _with_database(self.redis_url.get_secret_value(), GATEWAY_DB)


class Settings(RedisSettings):
    """The orchestrator's configuration. Frozen; durations are timedeltas, URLs are secrets."""

    celery_broker_url: BrokerUrl | None = Field(default=None, validation_alias="CELERY_BROKER_URL")
    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    surfsense_url: HttpUrl = Field(validation_alias="SURFSENSE_URL")
    surfsense_protocol: Literal["enrich", "workspace"] = Field(
        default="enrich", validation_alias="SURFSENSE_PROTOCOL"
    )
    surfsense_api_key: Annotated[SecretStr | None, _NeededByWorkspace] = Field(
        default=None, validate_default=True, validation_alias="SURFSENSE_API_KEY"
    )
    surfsense_workspace_id: Annotated[WorkspaceId | None, _NeededByWorkspace] = Field(
        default=None, validate_default=True, validation_alias="SURFSENSE_WORKSPACE_ID"
    )

    surfsense_timeout: Seconds = Field(
        default=timedelta(seconds=240), validation_alias="EMASAI_SURFSENSE_TIMEOUT_S"
    )
    interrupted_grace: Seconds = Field(
        default=timedelta(seconds=30), validation_alias="EMASAI_INTERRUPTED_GRACE_S"
    )
    poll_first: Seconds = Field(
        default=timedelta(seconds=0.2), validation_alias="EMASAI_POLL_FIRST_S"
    )
    poll_max: Seconds = Field(default=timedelta(seconds=5), validation_alias="EMASAI_POLL_MAX_S")
    price_micros: int = Field(default=46_500, ge=0, validation_alias="EMASAI_PRICE_MICROS")
    cap_tenant_micros: Cap = Field(default=None, validation_alias="EMASAI_CAP_TENANT_MICROS")
    cap_day_micros: Cap = Field(default=None, validation_alias="EMASAI_CAP_DAY_MICROS")
    cap_global_micros: Cap = Field(default=None, validation_alias="EMASAI_CAP_GLOBAL_MICROS")
    soft_cap_share: float = Field(default=0.8, gt=0, le=1, validation_alias="EMASAI_SOFT_CAP_SHARE")
    max_in_flight: int = Field(default=200, ge=1, le=4000, validation_alias="EMASAI_MAX_IN_FLIGHT")
    ttl_jitter: float = Field(default=0.05, ge=0, le=0.5, validation_alias="EMASAI_TTL_JITTER")
    stale_for: NotNegativeSeconds = Field(
        default=timedelta(0), validation_alias="EMASAI_STALE_FOR_S"
    )
    refresh_ahead: NotNegativeSeconds = Field(
        default=timedelta(0), validation_alias="EMASAI_REFRESH_AHEAD_S"
    )
    refresh_reads: int = Field(default=3, ge=1, validation_alias="EMASAI_REFRESH_READS")
    reconcile_grace: Seconds = Field(
        default=timedelta(seconds=3), validation_alias="EMASAI_RECONCILE_GRACE_S"
    )
    not_found_ttl: Seconds = Field(
        default=timedelta(minutes=30), validation_alias="EMASAI_NOT_FOUND_TTL_S"
    )
    failure_ttl: Seconds = Field(
        default=timedelta(seconds=15), validation_alias="EMASAI_FAILURE_TTL_S"
    )
    lease: Seconds = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=300),
        validation_alias="EMASAI_LEASE_S",
    )
    chunk_size: int = Field(default=50, ge=1, le=1000, validation_alias="EMASAI_CHUNK_SIZE")
    job_ttl: Seconds = Field(default=timedelta(days=7), validation_alias="EMASAI_JOB_TTL_S")
    tenant: str = Field(default="default", min_length=1, validation_alias="EMASAI_TENANT")
    policy_file: Path | None = Field(default=None, validation_alias="EMASAI_POLICY_FILE")
    language: Literal["en", "es"] = Field(default="en", validation_alias="EMASAI_LANGUAGE")
    api_key: SecretStr | None = Field(default=None, validation_alias="EMASAI_API_KEY")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="EMASAI_LOG_LEVEL"
    )
    simulated: bool = Field(default=False, validation_alias="EMASAI_SIMULATED")

    @property
    def broker_url(self) -> str:
        """Celery's broker: `CELERY_BROKER_URL`, else the server of `REDIS_URL`, DB 2."""
        if self.celery_broker_url is not None:
            return self.celery_broker_url.get_secret_value()
        return _with_database(self.redis_url.get_secret_value(), BROKER_DB)


def _names_own_database(url: str) -> bool:
    return urlsplit(url).path.strip("/") not in ("", str(GATEWAY_DB))


def _with_database(url: str, database: int) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


REQUIRED = ("REDIS_URL", "DATABASE_URL", "SURFSENSE_URL")
"""What a production entry cannot start without."""


def is_configured() -> bool:
    """Say whether the environment names any part of a real installation.

    One is enough: half a configuration must be completed, never filled up with
    simulated parts, or invented evidence would enter a real memo.
    """
    return any(os.environ.get(name, "").strip() for name in REQUIRED)


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; an empty variable counts as unset.

    Args:
        overrides: Values by variable name that win over the environment.

    Raises:
        ConfigurationError: With every problem at once. Values are never quoted, since
            most of them are secrets.
    """
    return _read(Settings, overrides)


def load_redis() -> RedisSettings:
    """Read what the caches need from the environment, and nothing else.

    Raises:
        ConfigurationError: With every problem at once.
    """
    return _read(RedisSettings, {})


def _read(model: type[_Model], overrides: dict[str, object]) -> _Model:
    try:
        return model(**overrides)  # type: ignore[arg-type]  # text, parsed by pydantic
    except ValidationError as error:
        raise ConfigurationError(tuple(_sentence(model, e) for e in error.errors())) from None


def _sentence(model: type[BaseSettings], error: ErrorDetails) -> str:
    variable = str(error["loc"][0]) if error["loc"] else ""
    if variable in model.model_fields:  # of a default, which has no variable
        variable = str(model.model_fields[variable].validation_alias)
    if error["type"] == "missing":
        return f"{variable} is not set"
    message = error["msg"].removeprefix("Value error, ")
    return f"{variable}: {message}" if variable else message
