"""The platform's documented cache: leads, opportunities, SurfSense results, dashboards, sessions.

Other services import these functions; names, keys, TTLs and databases are a contract. Values
are JSON, nothing is stored without a TTL, and a Redis that is unavailable is a miss, not an error.
"""

from orchestrator.cache.cache import Cache, Default
from orchestrator.cache.functions import (
    cache_dashboard_metrics,
    cache_lead,
    cache_oportunidad,
    cache_session,
    cache_surfsense_result,
    close_cache,
    delete_cache,
    get_cache,
    get_cached_dashboard_metrics,
    get_cached_lead,
    get_cached_oportunidad,
    get_cached_session,
    get_cached_surfsense_result,
    invalidate_pattern,
    open_cache,
    set_cache,
)
from orchestrator.cache.hit_rate import HitRate, count_lookup, hit_rates
from orchestrator.cache.keys import Kind

__all__ = [
    "Cache",
    "Default",
    "HitRate",
    "Kind",
    "cache_dashboard_metrics",
    "cache_lead",
    "cache_oportunidad",
    "cache_session",
    "cache_surfsense_result",
    "close_cache",
    "count_lookup",
    "delete_cache",
    "get_cache",
    "get_cached_dashboard_metrics",
    "get_cached_lead",
    "get_cached_oportunidad",
    "get_cached_session",
    "get_cached_surfsense_result",
    "hit_rates",
    "invalidate_pattern",
    "open_cache",
    "set_cache",
]
