"""The permissions that a Redis user needs, and a dry run of all of them that changes nothing.

The server checks a command that is queued between MULTI and DISCARD against the user's rules, its
memory, its disk and its role as if it were executed, and then drops it. `docs/operations.md` has
the same rules as one line for an ACL file; a test compares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.infra.redis_client import refusal_code
from orchestrator.messaging.app import QUEUES


def _commands(text: str) -> tuple[str, ...]:
    return tuple(command.strip() for command in text.split(";"))


#: Needed on every connection. PING, SELECT and the login itself are tried by connecting.
_CONNECTING: Final = _commands("ping; select 0; multi; exec; discard; watch {key}; unwatch")
#: Each command that this project's code and scripts use, with arguments that it accepts.
_OURS: Final = _CONNECTING + _commands("""
    bitcount {key}; bitop and {key} {key}; del {key}; evalsha 0 0; exists {key}; expire {key} 1;
    get {key}; getbit {key} 0; getex {key}; getrange {key} 0 1; hdel {key} f; hexists {key} f;
    hget {key} f; hgetall {key}; hincrby {key} f 1; hlen {key}; hmget {key} f; hset {key} f v;
    hsetnx {key} f v; incr {key}; info; llen {key}; lrange {key} 0 1; ltrim {key} 0 1; mget {key};
    pexpire {key} 1; pttl {key}; rename {key} {key}; rpush {key} v; sadd {key} v; scan 0;
    scard {key}; script load x; script exists x; set {key} v; setbit {key} 0 1;
    setrange {key} 0 v; sismember {key} v; smembers {key}; spop {key};
    srem {key} v; time; type {key}; unlink {key};
    zadd {key} 1 v; zcard {key}; zmscore {key} v; zpopmin {key}; zrange {key} 0 1;
    zrangebyscore {key} 0 1; zrem {key} v; zremrangebyscore {key} 0 1; zscore {key} v
""")
#: What Celery's client uses.
_CELERYS: Final = _CONNECTING + _commands("""
    brpop {key} 1; del {key}; eval x 0; evalsha 0 0; exists {key}; expire {key} 1; get {key};
    hdel {key} f; hget {key} f; hset {key} f v; llen {key}; lpush {key} v; pexpire {key} 1;
    rpop {key}; rpush {key} v; sadd {key} v; script load x; script exists x; set {key} v;
    smembers {key}; srem {key} v; zadd {key} 1 v; zcard {key}; zrange {key} 0 1; zrem {key} v;
    zrevrangebyscore {key} 1 0
""")
#: Commands of which only some subcommands are allowed.
_WITH_SUBCOMMANDS: Final = ("script",)


@dataclass(frozen=True, slots=True)
class Needs:
    """Permissions in the database of one purpose: commands, patterns of keys, channels.

    `heard` are subscribed to as patterns, which a rule must repeat literally.
    """

    commands: Sequence[str]
    keys: Sequence[str]
    channels: Sequence[str] = ()
    heard: Sequence[str] = ()


NEEDS: Final[Mapping[str, Needs]] = {
    "memo": Needs(
        (*_OURS, "publish {channel} x", "subscribe {channel}", "unsubscribe"),
        ("surfsense:*", "memo1:*", "strays1:*"),
        ("memo1:settled",),
    ),
    "jobs": Needs(
        _OURS,
        (
            *("jobs1:*", "budget1:*", "pace1:*"),
            *("counters1:*", "schedule1:*", "workers1:*"),
        ),
    ),
    "gateway": Needs(
        _OURS,
        (
            *("lead:*", "oportunidad:*", "dashboard:metrics:*"),
            *("user:session:*", "surfsense:*", "gateway1:*"),
        ),
    ),
    "broker": Needs(
        (*_CELERYS, "psubscribe {channel}", "punsubscribe", "publish {channel} x"),
        (*(f"{queue}*" for queue in QUEUES), "_kombu.*", "unacked*", "*.pidbox*", "celeryev*"),
        ("/2.celery.pidbox", "/2.celeryev/worker.*"),
    ),
}


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a server would refuse: rules that its user lacks, and codes of other refusals."""

    missing: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()


def acl_rules() -> str:
    """Return the rules of a user with all permissions that are needed, and no others."""
    commands = {_rule(each) for needs in NEEDS.values() for each in needs.commands}
    keys = [f"~{pattern}" for needs in NEEDS.values() for pattern in needs.keys]
    channels = [f"&{name}" for needs in NEEDS.values() for name in (*needs.channels, *needs.heard)]
    parts = ["resetkeys", *dict.fromkeys(keys), "resetchannels", *channels, "-@all"]
    return " ".join([*parts, *sorted(commands)])


async def try_dry(client: Redis, purpose: str) -> DryRun:
    """Try every command that *purpose* needs on the server of *client*; none is executed.

    Raises:
        RedisError, OSError: The server is unavailable.
    """
    needs = NEEDS[purpose]
    connection: Any = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py's
    missing: dict[str, None] = {}
    codes: set[str] = set()

    async def ask(rule: str, command: str) -> bool:
        await connection.send_command(*command.split(" "))
        try:
            await connection.read_response()
        except ResponseError as refused:
            code = refusal_code(refused)
            if code == "NOPERM":
                missing[_missing(str(refused), rule, command)] = None
            elif code != "ERR":  # of a command that cannot be queued, but is allowed
                codes.add(code)
            return False
        return True

    try:
        # Without a transaction the commands would be executed.
        if await ask("+multi", "multi"):
            for rule, command in _trials(needs):
                await ask(rule, command)
            await ask("+discard", "discard")
    finally:
        # Also ends a transaction that could not be discarded.
        await connection.disconnect()
        await client.connection_pool.release(connection)
    return DryRun(tuple(missing), frozenset(codes))


def _trials(needs: Needs) -> list[tuple[str, str]]:
    """Return commands, each with the rule that allows it; all of them for the first key."""
    keys = [pattern.replace("*", "doctor") for pattern in needs.keys]
    channel = next((name.replace("*", "0") for name in needs.channels), "")
    trials = [
        (_rule(each), each.format(key=keys[0], channel=channel))
        for each in needs.commands
        if _rule(each) not in ("+multi", "+exec", "+discard")
    ]
    return [*trials, *((_rule("unlink"), f"unlink {key}") for key in keys[1:])]


def _rule(command: str) -> str:
    words = command.split(" ")
    return f"+{'|'.join(words[: 1 + (words[0] in _WITH_SUBCOMMANDS)])}"


def _missing(refusal: str, rule: str, command: str) -> str:
    """Return the rule that would have allowed *command*, by the text of its refusal."""
    if "channel" in refusal:
        return f"&{command.split(' ')[1]}"
    if " key" in refusal:
        return f"~{command.split(' ')[1].replace('doctor', '*')}"
    return rule
