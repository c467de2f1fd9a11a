"""Memoization of expensive answers over Redis, shared by all processes of a fleet.

One caller of a cold key becomes the *leader* and loads; all others are *followers* and are
notified when it is done. The package knows nothing of companies, prices or HTTP: it stores
opaque JSON objects under the keys that it is given. `contract.py` is what callers see, `memo.py`
drives a lookup, `flight.py` leads a load, `follower.py` waits for one; `lua/` is what must be
atomic, `store.py` calls it.
"""

from orchestrator.memo.contract import Abandoned as Abandoned
from orchestrator.memo.contract import CorruptEntry as CorruptEntry
from orchestrator.memo.contract import Durability as Durability
from orchestrator.memo.contract import Entry as Entry
from orchestrator.memo.contract import Failure as Failure
from orchestrator.memo.contract import FailureCodec as FailureCodec
from orchestrator.memo.contract import LeaseLost as LeaseLost
from orchestrator.memo.contract import Loaded as Loaded
from orchestrator.memo.contract import LoadFailed as LoadFailed
from orchestrator.memo.contract import MemoError as MemoError
from orchestrator.memo.contract import MemoOptions as MemoOptions
from orchestrator.memo.contract import NotDurable as NotDurable
from orchestrator.memo.contract import NotShared as NotShared
from orchestrator.memo.contract import Outcome as Outcome
from orchestrator.memo.contract import RecordGone as RecordGone
from orchestrator.memo.contract import Source as Source
from orchestrator.memo.contract import StillLoading as StillLoading
from orchestrator.memo.flight import Abandonment as Abandonment
from orchestrator.memo.flight import Flight as Flight
from orchestrator.memo.memo import RECORD_UNREADABLE as RECORD_UNREADABLE
from orchestrator.memo.memo import Memo as Memo
from orchestrator.memo.store import LeftRecord as LeftRecord
from orchestrator.memo.store import Records as Records
