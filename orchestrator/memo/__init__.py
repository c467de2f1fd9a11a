"""Memoization of expensive answers over Redis, shared by all processes of a fleet.

One caller of a cold key becomes the *leader* and loads; all others are *followers* and are
notified when it is done. The package knows nothing of companies, prices or HTTP: it stores
opaque JSON objects under the keys that it is given. `memo.py` drives a lookup, `flight.py` leads a
load, `follower.py` waits for one; `lua/` is what must be atomic, `store.py` calls it.
"""

from orchestrator.memo.entry import Entry, Failure
from orchestrator.memo.errors import (
    CorruptEntry,
    LeaseLost,
    LoadFailed,
    MemoError,
    NotDurable,
    RecordGone,
    StillLoading,
)
from orchestrator.memo.flight import (
    Abandoned,
    Abandonment,
    FailureCodec,
    Flight,
    Loaded,
    NotShared,
    Outcome,
    Source,
)
from orchestrator.memo.memo import RECORD_UNREADABLE, Memo
from orchestrator.memo.options import Durability, MemoOptions
from orchestrator.memo.store import LeftRecord, Records

__all__ = [
    "RECORD_UNREADABLE",
    "Abandoned",
    "Abandonment",
    "CorruptEntry",
    "Durability",
    "Entry",
    "Failure",
    "FailureCodec",
    "Flight",
    "LeaseLost",
    "LeftRecord",
    "LoadFailed",
    "Loaded",
    "Memo",
    "MemoError",
    "MemoOptions",
    "NotDurable",
    "NotShared",
    "Outcome",
    "RecordGone",
    "Records",
    "Source",
    "StillLoading",
]
