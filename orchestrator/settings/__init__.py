"""Every setting of the orchestrator, read once from the environment."""

from orchestrator.infra.redis_address import RedisAddress, is_loopback
from orchestrator.settings.api_keys import ApiKey, ApiScope
from orchestrator.settings.errors import ConfigurationError
from orchestrator.settings.model import DatabaseSettings, RedisSettings, Settings
from orchestrator.settings.reading import (
    REQUIRED,
    is_configured,
    load,
    load_api,
    load_database,
    load_redis,
)
from orchestrator.settings.webhook import webhook_key

__all__ = [
    "REQUIRED",
    "ApiKey",
    "ApiScope",
    "ConfigurationError",
    "DatabaseSettings",
    "RedisAddress",
    "RedisSettings",
    "Settings",
    "is_configured",
    "is_loopback",
    "load",
    "load_api",
    "load_database",
    "load_redis",
    "webhook_key",
]
