"""Memoization of expensive answers over Redis, shared by all processes of a fleet.

One caller of a cold key becomes the *leader* and loads; all others are *followers* and are
told when it is done. The package knows nothing of companies, prices or HTTP: it stores
opaque JSON objects under the keys that it is given. `decision.py` is pure, `lua/` is what
must be atomic, `memo.py` drives both.
"""

from orchestrator.infra.redis_client import StoreFull, StoreRefused, StoreUnavailable, store_errors
from orchestrator.memo.abandonment import Abandoned, Abandonment
from orchestrator.memo.durability import Durability
from orchestrator.memo.entry import Entry
from orchestrator.memo.errors import (
    CorruptEntry,
    LeaseLost,
    LoadFailed,
    MemoError,
    NotDurable,
    NoteGone,
    StillLoading,
)
from orchestrator.memo.flight import Failure, FailureCodec, Flight, Loaded, NotShared
from orchestrator.memo.memo import NOTE_UNREADABLE, Memo, Refresh
from orchestrator.memo.notes import LeftNote, Notes
from orchestrator.memo.options import MemoOptions
from orchestrator.memo.outcome import Outcome, Source

__all__ = [
    "NOTE_UNREADABLE",
    "Abandoned",
    "Abandonment",
    "CorruptEntry",
    "Durability",
    "Entry",
    "Failure",
    "FailureCodec",
    "Flight",
    "LeaseLost",
    "LeftNote",
    "LoadFailed",
    "Loaded",
    "Memo",
    "MemoError",
    "MemoOptions",
    "NotDurable",
    "NotShared",
    "NoteGone",
    "Notes",
    "Outcome",
    "Refresh",
    "Source",
    "StillLoading",
    "StoreFull",
    "StoreRefused",
    "StoreUnavailable",
    "store_errors",
]
