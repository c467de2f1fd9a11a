"""Cached copies of database rows that are never older than an acknowledged write.

The protocol and its reasons: docs/decisions/0033-a-cache-that-is-never-stale.md. It knows nothing
of leads: rows have a key, a version, and a JSON form that begins with the version. The writer's
side, which needs the database, is imported as `orchestrator.fence.writes`: services that only use
the documented cache functions need none.
"""

from .fence import FENCE_PREFIX, Fence, Hit, Miss, SharedRows

__all__ = [
    "FENCE_PREFIX",
    "Fence",
    "Hit",
    "Miss",
    "SharedRows",
]
