"""Who may ask: the holder of the key or, without a key, programs on this machine.

A web page that a person here has open is not one of them: it can send requests to loopback
under a host name of its own (DNS rebinding), and each may spend money.
"""

import hmac
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.settings import Settings

from .errors import Refusal

#: Open to everybody: it says nothing but whether the parts answer.
OPEN_PATH = "/health"

_NO_KEY = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "unauthorized",
    "This API needs its key: send the header 'Authorization: Bearer <key>' or "
    "'X-API-Key: <key>' with the server's EMASAI_API_KEY.",
    headers={"WWW-Authenticate": "Bearer"},
)
_OTHER_HOST = Refusal(
    HTTPStatus.MISDIRECTED_REQUEST,
    "wrong_host",
    "Without EMASAI_API_KEY this API answers under 127.0.0.1 and localhost only; "
    "use one of them, or set a key.",
)


def is_loopback(host: str) -> bool:
    """Say whether *host*, a name or an address, means this machine to itself only."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def key_in(settings: Settings) -> str | None:
    """Return the key that is asked for; a blank one is none, or everybody would have it."""
    key = settings.api_key
    return (key.get_secret_value().strip() or None) if key else None


class Guard:
    """ASGI middleware that refuses strangers before anything of the request is read."""

    def __init__(self, app: ASGIApp, *, key: str | None) -> None:
        self._app = app
        self._key = key and key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 421, or pass the request on."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal.response()(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        if scope["path"] == OPEN_PATH:
            return None
        headers = Headers(scope=scope)
        if not self._key:
            return None if is_loopback(_host(headers)) else _OTHER_HOST
        # Headers are latin-1; encoding them so gives back the bytes that were sent.
        given = _given_key(headers).encode("latin-1")
        return None if hmac.compare_digest(given, self._key) else _NO_KEY


def _host(headers: Headers) -> str:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _given_key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
