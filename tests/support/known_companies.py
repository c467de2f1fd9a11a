"""Companies that were bought."""

from redis.asyncio import Redis

from orchestrator.memo import Entry
from orchestrator.memo.entry import encode
from orchestrator.purchasing import entry_key

KNOWN_PRICE = 5_500
_NOW_MS, _LATER_MS = 1_764_000_000_000, 4_000_000_000_000


async def know(redis: Redis, key: str, *, status: str = "found") -> None:
    """Store what was bought about a company."""
    answer = {"empresa": key, "pais": {"value": "ES", "confidence": 0.9}}
    payload = {
        "answer": answer if status == "found" else {},
        "company": key.title(),
        "purchase_id": f"purchase-of-{key}",
        "cost_micros": KNOWN_PRICE,
    }
    entry = encode(Entry(status, payload, _NOW_MS, _LATER_MS), token="0" * 24)
    await redis.set(entry_key(key), entry, ex=60)
