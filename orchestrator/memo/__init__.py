"""Memoization of expensive answers over Redis, shared by all processes of a fleet.

One caller of a cold key becomes the *leader* and loads; all others are *followers* and are
notified when it is done. The package knows nothing of companies, prices or HTTP: it stores
opaque JSON objects under the keys that it is given. `memo.py` drives a lookup, `flight.py` leads a
load, `follower.py` waits for one; `lua/` is what must be atomic, `store.py` calls it.
"""

from orchestrator.memo.entry import Entry as Entry
from orchestrator.memo.entry import Failure as Failure
from orchestrator.memo.errors import CorruptEntry as CorruptEntry
from orchestrator.memo.errors import LeaseLost as LeaseLost
from orchestrator.memo.errors import LoadFailed as LoadFailed
from orchestrator.memo.errors import MemoError as MemoError
from orchestrator.memo.errors import NotDurable as NotDurable
from orchestrator.memo.errors import RecordGone as RecordGone
from orchestrator.memo.errors import StillLoading as StillLoading
from orchestrator.memo.flight import Abandoned as Abandoned
from orchestrator.memo.flight import Abandonment as Abandonment
from orchestrator.memo.flight import FailureCodec as FailureCodec
from orchestrator.memo.flight import Flight as Flight
from orchestrator.memo.flight import Loaded as Loaded
from orchestrator.memo.flight import NotShared as NotShared
from orchestrator.memo.flight import Outcome as Outcome
from orchestrator.memo.flight import Source as Source
from orchestrator.memo.memo import RECORD_UNREADABLE as RECORD_UNREADABLE
from orchestrator.memo.memo import Memo as Memo
from orchestrator.memo.options import Durability as Durability
from orchestrator.memo.options import MemoOptions as MemoOptions
from orchestrator.memo.store import LeftRecord as LeftRecord
from orchestrator.memo.store import Records as Records
