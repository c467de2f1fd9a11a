"""Whether a server can confirm what EMASAI_INTENT_DURABILITY asks for: it is tried out.

Versions and settings explain why one cannot; they do not show that one does. Several versions
confirm a write with `appendfsync everysec` before the disk has it (docs/decisions/0012).
"""

from dataclasses import dataclass
from time import monotonic
from typing import Final

from redis.asyncio import Redis

from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.doctor.redis_verdict import ServerFacts
from orchestrator.memo import Durability, NotDurable
from orchestrator.memo.durability import read_durable
from orchestrator.memo.keys import BARRIER

#: WAITAOF came with this version; Valkey forked from it.
OLDEST: Final = (7, 2)
#: With `everysec` a disk is written to once a second. Two writes that are confirmed one after
#: the other in less than this (s) were not both waited for.
HONEST_S: Final = 0.5

_SETTING: Final = "EMASAI_INTENT_DURABILITY"
_ALWAYS: Final = "Set `appendfsync always` in the server's configuration."


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a write that was to be confirmed, and of another one right after it.

    `seconds` is how long each took; None where it was not confirmed, for the reason `refusal`.
    """

    seconds: tuple[float, float] | None
    refusal: str = ""


async def try_out(redis: Redis, durability: Durability) -> Trial:
    """Write twice, and let each be confirmed. Leaves nothing behind that lasts for longer.

    Raises:
        RedisError, OSError: The server is away, or refuses to write.
    """
    try:
        return Trial((await _confirm(redis, durability), await _confirm(redis, durability)))
    except NotDurable as refused:
        return Trial(None, refused.reason)


async def _confirm(redis: Redis, durability: Durability) -> float:
    asked_at = monotonic()
    await read_durable(redis, [BARRIER], durability)
    return monotonic() - asked_at


def stands_in_the_way(check: str, facts: ServerFacts, wanted: Durability) -> list[Finding]:
    """Say what makes a trial pointless; nothing where it is worth one."""
    asked = f"{_SETTING}={wanted}"
    if facts.product == "Redis" and facts.version_numbers < OLDEST:
        what = f"cannot confirm intents ({asked}), so nothing is bought"
        return [fault(check, what, "Upgrade it to Redis 7.2 or later, or to Valkey.")]
    if facts.append_only is False or facts.append_fsync == "no":
        # That is a fault of its own, with its fix; this is what it leads to.
        what = f"confirms no intent ({asked}), so nothing is bought"
        return [fault(check, what, f"Mend its append-only file first, or set {_SETTING}=none.")]
    if wanted is Durability.REPLICA and not facts.replicas:
        what = f"has no replica ({asked}), so nothing is bought"
        fix = f"Attach a replica with `appendonly yes`, or set {_SETTING}=disk."
        return [fault(check, what, fix)]
    return []


def judge_trial(
    check: str, facts: ServerFacts, wanted: Durability, disk: Trial, replica: Trial | None
) -> list[Finding]:
    """Judge what came of trying the disk out, and a replica where one is *wanted*."""
    for trial in (disk, replica):
        if trial is not None and trial.seconds is None:
            what = f"did not confirm a write, so nothing is bought: {trial.refusal}"
            fix = "Look at the load of its disk, and at its replica: it needs `appendonly yes`."
            return [fault(check, what, fix)]
    findings = []
    if facts.append_fsync == "everysec" and disk.seconds and disk.seconds[1] < HONEST_S:
        what = "confirms a write before its disk has it (appendfsync everysec)"
        # A replica has it all the same, so that a failover loses nothing.
        judge = fault if wanted is Durability.DISK else warning
        findings.append(judge(check, what, _ALWAYS))
    slowest = max(seconds for trial in (disk, replica) if trial for seconds in trial.seconds or ())
    where = "on its disk" if replica is None else "on its disk and a replica's"
    return [*findings, ok(check, f"confirms an intent {where} within {slowest * 1000:.0f} ms")]


def explain_replicas(check: str, facts: ServerFacts) -> list[Finding]:
    """Say what a failover to a replica would lose where nobody waits for it."""
    if not facts.replicas:
        return []
    what = (
        f"has replicas ({facts.replicas}); a failover to one that lags loses its last intents, "
        f"whose companies are then bought twice ({_SETTING}=replica waits for it)"
    )
    return [ok(check, what)]


async def check_durability(
    check: str, redis: Redis, facts: ServerFacts, wanted: Durability
) -> list[Finding]:
    """Examine the memo's server; *redis* is a client of the memo's database."""
    if wanted is Durability.NONE:
        return explain_replicas(check, facts)
    pointless = stands_in_the_way(check, facts, wanted)
    if pointless:
        return pointless
    disk = await try_out(redis, Durability.DISK)
    replica = None
    if wanted is Durability.REPLICA and disk.seconds is not None:
        replica = await try_out(redis, Durability.REPLICA)
    return judge_trial(check, facts, wanted, disk, replica)
