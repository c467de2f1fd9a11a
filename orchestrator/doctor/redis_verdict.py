"""Judges a Redis or Valkey server by what it says of itself. Pure.

Eviction and persistence matter where paid results, purchases under way, queues and job
records lie; a server that holds only the gateway's caches may forget what it likes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.settings import RedisAddress

#: GETEX, and SET with PXAT, came with this version; Valkey forked from a later one.
OLDEST: Final = (6, 2)
#: Shares of `maxmemory` from which a server that evicts nothing is about to refuse writes.
CROWDED: Final = 0.75
FULL: Final = 0.9

_NO_EVICTION = "Set `maxmemory-policy noeviction` in the server's configuration."
_APPEND_ONLY = "Set `appendonly yes` and `appendfsync always` in the server's configuration."
_MORE_MEMORY = "Raise `maxmemory`, or give the server a machine with more memory."


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server says of itself; None and empty text where it does not say.

    `used_bytes` and `limit_bytes` are memory; a limit of 0 is none.
    """

    product: str
    version: str
    eviction: str
    append_only: bool | None
    append_fsync: str
    append_status: str
    used_bytes: int
    limit_bytes: int
    replicas: int = 0
    role: str = ""

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """Major and minor version; empty if it does not say."""
        return tuple(int(part) for part in self.version.split(".")[:2] if part.isdigit())


def read_facts(info: Mapping[str, Any], append_fsync: str) -> ServerFacts:
    """Read the answer to INFO, as redis-py parses it."""
    is_valkey = "valkey_version" in info
    appends = info.get("aof_enabled")
    return ServerFacts(
        product="Valkey" if is_valkey else "Redis",
        version=str(info.get("valkey_version" if is_valkey else "redis_version", "")),
        eviction=str(info.get("maxmemory_policy", "")),
        append_only=None if appends is None else bool(appends),
        append_fsync=append_fsync,
        append_status=str(info.get("aof_last_write_status", "ok")),
        used_bytes=int(info.get("used_memory", 0)),
        limit_bytes=int(info.get("maxmemory", 0)),
        replicas=int(info.get("connected_slaves", 0)),
        role=str(info.get("role", "")),
    )


def judge_server(server: str, facts: ServerFacts, *, holds_work: bool) -> list[Finding]:
    """Judge one server; `holds_work` says that more than the gateway's caches is there."""
    check = f"redis {server}"
    findings = [_version(check, facts)]
    if holds_work:
        findings += [_eviction(check, facts), _persistence(check, facts)]
    if facts.role not in ("", "master"):
        what = "is a replica, and takes no writes"
        findings.append(fault(check, what, "Give the address of its primary, or use Sentinel."))
    return [*findings, *_memory(check, facts)]


def judge_password(address: RedisAddress) -> list[Finding]:
    """Judge how a server that has answered on *address* is protected."""
    if address.password or address.is_local:
        return []
    what = "takes commands from the network without a password"
    fix = "Set `requirepass` on the server and put the password into its URL."
    return [fault(f"redis {address.server}", what, fix)]


def judge_databases(addresses: Iterable[tuple[str, RedisAddress]]) -> Finding:
    """Judge whether each purpose, given by name, has a database of its own."""
    purposes: dict[str, list[str]] = {}
    for purpose, address in addresses:
        purposes.setdefault(str(address), []).append(purpose)
    shared = {where: names for where, names in purposes.items() if len(names) > 1}
    if not shared:
        return ok("redis databases", f"each purpose has its own: {', '.join(purposes)}")
    what = "; ".join(f"{' and '.join(names)} share {where}" for where, names in shared.items())
    fix = "Name different databases in REDIS_URL, GATEWAY_REDIS_URL and CELERY_BROKER_URL."
    return fault("redis databases", what, fix)


def _version(check: str, facts: ServerFacts) -> Finding:
    if facts.product == "Redis" and facts.version_numbers < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        what = f"is Redis {facts.version or 'of an unknown version'}, older than {wanted}"
        return fault(check, what, f"Upgrade it to Redis {wanted} or later, or to Valkey.")
    return ok(check, f"is {facts.product} {facts.version}")


def _eviction(check: str, facts: ServerFacts) -> Finding:
    match facts.eviction:
        case "noeviction":
            return ok(check, "evicts nothing")
        case "":
            return warning(check, "does not say what it evicts when it is full", _NO_EVICTION)
        case policy:
            what = f"evicts keys when it is full ({policy}): queues and journals would be lost"
            return fault(check, what, _NO_EVICTION)


def _persistence(check: str, facts: ServerFacts) -> Finding:
    if facts.append_only is None or (facts.append_only and not facts.append_fsync):
        return warning(check, "does not say how it keeps what it acknowledges", _APPEND_ONLY)
    if not facts.append_only:
        return fault(check, "forgets acknowledged work when it restarts", _APPEND_ONLY)
    if facts.append_fsync == "no":
        what = "leaves it to the system when its file reaches the disk (appendfsync no)"
        return fault(check, what, _APPEND_ONLY)
    if facts.append_status != "ok":
        fix = "Make room on the disk of its append-only file, and read the server's log."
        return fault(check, "cannot write its append-only file", fix)
    if facts.append_fsync != "always":
        what = (
            "forgets up to two seconds of what it has acknowledged if it is killed while its disk "
            f"is busy, or loses power (appendfsync {facts.append_fsync})"
        )
        return warning(check, what, _APPEND_ONLY)
    return ok(check, f"keeps what it acknowledges (appendfsync {facts.append_fsync})")


def _memory(check: str, facts: ServerFacts) -> list[Finding]:
    if not facts.limit_bytes:
        return []
    share = facts.used_bytes / facts.limit_bytes
    what = f"uses {share:.0%} of its memory"
    if share >= FULL:
        return [fault(check, f"{what} and will soon refuse to write", _MORE_MEMORY)]
    if share >= CROWDED:
        return [warning(check, what, _MORE_MEMORY)]
    return [ok(check, what)]
