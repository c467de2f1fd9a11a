"""The keys of the HTTP API: what each may do, and for which tenant."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr, TypeAdapter, ValidationError

from orchestrator.infra.bounds import Tenant

#: Characters of a key at least. A key that can be guessed is none.
SHORTEST: Final = 16
_TENANT: Final[TypeAdapter[str]] = TypeAdapter(Tenant)
_SEPARATORS: Final = re.compile(r"[\s,]+")
_FORM: Final = "'<scope>[+<scope>][@<tenant>]=<key>', with the scopes metrics, read and work"


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
    """One key. With a *tenant*, its holder sees and asks for work of that tenant alone."""

    secret: SecretStr
    scopes: frozenset[ApiScope] = frozenset(ApiScope)
    tenant: str | None = None


def parse_api_keys(text: str) -> tuple[ApiKey, ...]:
    """Return the keys that *text* lists, separated by blanks, line ends or commas.

    Raises:
        ValueError: An entry has another form. The message never quotes it.
    """
    entries = [entry for entry in _SEPARATORS.split(text) if entry]
    return tuple(_parse_entry(number, entry) for number, entry in enumerate(entries, 1))


def _parse_entry(number: int, entry: str) -> ApiKey:
    rights, equals, key = entry.partition("=")
    scopes, at, tenant = rights.partition("@")
    try:
        parsed = frozenset(ApiScope(scope) for scope in scopes.split("+"))
        whose = _TENANT.validate_python(tenant) if at else None
    except (ValueError, ValidationError):
        # From None: the foreign message quotes the entry, which may be a key.
        raise ValueError(f"has an entry (number {number}) that is not {_FORM}") from None
    if not equals:
        raise ValueError(f"has an entry (number {number}) that is not {_FORM}")
    if whose is not None and ApiScope.METRICS in parsed:
        raise ValueError(
            f"has an entry (number {number}) with a tenant and the scope metrics; "
            "metrics are those of all tenants, so give them a key of their own"
        )
    try:
        secret = check_api_key(SecretStr(key))
    except ValueError as error:
        raise ValueError(f"has an entry (number {number}) whose key {error}") from None
    return ApiKey(secret, parsed, whose)


def check_api_key(secret: SecretStr) -> SecretStr:
    """Return *secret* if it can be sent in a header and not be guessed.

    Raises:
        ValueError: It cannot; the message reads on from the setting's name.
    """
    text = secret.get_secret_value()
    if len(text) < SHORTEST:
        raise ValueError(
            f"must have at least {SHORTEST} characters; `openssl rand -hex 24` makes one"
        )
    if not text.isprintable() or any(map(str.isspace, text)):
        raise ValueError("must be without blanks and control characters")
    return secret


def _api_key(secret: SecretStr | None) -> SecretStr | None:
    stripped = secret.get_secret_value().strip() if secret else ""
    return check_api_key(SecretStr(stripped)) if stripped else None


def _api_keys(secret: SecretStr | None) -> SecretStr | None:
    keys = parse_api_keys(secret.get_secret_value()) if secret else ()
    if len({key.secret.get_secret_value() for key in keys}) < len(keys):
        raise ValueError("has the same key twice")
    return secret if keys else None


ApiKeySetting = Annotated[SecretStr | None, AfterValidator(_api_key)]
ApiKeysSetting = Annotated[SecretStr | None, AfterValidator(_api_keys)]
