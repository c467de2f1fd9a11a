"""Reads Redis URLs into what may be shown and compared: never the user, never the password."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from redis.asyncio.connection import parse_url


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where one database is. `server` is host and port, or a socket's path."""

    server: str
    database: int
    has_password: bool
    is_local: bool

    def __str__(self) -> str:
        return f"{self.server}/{self.database}"


def is_redis(url: str) -> bool:
    """Say whether *url* is that of a single Redis server."""
    return urlsplit(url).scheme in {"redis", "rediss"}


def read_address(url: str) -> RedisAddress:
    """Read *url* as redis-py does, a database in its query included."""
    parsed = parse_url(url)
    host, port = parsed.get("host", "localhost"), parsed.get("port", 6379)
    return RedisAddress(
        server=f"{host}:{port}",
        database=int(parsed.get("db", 0)),
        has_password=bool(parsed.get("password")),
        is_local=_is_loopback(host),
    )


def shown(url: str) -> str:
    """Return *url* without what is secret in it: user, password, query.

    A password that holds an unescaped `/`, `?` or `#` ends up elsewhere in the URL, so of one
    that cannot be read for certain only the scheme is shown.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://(an address that cannot be shown)"
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{'' if port is None else f':{port}'}{parts.path}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
