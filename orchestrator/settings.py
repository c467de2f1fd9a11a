"""Every setting of the orchestrator, read once from the environment and checked as a whole.

The documented names (`REDIS_URL`, `SURFSENSE_URL`, ...) are a contract with the platform;
everything else is `EMASAI_*`. `docs/configuration.md` and `.env.example` are generated from this
module (`python -m tools.configuration`). How an address of Redis is read: `infra.redis_address`.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

import structlog
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.case import Language
from orchestrator.infra.bounds import Tenant, is_storable
from orchestrator.infra.redis_address import SCHEMES, RedisAddress, with_database

log = structlog.get_logger(__name__)
T = TypeVar("T")
_Model = TypeVar("_Model", bound=BaseSettings)

REQUIRED: Final = ("REDIS_URL", "DATABASE_URL", "SURFSENSE_URL")
"""Variables without which a configured installation does not start."""

REMOVED: Final[Mapping[str, str]] = {
    "EMASAI_CHUNK_SIZE": "a worker takes 50 items of a job at a time",
    "EMASAI_CLI_LOG_LEVEL": "the `emasai` command logs what EMASAI_LOG_LEVEL says",
    "EMASAI_HANDOVER_DAYS": "a delivered hand-over is listed for 90 days",
    "EMASAI_IDEMPOTENCY_TTL_S": "an idempotency key leads to its job for 24 hours",
    "EMASAI_INTERRUPTED_GRACE_S": "a run that a restart interrupted has 30 seconds to succeed",
    "EMASAI_NOT_FOUND_TTL_S": 'an answer "no such company" is believed for 30 minutes',
    "EMASAI_POISON_ATTEMPTS": "an item that kills its worker is begun three times",
    "EMASAI_POLL_FIRST_S": "a run is first looked at after 0.2 s",
    "EMASAI_POLL_MAX_S": "looks at a run are at most 5 s apart",
    "EMASAI_RECONCILE_GRACE_S": "a run that was not confirmed has 10 seconds to be listed",
    "EMASAI_REFRESH_AHEAD_S": "an entry is bought anew when it has expired, or by a watch",
    "EMASAI_REFRESH_READS": "an entry is bought anew when it has expired, or by a watch",
    "EMASAI_SENTINEL_MASTER": "write the master's name into the address, "
    "sentinel://...?master_name=NAME",
    "EMASAI_SENTINEL_PASSWORD": "write the Sentinels' password into the address, "
    "sentinel://...?sentinel_password=...",
    "EMASAI_SIMULATED": "the sandbox says by itself that its evidence is invented",
    "EMASAI_SOFT_CAP_SHARE": "warnings begin, and refreshes stop, at 80 % of a cap",
    "EMASAI_STALL_S": "a worker that stands still for 60 seconds ends itself",
    "EMASAI_TTL_JITTER": "a freshness is up to 5 % shorter, at random",
}
"""Variables that earlier versions read, and what decides in their place.

Each value completes the sentence "EMASAI_X is no longer a setting: ...; remove it".
"""

GATEWAY_DB, MEMO_DB, BROKER_DB, JOBS_DB = 0, 1, 2, 3
"""Redis database numbers: one server, one database for each purpose (docs/architecture.md)."""


class ConfigurationError(Exception):
    """The environment is unfit to start with; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        plural = "" if len(self.problems) == 1 else "s"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"the configuration has {len(self.problems)} problem{plural}:{lines}"


def _url_with_scheme(*schemes: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        try:
            scheme = urlsplit(secret.get_secret_value()).scheme.split("+")[0]
        except ValueError:
            raise ValueError("is not a valid URL") from None
        if scheme not in schemes:
            raise ValueError(f"must start with {' or '.join(s + '://' for s in schemes)}")
        return secret

    return AfterValidator(check)


def _redis(secret: SecretStr) -> SecretStr:
    """Refuse what one of the two Redis clients, ours and Celery's, does not understand."""
    RedisAddress.parse(secret.get_secret_value())
    return secret


def _broker(secret: SecretStr) -> SecretStr:
    scheme = secret.get_secret_value().partition("://")[0]
    if scheme in ("amqp", "amqps"):
        return secret
    if scheme not in SCHEMES:
        known = " or ".join(f"{known}://" for known in (*SCHEMES, "amqp", "amqps"))
        raise ValueError(f"must start with {known}")
    return _redis(secret)


def _without_credentials(secret: SecretStr) -> SecretStr:
    if "@" in secret.get_secret_value():
        raise ValueError("must not contain a user or password; SURFSENSE_API_KEY takes the key")
    try:
        _ = urlsplit(secret.get_secret_value()).port
    except ValueError:
        raise ValueError("has a port that is not a number from 0 to 65535") from None
    return secret


RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
BrokerUrl = Annotated[SecretStr, AfterValidator(_broker)]
DatabaseUrl = Annotated[SecretStr, _url_with_scheme("sqlite", "postgresql", "postgres")]
WebhookUrl = Annotated[SecretStr, _url_with_scheme("http", "https")]
HttpUrl = Annotated[
    SecretStr, _url_with_scheme("http", "https"), AfterValidator(_without_credentials)
]


def _seconds(value: object) -> object:
    """Read a number of seconds; pydantic alone takes text for an ISO 8601 duration."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be a number of seconds") from None


def _required_by_workspace(value: T | None, info: ValidationInfo) -> T | None:
    if value is None and info.data.get("surfsense_protocol") == "workspace":
        raise ValueError("is not set, and SURFSENSE_PROTOCOL=workspace needs it")
    return value


def _fits_a_header(secret: SecretStr) -> SecretStr:
    if re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value()) is None:
        raise ValueError("must be ASCII without spaces, to be sent in a header")
    return secret


def webhook_key(secret: SecretStr) -> bytes:
    """Return the bytes of a webhook secret, with or without the `whsec_` of Standard Webhooks.

    Raises:
        ValueError: Not base64, or shorter than 24 bytes. The message never quotes it.
    """
    text = secret.get_secret_value().removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _SHORTEST_WEBHOOK_KEY:
        problem = "must be base64 of at least 24 bytes; `openssl rand -base64 32` makes one"
        raise ValueError(problem) from None
    return key


def _webhook_secret(secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if secret is not None:
        webhook_key(secret)
    elif info.data.get("webhook_url") is not None:
        raise ValueError("is not set, and EMASAI_WEBHOOK_URL needs it")
    return secret


_SHORTEST_WEBHOOK_KEY: Final = 24

Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
SecondsOrZero = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0))]
# Redis scripts count in doubles, which are exact up to 2**53.
Cap = Annotated[int, Field(ge=0, lt=2**53)] | None
BearerToken = Annotated[SecretStr, AfterValidator(_fits_a_header)]
# A name never becomes part of a path: only the number that SurfSense lists beside it does.
WorkspaceName = Annotated[str, StringConstraints(max_length=200)]
RequiredByWorkspace = AfterValidator(_required_by_workspace)
WebhookSecret = Annotated[SecretStr | None, AfterValidator(_webhook_secret)]


def _not_disk(value: object) -> object:
    if value == "disk":
        raise ValueError(
            "`disk` is no longer a value: with `appendfsync always` Redis has every intent on its "
            "disk by itself; set that, and write `none`"
        )
    return value


LogLevel = Literal["debug", "info", "warning", "error"]


class ApiScope(StrEnum):
    """What a key opens.

    `metrics`: `/metrics`. `read`: jobs, their results and their failed items. `work`: all requests
    that change something: new jobs, requeuing, pausing, cancelling.
    """

    METRICS = "metrics"
    READ = "read"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. A key with a *tenant* sees and requests work of that tenant alone."""

    secret: SecretStr
    scopes: frozenset[ApiScope] = frozenset(ApiScope)
    tenant: str | None = None


_SHORTEST_API_KEY: Final = 16
_TENANT: Final[TypeAdapter[str]] = TypeAdapter(Tenant)
_API_KEY_FORM: Final = (
    "'<scope>[+<scope>][@<tenant>]=<key>', with the scopes metrics, read and work"
)


def parse_api_keys(text: str) -> tuple[ApiKey, ...]:
    """Return the keys that *text* lists, separated by blanks, line ends or commas.

    Raises:
        ValueError: An entry has another form. The message never quotes it.
    """
    entries = [entry for entry in re.split(r"[\s,]+", text) if entry]
    keys = tuple(_parse_api_key(number, entry) for number, entry in enumerate(entries, 1))
    if len({key.secret.get_secret_value() for key in keys}) < len(keys):
        raise ValueError("has the same key twice")
    return keys


def _parse_api_key(number: int, entry: str) -> ApiKey:
    rights, equals, key = entry.partition("=")
    scope_list, at, tenant_name = rights.partition("@")
    try:
        scopes = frozenset(ApiScope(scope) for scope in scope_list.split("+"))
        tenant = _TENANT.validate_python(tenant_name) if at else None
    except (ValueError, ValidationError):
        equals = ""
    if not equals:
        # Not raised in the handler: the foreign message quotes the entry, which may be a key.
        raise ValueError(f"has an entry (number {number}) that is not {_API_KEY_FORM}")
    if tenant is not None and ApiScope.METRICS in scopes:
        raise ValueError(
            f"has an entry (number {number}) with a tenant and the scope metrics; "
            "metrics are those of all tenants, so give them a key of their own"
        )
    try:
        secret = _check_api_key(SecretStr(key))
    except ValueError as error:
        raise ValueError(f"has an entry (number {number}) whose key {error}") from None
    return ApiKey(secret, scopes, tenant)


def _check_api_key(secret: SecretStr) -> SecretStr:
    """Refuse a key that can be guessed, or cannot be sent in a header."""
    text = secret.get_secret_value()
    if len(text) < _SHORTEST_API_KEY:
        raise ValueError(
            f"must have at least {_SHORTEST_API_KEY} characters; `openssl rand -hex 24` makes one"
        )
    if not text.isprintable() or any(map(str.isspace, text)):
        raise ValueError("must be without blanks and control characters")
    return secret


def _api_keys(secret: SecretStr) -> SecretStr:
    parse_api_keys(secret.get_secret_value())
    return secret


#: Addresses of files, which may contain spaces.
_OF_FILES: Final = ("sqlite", "unix:")


def strip_blanks(text: str) -> str:
    r"""Return *text* without surrounding white space, line ends and byte order marks.

    >>> strip_blanks("\ufeffsk-abc\r\n")
    'sk-abc'
    """
    return text.strip().strip("\ufeff").strip()


class EnvironmentSettings(BaseSettings):
    """Settings by the names of their variables; a blank variable counts as unset. Frozen.

    Mounted secrets end with a line end, and files of some editors begin with a byte order mark. A
    key or address that keeps either fails later, at the first request, without a good message.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True)

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, variables: dict[str, object]) -> dict[str, object]:
        return {
            name: value
            for name, value in variables.items()
            if not isinstance(value, str) or strip_blanks(value)
        }

    @field_validator("*", mode="before")
    @classmethod
    def _clean(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        text = strip_blanks(value)
        if not is_storable(text):
            raise ValueError("has a control character, or is not text in UTF-8; write it anew")
        is_address = (info.field_name or "").endswith("_url") and not text.startswith(_OF_FILES)
        if is_address and any(map(str.isspace, text)):
            raise ValueError("has a space or a line end inside; write it percent-encoded (%20)")
        return text


class RedisSettings(EnvironmentSettings):
    """Where the platform's caches are: all that another service needs for `orchestrator.cache`."""

    redis_url: RedisUrl = Field(
        validation_alias="REDIS_URL", examples=["redis://:password@localhost:6379/1"]
    )
    """Redis or Valkey, with its password. The memo is in the database that the URL names, else in
    DB 1."""
    redis_ttl: Seconds = Field(timedelta(hours=2), validation_alias="REDIS_TTL")
    """How long an answer of SurfSense is fresh, counted from its purchase."""
    gateway_redis_url: RedisUrl | None = Field(None, validation_alias="GATEWAY_REDIS_URL")
    """The gateway's caches (leads, opportunities, sessions). Unset: DB 0 of `REDIS_URL`."""

    @property
    def redis_memo_url(self) -> str:
        """The memo's database: `REDIS_URL` as given, DB 1 where it names none.

        The gateway's own DB 0 never holds the memo: in the gateway's environment `REDIS_URL` is
        documented to name DB 0, and all services must find the same results.
        """
        url = self.redis_url.get_secret_value()
        is_own = RedisAddress.parse(url).database != GATEWAY_DB
        return url if is_own else with_database(url, MEMO_DB)

    @property
    def redis_jobs_url(self) -> str:
        """Job records, due set and counters: the server of `REDIS_URL`, DB 3."""
        return with_database(self.redis_url.get_secret_value(), JOBS_DB)

    @property
    def redis_gateway_url(self) -> str:
        """The gateway's caches: `GATEWAY_REDIS_URL`, else the server of `REDIS_URL`, DB 0."""
        if self.gateway_redis_url is not None:
            return self.gateway_redis_url.get_secret_value()
        return with_database(self.redis_url.get_secret_value(), GATEWAY_DB)


class _Database(EnvironmentSettings):
    database_url: DatabaseUrl = Field(
        validation_alias="DATABASE_URL",
        examples=["postgresql://emasai_app:password@localhost:5432/emasai"],
    )
    """Leads, decisions, opportunities and the ledger: `postgresql://...` or `sqlite:///path`."""


class DatabaseSettings(_Database):
    """Where the database is, and which role owns its tables: all that `emasai db` needs."""

    database_owner_url: DatabaseUrl | None = Field(None, validation_alias="DATABASE_OWNER_URL")
    """The role that owns the tables, for `emasai db upgrade` alone, which grants the role of
    `DATABASE_URL` what it needs. Unset: the tables belong to that role."""


class CommandSettings(EnvironmentSettings):
    """What the `emasai` command reads before it knows which installation it works on."""

    home: Path = Field(Path(".emasai"), validation_alias="EMASAI_HOME")
    """Folder of the embedded stack, which runs where nothing is configured (the `emasai` command
    only)."""
    log_level: LogLevel = Field("error", validation_alias="EMASAI_LOG_LEVEL")


class Settings(_Database, RedisSettings):
    """The orchestrator's configuration. Frozen; durations are timedeltas, URLs are secrets."""

    celery_broker_url: BrokerUrl | None = Field(None, validation_alias="CELERY_BROKER_URL")
    """Celery's broker, `redis://` or `amqp://`. Unset: DB 2 of `REDIS_URL`."""
    surfsense_url: HttpUrl = Field(
        validation_alias="SURFSENSE_URL", examples=["https://surfsense.example"]
    )
    """Origin of the SurfSense service."""
    surfsense_protocol: Literal["enrich", "workspace"] = Field(
        "enrich", validation_alias="SURFSENSE_PROTOCOL"
    )
    """`enrich`, or `workspace` for SurfSense's own API, whose purchases survive a crash of their
    buyer."""
    surfsense_api_key: Annotated[BearerToken | None, RequiredByWorkspace] = Field(
        None, validate_default=True, validation_alias="SURFSENSE_API_KEY"
    )
    """Sent to SurfSense as a bearer token; `workspace` needs it."""
    surfsense_workspace_id: WorkspaceName | None = Field(
        None, validation_alias="SURFSENSE_WORKSPACE_ID"
    )
    """Workspace to buy from, by number or by name. Unset: the only one that the key may use."""

    surfsense_timeout: Seconds = Field(
        timedelta(seconds=240), validation_alias="EMASAI_SURFSENSE_TIMEOUT_S"
    )
    """How long an answer may take before it counts as lost. If you raise it, raise the worker's
    `stop_grace_period` in `docker-compose.yml`, too."""
    intent_durability: Annotated[Literal["none", "replica"], BeforeValidator(_not_disk)] = Field(
        "none", validation_alias="EMASAI_INTENT_DURABILITY"
    )
    """Where an intent must be before its `POST` leaves: `none` (Redis has acknowledged it), or
    `replica` (on the disks of the server and of a replica). See "Power loss and failover" in
    `docs/operations.md`."""
    honours_idempotency_key: bool = Field(
        default=False, validation_alias="EMASAI_HONOURS_IDEMPOTENCY_KEY"
    )
    """Whether SurfSense's `enrich` charges requests with one `Idempotency-Key` once. Only then is a
    request whose answer was lost sent again without being asked for."""
    price_micros: int = Field(46_500, ge=0, validation_alias="EMASAI_PRICE_MICROS")
    """The most that one company costs. By `enrich` it is reserved before the purchase is made.
    By `workspace`, where unset means 17000 (a place, a page of results and four crawled pages), no
    step is bought that would exceed it."""
    cap_tenant_micros: Cap = Field(None, validation_alias="EMASAI_CAP_TENANT_MICROS")
    """Spending cap of each tenant, in all. 0 buys nothing, unset is no cap; known companies are
    served in any case."""
    cap_day_micros: Cap = Field(None, validation_alias="EMASAI_CAP_DAY_MICROS")
    """Spending cap on the purchases that begin on one UTC day."""
    cap_global_micros: Cap = Field(None, validation_alias="EMASAI_CAP_GLOBAL_MICROS")
    """Spending cap of this installation, in all."""
    cap_refresh_day_micros: Cap = Field(None, validation_alias="EMASAI_CAP_REFRESH_DAY_MICROS")
    """Spending cap on refreshes, which no caller waits for, of one UTC day."""
    max_in_flight: int = Field(200, ge=1, le=4000, validation_alias="EMASAI_MAX_IN_FLIGHT")
    """Purchases that one process has in flight at a time."""
    posts_per_minute: int = Field(120, ge=3, le=100_000, validation_alias="EMASAI_POSTS_PER_MINUTE")
    """Calls a minute that SurfSense allows one workspace. All processes together keep just below
    it: 118 for 120."""
    stale_for: SecondsOrZero = Field(timedelta(0), validation_alias="EMASAI_STALE_FOR_S")
    """How long a copy is kept beyond its freshness, to be served, marked stale, while SurfSense is
    unavailable; 0 keeps none."""
    failure_ttl: Seconds = Field(timedelta(seconds=15), validation_alias="EMASAI_FAILURE_TTL_S")
    """How long no process tries a company again after a temporary failure; each further failure
    doubles it."""
    lease: Seconds = Field(
        timedelta(seconds=5), ge=timedelta(milliseconds=300), validation_alias="EMASAI_LEASE_S"
    )
    """How long followers wait for a leader that died before it bought; four times as long after
    that."""
    job_ttl: Seconds = Field(timedelta(days=7), validation_alias="EMASAI_JOB_TTL_S")
    """How long a job and its results are kept."""
    evidence_days: int = Field(365, ge=1, validation_alias="EMASAI_EVIDENCE_DAYS")
    """Days for which bought evidence is kept, so that leads can be judged again."""
    webhook_url: WebhookUrl | None = Field(None, validation_alias="EMASAI_WEBHOOK_URL")
    """Where the sales agent receives opportunities. Unset: they wait in the outbox."""
    webhook_secret: WebhookSecret = Field(
        None, validate_default=True, validation_alias="EMASAI_WEBHOOK_SECRET"
    )
    """Signs what is sent to the webhook, which needs it; base64 of at least 24 bytes (`openssl rand
    -base64 32`)."""
    tenant: Tenant = Field("default", validation_alias="EMASAI_TENANT")
    """The tenant on whose behalf a request buys that names none."""
    policy_file: Path | None = Field(None, validation_alias="EMASAI_POLICY_FILE")
    """The CDAO agent's policy. Unset: the shipped one, `agents/cdao/policy.toml`."""
    language: Language = Field("en", validation_alias="EMASAI_LANGUAGE")
    """Language of what people read: reasons, faults of lead files, and what the commands print,
    their help included; `en` or `es`. JSON and logs are English."""
    api_key: Annotated[SecretStr, AfterValidator(_check_api_key)] | None = Field(
        None, validation_alias="EMASAI_API_KEY"
    )
    """Opens everything in the HTTP API, for every tenant; at least 16 characters (`openssl rand
    -hex 24`). A key is required where the API listens beyond loopback."""
    further_api_keys: Annotated[SecretStr, AfterValidator(_api_keys)] | None = Field(
        None, validation_alias="EMASAI_API_KEYS"
    )
    """Further keys, separated by blanks: `<scope>[+<scope>][@<tenant>]=<key>`, with the scopes
    `metrics`, `read` and `work`."""
    log_level: LogLevel = Field("info", validation_alias="EMASAI_LOG_LEVEL")
    """What is logged: `debug`, `info`, `warning` or `error`. Unset, the `emasai` command logs
    errors alone beside its own output."""

    @property
    def api_keys(self) -> tuple[ApiKey, ...]:
        """The keys that open the HTTP API; without any, it serves programs on this machine."""
        own = () if self.api_key is None else (ApiKey(self.api_key),)
        further = self.further_api_keys
        return (*own, *(parse_api_keys(further.get_secret_value()) if further else ()))

    @property
    def broker_url(self) -> str:
        """Celery's broker: `CELERY_BROKER_URL`, else the server of `REDIS_URL`, DB 2."""
        if self.celery_broker_url is not None:
            return self.celery_broker_url.get_secret_value()
        return with_database(self.redis_url.get_secret_value(), BROKER_DB)

    @property
    def has_redis_broker(self) -> bool:
        """Whether the broker is a Redis server, and not RabbitMQ."""
        return not self.broker_url.startswith("amqp")


class ApiSettings(Settings):
    """The API's: it accepts work and never buys, so that it needs no key of the seller's."""

    surfsense_api_key: BearerToken | None = Field(None, validation_alias="SURFSENSE_API_KEY")


def is_configured() -> bool:
    """Return whether the environment names any part of a real installation.

    One part is enough: half a configuration must be completed, never filled up with
    simulated parts, or invented evidence would enter a real memo.
    """
    return any(strip_blanks(os.environ.get(name, "")) for name in REQUIRED)


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; an empty variable counts as unset.

    Args:
        overrides: Values by variable name that win over the environment.

    Raises:
        ConfigurationError: With every problem at once. Values are never quoted, since
            most of them are secrets. The other loaders raise the same.
    """
    return _read(Settings, overrides)


def load_api() -> ApiSettings:
    """Read the settings of the API, which does without the seller's key."""
    return _read(ApiSettings, {})


def load_redis() -> RedisSettings:
    """Read what the caches need from the environment, and nothing else."""
    return _read(RedisSettings, {})


def load_database() -> DatabaseSettings:
    """Read where the database is from the environment, and nothing else."""
    return _read(DatabaseSettings, {})


def load_command() -> CommandSettings:
    """Read what the `emasai` command needs before all others."""
    return _read(CommandSettings, {})


def removed_settings() -> tuple[str, ...]:
    """Return a sentence for each variable that is set, but is no longer a setting."""
    return tuple(
        f"{name} is no longer a setting: {instead}; remove it"
        for name, instead in REMOVED.items()
        if strip_blanks(os.environ.get(name, ""))
    )


def warn_of_removed_settings() -> None:
    """Log one warning for each removed setting; a process does it when it starts."""
    for sentence in removed_settings():
        log.warning("settings.removed", problem=sentence)


def _read(model: type[_Model], overrides: dict[str, object]) -> _Model:
    try:
        return model(**overrides)  # type: ignore[arg-type]  # text, parsed by pydantic
    except ValidationError as error:
        problems = tuple(_sentence(model, each) for each in error.errors())
        raise ConfigurationError((*problems, *removed_settings())) from None


def _sentence(model: type[BaseSettings], error: ErrorDetails) -> str:
    variable = str(error["loc"][0]) if error["loc"] else ""
    if variable in model.model_fields:  # of a default, which has no variable
        variable = str(model.model_fields[variable].validation_alias)
    if error["type"] == "missing":
        return f"{variable} is not set"
    message = error["msg"].removeprefix("Value error, ")
    return f"{variable}: {message}" if variable else message
