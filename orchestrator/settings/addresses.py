"""Addresses as settings give them: checked, secret, and each server's databases by purpose."""

from typing import Annotated
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import AfterValidator, SecretStr

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
WebhookUrl = Annotated[SecretStr, _url_with_scheme("http", "https")]
HttpUrl = Annotated[
    SecretStr, _url_with_scheme("http", "https"), AfterValidator(_without_credentials)
]


def names_own_database(url: str) -> bool:
    """Say whether *url* names a database of its own, and not the gateway's."""
    return urlsplit(url).path.strip("/") not in ("", str(GATEWAY_DB))


def with_database(url: str, database: int) -> str:
    """Return *url* with the number of another *database* of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
