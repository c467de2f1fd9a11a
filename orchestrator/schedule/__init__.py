"""Scheduled re-enrichment: what is watched, when each is due, and who takes it up.

Watches are durable in SQL; Redis only says quickly which of them are due. Any worker may
tick, and any number of them: each watch is enqueued once a period.
"""

from .model import EVERY_MAX as EVERY_MAX
from .model import EVERY_MIN as EVERY_MIN
from .model import RunEnd as RunEnd
from .model import Watch as Watch
from .model import WatchKind as WatchKind
from .model import evidence_digest as evidence_digest
from .model import new_rule as new_rule
from .model import new_watch as new_watch
from .model import watch_id as watch_id
from .scheduler import Scheduler as Scheduler
from .watches import DueSet as DueSet
from .watches import RefreshPolicy as RefreshPolicy
from .watches import Watches as Watches
