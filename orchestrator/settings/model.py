"""The settings by name, with their defaults.

The documented names (`REDIS_URL`, `SURFSENSE_URL`, ...) are a contract with the platform;
everything else is `EMASAI_*`. `.env.example` and the README's table are checked against this
file by a test.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from orchestrator.infra.bounds import Tenant
from orchestrator.infra.redis_address import RedisAddress, with_database
from orchestrator.settings.addresses import (
    BROKER_DB,
    GATEWAY_DB,
    JOBS_DB,
    MEMO_DB,
    BrokerUrl,
    DatabaseUrl,
    HttpUrl,
    RedisUrl,
    WebhookUrl,
)
from orchestrator.settings.api_keys import (
    ApiKey,
    ApiKeySetting,
    ApiKeysSetting,
    parse_api_keys,
)
from orchestrator.settings.environment import EnvironmentSettings
from orchestrator.settings.values import (
    BearerToken,
    Cap,
    NeededByWorkspace,
    NotNegativeSeconds,
    Seconds,
    WorkspaceId,
)
from orchestrator.settings.webhook import WebhookSecret


class RedisSettings(EnvironmentSettings):
    """Where the platform's caches are: all that another service needs for `orchestrator.cache`."""

    sentinel_master: str | None = Field(default=None, validation_alias="EMASAI_SENTINEL_MASTER")
    sentinel_password: SecretStr | None = Field(
        default=None, validation_alias="EMASAI_SENTINEL_PASSWORD"
    )
    # Behind those that its validation reads.
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


class DatabaseSettings(EnvironmentSettings):
    """Where the database is, and who owns its tables: all that `emasai db` needs."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    database_owner_url: DatabaseUrl | None = Field(
        default=None, validation_alias="DATABASE_OWNER_URL"
    )


class Settings(RedisSettings):
    """The orchestrator's configuration. Frozen; durations are timedeltas, URLs are secrets."""

    celery_broker_url: BrokerUrl | None = Field(default=None, validation_alias="CELERY_BROKER_URL")
    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    surfsense_url: HttpUrl = Field(validation_alias="SURFSENSE_URL")
    surfsense_protocol: Literal["enrich", "workspace"] = Field(
        default="enrich", validation_alias="SURFSENSE_PROTOCOL"
    )
    surfsense_api_key: Annotated[BearerToken | None, NeededByWorkspace] = Field(
        default=None, validate_default=True, validation_alias="SURFSENSE_API_KEY"
    )
    surfsense_workspace_id: Annotated[WorkspaceId | None, NeededByWorkspace] = Field(
        default=None, validate_default=True, validation_alias="SURFSENSE_WORKSPACE_ID"
    )

    intent_durability: Literal["none", "disk", "replica"] = Field(
        default="none", validation_alias="EMASAI_INTENT_DURABILITY"
    )
    surfsense_timeout: Seconds = Field(
        default=timedelta(seconds=240), validation_alias="EMASAI_SURFSENSE_TIMEOUT_S"
    )
    honours_idempotency_key: bool = Field(
        default=False, validation_alias="EMASAI_HONOURS_IDEMPOTENCY_KEY"
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
    cap_refresh_day_micros: Cap = Field(
        default=None, validation_alias="EMASAI_CAP_REFRESH_DAY_MICROS"
    )
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
    evidence_days: int = Field(default=365, ge=1, validation_alias="EMASAI_EVIDENCE_DAYS")
    handover_days: int = Field(default=90, ge=1, validation_alias="EMASAI_HANDOVER_DAYS")
    webhook_url: WebhookUrl | None = Field(default=None, validation_alias="EMASAI_WEBHOOK_URL")
    webhook_secret: WebhookSecret = Field(
        default=None, validate_default=True, validation_alias="EMASAI_WEBHOOK_SECRET"
    )
    idempotency_ttl: Seconds = Field(
        default=timedelta(hours=24), validation_alias="EMASAI_IDEMPOTENCY_TTL_S"
    )
    poison_attempts: int = Field(default=3, ge=1, validation_alias="EMASAI_POISON_ATTEMPTS")
    stall: Seconds = Field(default=timedelta(seconds=60), validation_alias="EMASAI_STALL_S")
    tenant: Tenant = Field(default="default", validation_alias="EMASAI_TENANT")
    policy_file: Path | None = Field(default=None, validation_alias="EMASAI_POLICY_FILE")
    language: Literal["en", "es"] = Field(default="en", validation_alias="EMASAI_LANGUAGE")
    api_key: ApiKeySetting = Field(default=None, validation_alias="EMASAI_API_KEY")
    further_api_keys: ApiKeysSetting = Field(default=None, validation_alias="EMASAI_API_KEYS")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="EMASAI_LOG_LEVEL"
    )
    simulated: bool = Field(default=False, validation_alias="EMASAI_SIMULATED")

    @property
    def api_keys(self) -> tuple[ApiKey, ...]:
        """The keys that open the HTTP API; without any, it is for programs on this machine."""
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

    surfsense_api_key: BearerToken | None = Field(
        default=None, validation_alias="SURFSENSE_API_KEY"
    )
