"""Addresses as settings give them: checked, secret, and each server's databases by purpose."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr, ValidationInfo

from orchestrator.infra.redis_address import SCHEMES, RedisAddress, with_options

MEMO_DB = 1
GATEWAY_DB = 0
BROKER_DB = 2
JOBS_DB = 3
"""Redis database numbers: one server, one purpose a database (docs/architecture.md)."""


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


def _redis(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    """Refuse what not both clients of Redis, ours and Celery's, would understand alike."""
    url = secret.get_secret_value()
    if url.startswith("sentinel://"):
        url = with_options(url, **_sentinel_options(info.data))
    RedisAddress.parse(url)
    return SecretStr(url)


def _sentinel_options(data: Mapping[str, Any]) -> dict[str, str]:
    options = {}
    if data.get("sentinel_master"):
        options["master_name"] = data["sentinel_master"]
    if data.get("sentinel_password"):
        options["sentinel_password"] = data["sentinel_password"].get_secret_value()
    return options


def _broker(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    scheme = secret.get_secret_value().partition("://")[0]
    if scheme in ("amqp", "amqps"):
        return secret
    if scheme not in SCHEMES:
        known = " or ".join(f"{known}://" for known in (*SCHEMES, "amqp", "amqps"))
        raise ValueError(f"must start with {known}")
    return _redis(secret, info)


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
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
BrokerUrl = Annotated[SecretStr, AfterValidator(_broker)]
DatabaseUrl = Annotated[SecretStr, _url_with_scheme("sqlite", "postgresql", "postgres")]
WebhookUrl = Annotated[SecretStr, _url_with_scheme("http", "https")]
HttpUrl = Annotated[
    SecretStr, _url_with_scheme("http", "https"), AfterValidator(_without_credentials)
]
