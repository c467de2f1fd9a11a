"""Reads the address of a Redis database, for both clients: the orchestrator's own and Celery's.

One reader for all that connect, so that a URL means the same to each of them, or is refused at
the start by all. No message quotes a URL, which holds a password.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

SCHEMES: Final = ("redis", "rediss", "unix", "sentinel")

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_MOST: Final = 1e6
_TRUE: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_VERIFY: Final = {
    "required": "required",
    "cert_required": "required",
    "none": "none",
    "cert_none": "none",
}
#: Between two Sentinels, Celery's own form repeats the scheme, and user and password.
_NEXT_SENTINEL: Final = re.compile(r";sentinel://(?:[^@/;]*@)?")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One database of a Redis installation.

    `hosts` are the server's, or those of Sentinels that know where `master` is; none for a unix
    socket, which is at `path`. `options` are settings of a connection, named as redis-py names
    them; `sentinel_login` is what Sentinels themselves ask for.
    """

    database: int = 0
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    master: str = ""
    tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> "RedisAddress":
        """Read a URL.

        Raises:
            ValueError: With what is wrong, to be read on from the name of the setting.
        """
        url = _split(text)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        login: dict[str, str] = {}
        for name in ("username", "password"):
            if f"sentinel_{name}" in query:
                login[name] = query.pop(f"sentinel_{name}")
        master = query.pop("master_name", "")
        is_sentinel = url.scheme == "sentinel"
        if (master or login) and not is_sentinel:
            raise ValueError("has options of a Sentinel, and does not start with sentinel://")
        if is_sentinel and not master:
            raise ValueError("needs the name of the master: add ?master_name=NAME to it")
        database = query.pop("db", None)
        if database is None and url.scheme != "unix":
            database = url.path.strip("/")
        return cls(
            database=_database(database or "0"),
            hosts=_hosts(url, _SENTINEL_PORT if is_sentinel else _PORT),
            path=unquote(url.path) if url.scheme == "unix" else "",
            master=master,
            tls=url.scheme == "rediss",
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            options=_read_options(query, tls=url.scheme == "rediss"),
            sentinel_login=login,
        )

    @property
    def server(self) -> str:
        """The server without its secrets; the same for all its databases."""
        if self.path:
            return self.path
        where = ",".join(host_and_port(*host) for host in self.hosts)
        return f"{self.master} (of {where})" if self.master else where

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or all(is_loopback(host) for host, _ in self.hosts)

    @property
    def user_info(self) -> str:
        """User and password as a URL has them, with the @ behind them; empty without any."""
        if self.username is None and self.password is None:
            return ""
        return f"{quote(self.username or '', safe='')}:{quote(self.password or '', safe='')}@"

    def __str__(self) -> str:
        return f"{self.server}/{self.database}"


def with_database(text: str, database: int) -> str:
    """Return a URL with the number of another *database* of the same server."""
    url = urlsplit(_NEXT_SENTINEL.sub(",", text))
    query = [(name, value) for name, value in parse_qsl(url.query) if name != "db"]
    if url.scheme == "unix":
        query.append(("db", str(database)))
    else:
        url = url._replace(path=f"/{database}")
    return _join_query(url, query)


def _join_query(url: SplitResult, query: Sequence[tuple[str, str]]) -> str:
    # `geturl` leaves out the slashes of a scheme that it does not know, such as unix.
    behind = f"?{urlencode(query)}" if query else ""
    return f"{url.scheme}://{url.netloc}{url.path}{behind}"


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(_NEXT_SENTINEL.sub(",", text))
    except ValueError:
        # From None: the foreign message may quote the URL, and with it the password.
        raise ValueError("is not a valid URL") from None
    if url.scheme not in SCHEMES:
        raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if "@" in url.path + url.query + url.fragment or url.fragment:
        # A password ends the host early; a later message would quote half of it.
        raise ValueError(
            "has a special character in its user or password; "
            "write it percent-encoded (/ as %2F, ? as %3F, # as %23, @ as %40)"
        )
    return url


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("names a database that is not a number")
    return int(text)


def _hosts(url: SplitResult, default_port: int) -> tuple[tuple[str, int], ...]:
    where = url.netloc.rpartition("@")[2]
    if url.scheme == "unix":
        if where or not url.path.strip("/"):
            raise ValueError("must have the path of a socket after unix://, as unix:///run/redis")
        return ()
    if "," in where and url.scheme != "sentinel":
        raise ValueError("names several servers; only sentinel:// does, and a Cluster is not used")
    hosts = []
    for each in (where or "localhost").split(","):
        try:
            one = urlsplit(f"//{each}")
            hosts.append((unquote(one.hostname or "localhost"), one.port or default_port))
        except ValueError:
            raise ValueError("has a port that is not a number from 0 to 65535") from None
    return tuple(hosts)


def host_and_port(host: str, port: int) -> str:
    """Return both as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether *host* can only be this machine: all of 127.0.0.0/8, ::1, localhost.

    >>> [is_loopback(host) for host in ("127.0.0.2", "::1", "app.localhost", "localhost.example")]
    [True, True, True, False]
    """
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        name = host.rstrip(".").lower()
        return name == "localhost" or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _number(kind: type[int] | type[float], at_least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = kind(text)
        if not at_least <= number <= _MOST:
            raise ValueError
        return number

    return read


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError
    return text


#: Options of a URL that both clients know, and how each is read.
OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "socket_timeout": _number(float, 0.05),
    "socket_connect_timeout": _number(float, 0.05),
    "health_check_interval": _number(int, 0),
    "socket_keepalive": lambda text: _TRUE[text.lower()],
    "max_connections": _number(int, 16),
    "client_name": str,
    "ssl_ca_certs": _file,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_cert_reqs": lambda text: _VERIFY[text.lower()],
    "ssl_check_hostname": lambda text: _TRUE[text.lower()],
}


def _read_options(query: Mapping[str, str], *, tls: bool) -> dict[str, Any]:
    options = {}
    for name, text in query.items():
        if name not in OPTIONS:
            known = ", ".join(["db", *OPTIONS, "master_name", "sentinel_username"])
            raise ValueError(f"has an option that is not known ({name[:40]!r}); known are {known}")
        if name.startswith("ssl_") and not tls:
            raise ValueError(f"has the option {name}, which only rediss:// takes")
        try:
            options[name] = OPTIONS[name](text)
        except (ValueError, KeyError):
            hint = "no such file" if name in _FILES else "a value that it cannot have"
            raise ValueError(f"has the option {name} with {hint}") from None
    if options.get("ssl_cert_reqs") == "none":
        options.setdefault("ssl_check_hostname", False)
    return options


_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
