"""Says how often each kind of lookup was answered from the cache."""

from collections.abc import Mapping
from typing import Final

from redis.exceptions import RedisError

from orchestrator.cache import HitRate, hit_rates
from orchestrator.doctor.finding import Finding, ok, warning
from orchestrator.infra.connections import open_redis
from orchestrator.infra.counters import Counters
from orchestrator.settings import Settings

#: Share of hits below which a cache is hardly worth having.
LOW: Final = 0.5
#: Lookups below which a share says nothing.
ENOUGH: Final = 20
#: Days that are looked back on.
DAYS: Final = 7


async def check_hit_rates(settings: Settings) -> list[Finding]:
    """Read the fleet's counters of the last days."""
    async with open_redis(settings.redis_jobs_url) as client:
        try:
            return judge_hit_rates(await Counters(client).read(DAYS))
        except (RedisError, OSError):
            fix = "Mend what the findings about Redis name."
            return [warning("hit rate", "unknown, since Redis could not be asked", fix)]


def judge_hit_rates(counts: Mapping[str, int]) -> list[Finding]:
    """Judge each kind that was asked for, by the counters' names and totals. Pure."""
    rates = hit_rates(counts)
    if not rates:
        return [ok("hit rate", f"no lookups in the last {DAYS} days")]
    return [_judge(rate) for rate in rates]


def _judge(rate: HitRate) -> Finding:
    check = f"hit rate {rate.kind}"
    if rate.lookups < ENOUGH:
        return ok(check, f"{rate.hits} of {rate.lookups} lookups; too few to judge")
    what = f"{rate.share:.0%} of {rate.lookups:,} lookups in the last {DAYS} days"
    if rate.share < LOW:
        fix = (
            "Look for keys that are invalidated or expire before they are read again "
            "(REDIS_TTL, bulk invalidations), or for lookups that never repeat."
        )
        return warning(check, what, fix)
    return ok(check, what)
