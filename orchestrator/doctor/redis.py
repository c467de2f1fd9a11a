"""Checks every Redis or Valkey server that the settings name, and each database on it.

Each question is independent: what a server does not say, or a user may not ask, is a diagnosis, and
hides no other. Eviction and persistence matter where paid results, purchases under way, queues
and job records are stored; a server that holds only the gateway's caches may lose them.

A dry run of all permissions changes nothing: the server checks a command that is queued between
MULTI and DISCARD against the user's rules, its memory, its disk and its role, and drops it.
`docs/operations.md` has the same rules as one line for an ACL file; a test compares them.

Whether a server confirms writes as EMASAI_INTENT_DURABILITY asks for is tried out: several
versions confirm a write with `appendfsync everysec` before it is on disk (docs/decisions/0012).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import RedisError, ResponseError

from orchestrator.doctor import Diagnosis, fault, ok, warning
from orchestrator.infra.redis_address import RedisAddress
from orchestrator.infra.redis_client import FIXES, open_redis, refusal_code
from orchestrator.memo import Durability, NotDurable
from orchestrator.memo.store import BARRIER, read_durable
from orchestrator.messaging.app import QUEUES
from orchestrator.settings import Settings


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
    setrange {key} 0 v; sismember {key} v; smembers {key};
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
        ("surfsense:*", "memo1:*", "strays1:*", "questions1:*"),
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


#: Which setting names the database of each purpose.
_VARIABLES = {
    "memo": "REDIS_URL",
    "jobs": "REDIS_URL",
    "gateway": "GATEWAY_REDIS_URL",
    "broker": "CELERY_BROKER_URL",
}
_RULES: Final = "docs/operations.md has all rules that a user needs"
#: GETEX, and SET with PXAT, came with this version; Valkey forked from a later one.
OLDEST: Final = (6, 2)
#: WAITAOF came with this version; Valkey forked from it.
OLDEST_CONFIRMING: Final = (7, 2)
#: Shares of `maxmemory` from which a server that evicts nothing is about to refuse writes.
CROWDED: Final = 0.75
FULL: Final = 0.9
#: With `everysec` the disk is written to once a second. Two consecutive writes that are confirmed
#: faster than this (s) were not both on disk.
HONEST_S: Final = 0.5

_NO_EVICTION: Final = "Set `maxmemory-policy noeviction` in the server's configuration."
_APPEND_ONLY: Final = "Set `appendonly yes` and `appendfsync always` in the server's configuration."
_MORE_MEMORY: Final = "Raise `maxmemory`, or give the server a machine with more memory."
_ALWAYS: Final = "Set `appendfsync always` in the server's configuration."
_SETTING: Final = "EMASAI_INTENT_DURABILITY"


@dataclass(frozen=True, slots=True)
class _Database:
    purpose: str
    url: str = field(repr=False)
    address: RedisAddress


async def check_redis(settings: Settings) -> list[Diagnosis]:
    """Examine each server as a whole, and whether each database on it can be used."""
    databases = _databases(settings)
    servers: dict[str, list[_Database]] = {}
    for database in databases:
        servers.setdefault(database.address.server, []).append(database)
    wanted = Durability(settings.intent_durability)
    results = await asyncio.gather(*(_check_server(group, wanted) for group in servers.values()))
    shared = judge_databases((database.purpose, database.address) for database in databases)
    return [shared, *(diagnosis for result in results for diagnosis in result)]


def _databases(settings: Settings) -> list[_Database]:
    urls = {"memo": settings.redis_memo_url, "jobs": settings.redis_jobs_url}
    if settings.has_redis_broker:
        urls["broker"] = settings.broker_url
    urls["gateway"] = settings.redis_gateway_url
    return [_Database(purpose, url, RedisAddress.parse(url)) for purpose, url in urls.items()]


async def _check_server(databases: Sequence[_Database], wanted: Durability) -> list[Diagnosis]:
    """Examine one server; an error that makes it unusable is reported once for all databases."""
    refused: list[Diagnosis] = []
    for database in databases:
        async with open_redis(database.url) as client:
            try:
                await client.ping()
                refused += _judge_dry_run(database, await try_dry(client, database.purpose))
            except (RedisError, OSError) as error:
                return [*dict.fromkeys(refused), _unusable(database, error)]
    first = databases[0]
    check = f"redis {first.address.server}"
    holds_work = any(database.purpose != "gateway" for database in databases)
    diagnoses = [*dict.fromkeys(refused), *judge_password(first.address)]
    async with open_redis(first.url) as client:
        try:
            facts = read_facts(await client.info(), await _fsync(client))
        except (RedisError, OSError) as error:
            what = f"does not say how it is set up (INFO: {_reason(error)})"
            return [*diagnoses, warning(check, what, f"Give its user `+info`; {_RULES}.")]
        diagnoses += judge_server(first.address.server, facts, holds_work=holds_work)
        if first.purpose == "memo":
            try:
                diagnoses += await check_durability(check, client, facts, wanted)
            except (RedisError, OSError) as error:
                what = f"cannot confirm an intent ({_reason(error)}), so nothing is bought"
                diagnoses.append(fault(check, what, _fix(refusal_code(error))))
    return diagnoses


def _unusable(database: _Database, error: Exception) -> Diagnosis:
    purpose, number = database.purpose, database.address.database
    variable = _VARIABLES[purpose]
    what = f"cannot be reached ({purpose}, {_reason(error)})"
    fix = f"Start the server, or correct {variable}."
    match refusal_code(error):
        case "WRONGPASS" | "NOAUTH":
            what, fix = f"refuses the password ({purpose})", f"Correct it in {variable}."
        case "NOPERM":
            what = f"its user may not choose database {number} ({purpose})"
            fix = f"Give its user `+select +ping`; {_RULES}."
        case "LOADING":
            what, fix = (
                "is still loading its data",
                "Wait until it is done, then run the doctor again.",
            )
        case "ERR" if "cluster mode" in str(error):
            what = "is a Cluster, which has one database and not four"
            fix = "Use a server with `cluster-enabled no`, and Sentinel for a failover."
        case "ERR":
            what = f"has no database {number} ({purpose})"
            fix = "Raise `databases` in the server's configuration to 16, its default."
        case _ if isinstance(error, MasterNotFoundError):
            what = f"no Sentinel knows this master ({purpose})"
            fix = f"Correct master_name, or the hosts, in {variable}."
        case _ if "CERTIFICATE_VERIFY_FAILED" in str(error):
            what = f"has a certificate that is not trusted ({purpose})"
            fix = f"Name the file of its CA in {variable}: `?ssl_ca_certs=/path/ca.pem`."
    return fault(f"redis {database.address}", what, fix)


def _judge_dry_run(database: _Database, dry_run: DryRun) -> list[Diagnosis]:
    diagnoses = []
    if dry_run.missing:
        rules = " ".join(dry_run.missing)
        what = f"its user may not do what is needed ({database.purpose}): {rules} missing"
        fix = f"Give its user `{rules}`; {_RULES}."
        diagnoses.append(fault(f"redis {database.address}", what, fix))
    for code in sorted(dry_run.codes):
        what = "is full and refuses to write" if code == "OOM" else f"refuses to write ({code})"
        diagnoses.append(fault(f"redis {database.address.server}", what, _fix(code)))
    return diagnoses


def _fix(code: str) -> str:
    sentence = FIXES.get(code, "look at the server's log")
    return f"{sentence[0].upper()}{sentence[1:]}."


def _reason(error: Exception) -> str:
    return refusal_code(error) or type(error).__name__


async def _fsync(client: Redis) -> str:
    """Return the setting; empty where a managed server does not disclose it."""
    try:
        settings = cast("dict[str, str]", await client.config_get("appendfsync"))
    except ResponseError:
        return ""
    return settings.get("appendfsync", "")


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server's answer to INFO; None and empty text where it does not say.

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


def judge_server(server: str, facts: ServerFacts, *, holds_work: bool) -> list[Diagnosis]:
    """Judge one server; `holds_work` is False if it holds only the gateway's caches. Pure."""
    check = f"redis {server}"
    diagnoses = [ok(check, f"is {facts.product} {facts.version}")]
    if facts.product == "Redis" and facts.version_numbers < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        what = f"is Redis {facts.version or 'of an unknown version'}, older than {wanted}"
        fix = f"Upgrade it to Redis {wanted} or later, or to Valkey."
        diagnoses = [fault(check, what, fix)]
    if holds_work:
        diagnoses += [_eviction(check, facts.eviction), _persistence(check, facts)]
    if facts.role not in ("", "master"):
        what = "is a replica, and takes no writes"
        diagnoses.append(fault(check, what, "Give the address of its primary, or use Sentinel."))
    if facts.limit_bytes:
        diagnoses.append(_memory(check, facts.used_bytes / facts.limit_bytes))
    return diagnoses


def judge_password(address: RedisAddress) -> list[Diagnosis]:
    """Judge how a server that has answered on *address* is protected. Pure."""
    if address.password or address.is_local:
        return []
    what = "takes commands from the network without a password"
    fix = "Set `requirepass` on the server and put the password into its URL."
    return [fault(f"redis {address.server}", what, fix)]


def judge_databases(addresses: Iterable[tuple[str, RedisAddress]]) -> Diagnosis:
    """Judge whether each purpose, given by name, has a database of its own. Pure."""
    purposes: dict[str, list[str]] = {}
    for purpose, address in addresses:
        purposes.setdefault(str(address), []).append(purpose)
    shared = {where: names for where, names in purposes.items() if len(names) > 1}
    if not shared:
        return ok("redis databases", f"each purpose has its own: {', '.join(purposes)}")
    what = "; ".join(f"{' and '.join(names)} share {where}" for where, names in shared.items())
    fix = "Name different databases in REDIS_URL, GATEWAY_REDIS_URL and CELERY_BROKER_URL."
    return fault("redis databases", what, fix)


def _eviction(check: str, policy: str) -> Diagnosis:
    match policy:
        case "noeviction":
            return ok(check, "evicts nothing")
        case "":
            return warning(check, "does not say what it evicts when it is full", _NO_EVICTION)
        case _:
            what = f"evicts keys when it is full ({policy}): queues and records would be lost"
            return fault(check, what, _NO_EVICTION)


def _persistence(check: str, facts: ServerFacts) -> Diagnosis:
    if facts.append_only is None or (facts.append_only and not facts.append_fsync):
        return warning(check, "does not say how it keeps what it acknowledges", _APPEND_ONLY)
    if not facts.append_only:
        return fault(check, "forgets acknowledged work when it restarts", _APPEND_ONLY)
    if facts.append_fsync == "no":
        what = "leaves writing to disk to the operating system (appendfsync no)"
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


def _memory(check: str, share: float) -> Diagnosis:
    what = f"uses {share:.0%} of its memory"
    if share >= FULL:
        return fault(check, f"{what} and will soon refuse to write", _MORE_MEMORY)
    return warning(check, what, _MORE_MEMORY) if share >= CROWDED else ok(check, what)


@dataclass(frozen=True, slots=True)
class Trial:
    """Two consecutive writes that were to be confirmed.

    `seconds` is how long each took; None where one was not confirmed, for the reason `refusal`.
    """

    seconds: tuple[float, float] | None
    refusal: str = ""


async def try_out(redis: Redis) -> Trial:
    """Write twice, and have each write confirmed. Leaves only a key that expires soon.

    Raises:
        RedisError, OSError: The server is unavailable, or refuses to write.
    """
    try:
        return Trial((await _confirm(redis), await _confirm(redis)))
    except NotDurable as refused:
        return Trial(None, refused.reason)


async def _confirm(redis: Redis) -> float:
    asked_at = monotonic()
    await read_durable(redis, [BARRIER])
    return monotonic() - asked_at


def judge_prerequisites(check: str, facts: ServerFacts) -> list[Diagnosis]:
    """Judge what makes a trial pointless; empty where a trial is needed. Pure."""
    asked = f"{_SETTING}=replica"
    if facts.product == "Redis" and facts.version_numbers < OLDEST_CONFIRMING:
        what = f"cannot confirm intents ({asked}), so nothing is bought"
        return [fault(check, what, "Upgrade it to Redis 7.2 or later, or to Valkey.")]
    if facts.append_only is False or facts.append_fsync == "no":
        # Beside the fault of the file itself: its consequence.
        what = f"confirms no intent ({asked}), so nothing is bought"
        return [fault(check, what, f"Fix its append-only file first, or set {_SETTING}=none.")]
    if not facts.replicas:
        what = f"has no replica ({asked}), so nothing is bought"
        fix = f"Attach a replica with `appendonly yes`, or set {_SETTING}=none."
        return [fault(check, what, fix)]
    return []


def judge_trial(check: str, facts: ServerFacts, trial: Trial) -> list[Diagnosis]:
    """Judge the trial of a server and its replica. Pure."""
    if trial.seconds is None:
        what = f"did not confirm a write, so nothing is bought: {trial.refusal}"
        fix = "Look at the load of its disk, and at its replica: it needs `appendonly yes`."
        return [fault(check, what, fix)]
    diagnoses = []
    if facts.append_fsync == "everysec" and trial.seconds[1] < HONEST_S:
        # With a replica that has it, a failover loses nothing.
        what = "confirms a write before its disk has it (appendfsync everysec)"
        diagnoses.append(warning(check, what, _ALWAYS))
    slowest_ms = max(trial.seconds) * 1000
    what = f"confirms an intent on its disk and a replica's within {slowest_ms:.0f} ms"
    return [*diagnoses, ok(check, what)]


def explain_replicas(check: str, facts: ServerFacts) -> list[Diagnosis]:
    """Report what a failover would lose where purchases do not wait for replicas. Pure."""
    if not facts.replicas:
        return []
    what = (
        f"has replicas ({facts.replicas}); a failover to one that lags loses its last intents, "
        f"whose companies are then bought twice ({_SETTING}=replica waits for it)"
    )
    return [ok(check, what)]


async def check_durability(
    check: str, redis: Redis, facts: ServerFacts, wanted: Durability
) -> list[Diagnosis]:
    """Try out the memo's server; *redis* is a client of the memo's database."""
    if wanted is Durability.NONE:
        return explain_replicas(check, facts)
    pointless = judge_prerequisites(check, facts)
    return pointless or judge_trial(check, facts, await try_out(redis))
