"""Reads the settings from the environment; every problem is reported at once."""

import os
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from orchestrator.settings.environment import stripped
from orchestrator.settings.errors import ConfigurationError
from orchestrator.settings.model import ApiSettings, DatabaseSettings, RedisSettings, Settings

_Model = TypeVar("_Model", bound=BaseSettings)

REQUIRED = ("REDIS_URL", "DATABASE_URL", "SURFSENSE_URL")
"""What a production entry cannot start without."""


def is_configured() -> bool:
    """Say whether the environment names any part of a real installation.

    One is enough: half a configuration must be completed, never filled up with
    simulated parts, or invented evidence would enter a real memo.
    """
    return any(stripped(os.environ.get(name, "")) for name in REQUIRED)


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; an empty variable counts as unset.

    Args:
        overrides: Values by variable name that win over the environment.

    Raises:
        ConfigurationError: With every problem at once. Values are never quoted, since
            most of them are secrets.
    """
    return _read(Settings, overrides)


def load_api() -> ApiSettings:
    """Read the settings of the API, which does without the seller's key.

    Raises:
        ConfigurationError: With every problem at once.
    """
    return _read(ApiSettings, {})


def load_redis() -> RedisSettings:
    """Read what the caches need from the environment, and nothing else.

    Raises:
        ConfigurationError: With every problem at once.
    """
    return _read(RedisSettings, {})


def load_database() -> DatabaseSettings:
    """Read where the database is from the environment, and nothing else.

    Raises:
        ConfigurationError: With every problem at once.
    """
    return _read(DatabaseSettings, {})


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
