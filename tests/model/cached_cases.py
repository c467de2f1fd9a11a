"""What may happen to a cached lead at the same time, and the ways to break its protocol."""

from typing import Any, Final, NamedTuple

from orchestrator.fence import Fence, Hit, SharedRows, fence_keys
from orchestrator.fence.writes import FencedWrites, Repairs
from orchestrator.gateway import records
from tests.model.cached_world import Case, Troubles

#: With Redis, its memory of what was read is gone, too: only acknowledged writes are promised.
_BACKWARDS: Final = ("never_backwards",)

WRITE = Case("two readers and a writer", "rPPw")
TWO = Case("two writers", "rPww")
TWO_SLOW = Case("two writers, two slow readers", "rrPww")
CRASH = Case("a writer crashes, its mark lapses", "rPPw", Troubles(crash=1, ticks=2))
REPAIRED = Case("a writer crashes or stands still, a repair", "rPwR", Troubles(crash=1, ticks=1))
FLUSH = Case("Redis is flushed", "rPPw", Troubles(flush=1), _BACKWARDS)
SILENT = Case("Redis is silent", "rPw", Troubles(silent=2), _BACKWARDS)
LOST = Case("replies of Redis are lost", "rPw", Troubles(lost=2), _BACKWARDS)
DELETED = Case("a lead is deleted and comes back", "rPdc", Troubles(flush=1), _BACKWARDS)
OLD = Case("the database answers from an old snapshot", "rPPw", Troubles(old=1))
FORGOTTEN = Case("a write forgets the version", "rPv", Troubles(flush=1), _BACKWARDS)
SERVICE = Case("a service keeps what it has read", "sgPw", Troubles(crash=1, ticks=1))
SERVICE_FLUSH = Case("a service, Redis is flushed", "sgPw", Troubles(flush=1), _BACKWARDS)
SERVICE_DELETED = Case("a service, a deletion", "sgdc", Troubles(flush=1), _BACKWARDS)
SERVICE_ANEW = SERVICE_DELETED._replace(name="a service, a deletion, a reader", processes="sgPdc")
UNVERSIONED = Case("a service keeps leads without a version", "urPw")
PAST = Case("a service writes past the gateway, and deletes the key", "rsPe", excused=_BACKWARDS)

#: Explored to the end on every run of the tests.
CASES: Final = (
    *(WRITE, TWO, CRASH, REPAIRED, FLUSH, SILENT, LOST, DELETED, OLD, FORGOTTEN),
    *(SERVICE, SERVICE_FLUSH, SERVICE_DELETED, UNVERSIONED, PAST),
)
#: Explored by `python -m tests.model --deep`, too.
DEEP_CASES: Final = (
    TWO_SLOW,
    SERVICE_ANEW,
    Case("two writers, a crash, a repair", "rPwwR", Troubles(crash=1)),
    Case("a crash and a silent Redis", "rPwR", Troubles(1, 1, 0, 0, 0, 1), _BACKWARDS),
    Case("a service, a deletion, a crash", "sgPdc", Troubles(crash=1, ticks=1)),
)


class CachedMutation(NamedTuple):
    """One way to break the protocol, where it shows, and which promises it may break."""

    name: str
    case: Case
    breaks: tuple[str, ...]
    lua: tuple[tuple[str, str, str], ...] = ()
    patch: tuple[Any, str, Any] | None = None

    @property
    def mutant(self) -> Case:
        """The case with broken scripts."""
        return self.case._replace(lua=self.lua)


async def _repairs_nothing(_: Repairs) -> int:
    return 0


async def _leaves_the_fence(self: SharedRows, key: str) -> None:
    await self._redis.unlink(fence_keys(key)[0])


async def _leaves_no_version(*_: object) -> None:
    """Leave nothing in the database."""


def _checks_nothing(*_: object) -> None:
    """Let a writer commit that stood still."""


async def _serves_any(self: Fence, key: str) -> Any:
    value: Any = await self._redis.get(key)
    return await _READ(self, key) if value is None else Hit(value, 1, 0)


_READ: Final = Fence.read
_RAISE: Final = "redis.call('HSET', fence, 'generation', generation)\n"
_IS_CLOSED: Final = "if redis.call('EXISTS', closed) == 1 then"
_STALE, _OLDER = ("never_stale",), ("never_stale", "never_backwards")

CACHED_MUTATIONS: Final = (
    CachedMutation(
        "no generation is raised before the commit", CRASH, _OLDER, (("close", _RAISE, ""),)
    ),
    CachedMutation(
        "no generation is raised after the commit", FORGOTTEN, _STALE, (("open", _RAISE, ""),)
    ),
    CachedMutation(
        "the key is not closed",
        WRITE,
        _OLDER,
        (("close", "redis.call('ZADD', closed, now_ms + closed_ms, token)\n", ""),),
    ),
    CachedMutation(
        "readers do not see that the key is closed",
        WRITE,
        _OLDER,
        (("read", _IS_CLOSED, "if false then"),),
    ),
    CachedMutation(
        "the first of two writers opens for both",
        TWO_SLOW,
        _OLDER,
        (("open", "redis.call('ZREM', closed, token)", "redis.call('DEL', closed)"),),
    ),
    CachedMutation(
        "the entry stays while its row is written",
        CRASH,
        _OLDER,
        (("close", "redis.call('UNLINK', entry)\n", ""),),
    ),
    CachedMutation(
        "a fill of any generation is stored",
        FORGOTTEN,
        _STALE,
        (("fill", "if known[1] ~= generation then", "if false then"),),
    ),
    CachedMutation(
        "a fill is stored where the fence was lost",
        FLUSH,
        ("never_stale", "repaired"),
        (("fill", "if known[1] ~= generation", "if known[1] and known[1] ~= generation"),),
    ),
    CachedMutation(
        "a fill of an older version is stored",
        OLD,
        _OLDER,
        (("fill", "if known[2] and tonumber(known[2]) > version then", "if false then"),),
    ),
    CachedMutation(
        "the fence is not told the version that was committed",
        SERVICE,
        _OLDER,
        (("open", "redis.call('HSET', fence, 'version', ARGV[3])", ""),),
    ),
    CachedMutation(
        "a service keeps a version that is not known to be the latest",
        SERVICE,
        _OLDER,
        (("put", "if version ~= '' and", "if false and"),),
    ),
    CachedMutation(
        "a service keeps what it has while the key is closed",
        SERVICE,
        _OLDER,
        (("put", _IS_CLOSED, "if false then"),),
    ),
    CachedMutation(
        "a deletion leaves no version in the database",
        SERVICE_ANEW,
        _STALE,
        patch=(records, "_leave_versions", _leaves_no_version),
    ),
    CachedMutation(
        "the gateway serves what has no version",
        UNVERSIONED,
        _OLDER,
        patch=(Fence, "read", _serves_any),
    ),
    CachedMutation(
        "a deletion by the documented function leaves the fence",
        PAST,
        _STALE,
        patch=(SharedRows, "drop", _leaves_the_fence),
    ),
    CachedMutation(
        "writes that Redis was not told of are not repaired",
        SILENT,
        ("repaired",),
        patch=(Repairs, "repair", _repairs_nothing),
    ),
    CachedMutation(
        "a writer commits that stood still while its keys were closed",
        CRASH,
        _OLDER,
        patch=(FencedWrites, "_check_still_closed", _checks_nothing),
    ),
    CachedMutation(
        "a mark does not expire",
        CRASH,
        ("everything_expires",),
        (("close", "redis.call('PEXPIRE', closed, closed_ms)\n", ""),),
    ),
)
