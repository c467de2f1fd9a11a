"""Who may ask for what: holders of a key or, without keys, programs on this machine.

A web page that is open in a browser here is not one of them: it can send requests to loopback
under a host name of its own (DNS rebinding) or across origins, and each may spend money.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.settings import ApiKey, ApiScope

from .bodies import IMPORT_PATH, JOBS_PATH, is_upload, media_type_of
from .errors import Refusal, Refused

#: For the OpenAPI document only. `Guard` checks the key before a body is read, which FastAPI does
#: ahead of every dependency.
KEY_DOCUMENTED = (
    Security(HTTPBearer(auto_error=False)),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
)
#: Open without a key, as they stand: they say only whether the backends answer.
OPEN_PATHS: Final = ("/health", "/health/live", "/health/ready")
#: Open to every key.
DOCUMENTATION: Final = ("/docs", "/openapi.json")
METRICS_PATH: Final = "/metrics"
_CALLER: Final = "emasai.caller"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_NO_KEY = Refusal(
    "unauthorized",
    "This API needs a key: send the header 'Authorization: Bearer <key>' or "
    "'X-API-Key: <key>' with the server's EMASAI_API_KEY, or one of its EMASAI_API_KEYS.",
    headers={"WWW-Authenticate": "Bearer"},
)
_OTHER_HOST = Refusal(
    "wrong_host",
    "Without EMASAI_API_KEY this API answers under 127.0.0.1 and localhost only; "
    "use one of them, or set a key.",
)
_OTHER_ORIGIN = Refusal(
    "wrong_origin",
    "The request comes from a web page of another origin; send it from a program.",
)
_NO_JSON = Refusal(
    "unsupported_media_type",
    "The body must be JSON; send it with the header 'Content-Type: application/json'. "
    f"POST {JOBS_PATH} and POST {IMPORT_PATH} take files, too.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request. With a *tenant*, it sees and spends for that tenant only."""

    tenant: str | None = None

    def tenant_of(self, asked: str | None, default: str) -> str:
        """Return for whom work is done: *asked*, if it is said, else the key's, else *default*.

        Raises:
            Refused: The key is bound to another tenant.
        """
        self.check(asked)
        return asked or self.tenant or default

    def filter_of(self, asked: str | None) -> str | None:
        """Return whose jobs are meant; None for all tenants'.

        Raises:
            Refused: The key is bound to another tenant.
        """
        self.check(asked)
        return asked or self.tenant

    def sees(self, tenant: str) -> bool:
        """Say whether the jobs of *tenant* are for this caller."""
        return self.tenant in {None, tenant}

    def check(self, asked: str | None) -> None:
        """Raise `Refused` if the key is bound to another tenant than *asked*."""
        if asked is not None and not self.sees(asked):
            message = f"This key is for the tenant '{self.tenant}' alone; name it, or none."
            raise Refused(Refusal("other_tenant", message))


def caller_of(scope: Scope) -> Caller:
    """Return who sent a request that `Guard` has let in."""
    caller: Caller = scope[_CALLER]
    return caller


def is_loopback(host: str) -> bool:
    """Say whether *host* is `localhost` or a loopback address.

    Stricter than `infra.redis_address`, which says where to connect to: this is what a caller
    claims, and a name below `localhost` may be a web page's own.
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that refuses requests before anything of them is read.

    It asks for a key, or without keys for a host name that means this machine. Web pages of other
    origins may change nothing, and cannot send JSON: its content type is asked for, whatever the
    framework would make of a body without one.
    """

    def __init__(self, app: ASGIApp, *, keys: Sequence[ApiKey]) -> None:
        self._app = app
        self._keys = [(key.secret.get_secret_value().encode(), key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403, 415 or 421, or pass the request on with its `Caller`."""
        refusal = None
        if scope["type"] == "http":
            refusal = self._refusal(scope) or _change_refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal.response(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        scope[_CALLER] = Caller()
        if scope["path"] in OPEN_PATHS and not scope["query_string"]:
            return None
        headers = Headers(scope=scope)
        if not self._keys:
            return None if is_loopback(_host(headers)) else _OTHER_HOST
        key = self._key_for(_given_key(headers))
        if key is None:
            return _NO_KEY
        scope[_CALLER] = Caller(key.tenant)
        return _scope_refusal(scope, key)

    def _key_for(self, given: str) -> ApiKey | None:
        """Return the key that was *given*. Takes as long whichever it is, or none."""
        # Headers are latin-1; encoding them so gives back the bytes that were sent.
        sent, found = given.encode("latin-1"), None
        for secret, key in self._keys:
            if hmac.compare_digest(sent, secret):
                found = key
        return found


def _scope_refusal(scope: Scope, key: ApiKey) -> Refusal | None:
    path = scope["path"]
    if path.startswith(DOCUMENTATION):
        return None
    if path == METRICS_PATH:
        needed = ApiScope.METRICS
    else:
        needed = ApiScope.READ if scope["method"] in _SAFE else ApiScope.WORK
    if needed in key.scopes:
        return None
    message = f"This key has not the scope '{needed}', which this request needs; use one that has."
    return Refusal("missing_scope", message)


def _change_refusal(scope: Scope) -> Refusal | None:
    if scope["method"] in _SAFE:
        return None
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return _OTHER_ORIGIN
    origin = headers.get("origin")
    # Without the scheme: a proxy that speaks TLS passes on what the browser called it by.
    if origin is not None and _authority(origin) != headers.get("host", "").lower():
        return _OTHER_ORIGIN
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if has_body and not (_is_json(media_type_of(scope)) or is_upload(scope)):
        return _NO_JSON
    return None


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _authority(origin: str) -> str:
    _, separator, authority = origin.lower().partition("://")
    return authority if separator else ""


def _host(headers: Headers) -> str:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _given_key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
