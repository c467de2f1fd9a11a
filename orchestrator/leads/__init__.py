"""Stored leads, decisions and opportunities, each with exactly one effect; the outbox, its relay.

The sales agent is told of each opportunity at least once: the transaction that creates it writes
its outbox row.
"""

from .models import Imported as Imported
from .models import ImportReport as ImportReport
from .models import LeadChanged as LeadChanged
from .models import LeadFilter as LeadFilter
from .models import LeadStatus as LeadStatus
from .models import OnConflict as OnConflict
from .models import Opportunity as Opportunity
from .models import Recorded as Recorded
from .models import StoredDecision as StoredDecision
from .models import drafting as drafting
from .models import lead_key as lead_key
from .models import opportunity_id as opportunity_id
from .models import opportunity_key as opportunity_key
from .outbox import HandOver as HandOver
from .outbox import HandOverState as HandOverState
from .outbox import Outbox as Outbox
from .outbox import OutboxRelay as OutboxRelay
from .outbox import Webhook as Webhook
from .outbox import open_webhook as open_webhook
from .recording import Move as Move
from .recording import add_moves as add_moves
from .recording import next_versions as next_versions
from .recording import opportunity_row as opportunity_row
from .recording import supersede_decisions as supersede_decisions
from .store import LeadStore as LeadStore
