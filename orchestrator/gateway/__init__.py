"""Leads and opportunities as the platform's other services see them: versioned rows, cached.

Reads go through the cache of the documented keys, writes invalidate it (`orchestrator.fence`).
"""

from .metrics import COMPARED as COMPARED
from .metrics import DIVERGED as DIVERGED
from .metrics import Comparison as Comparison
from .metrics import DashboardMetrics as DashboardMetrics
from .metrics import dashboard_metrics as dashboard_metrics
from .models import Author as Author
from .models import LeadListFilter as LeadListFilter
from .models import LeadRecord as LeadRecord
from .models import LeadState as LeadState
from .models import MoveRefused as MoveRefused
from .models import NotStored as NotStored
from .models import OpportunityExists as OpportunityExists
from .models import OpportunityHistory as OpportunityHistory
from .models import OpportunityListFilter as OpportunityListFilter
from .models import OpportunityRecord as OpportunityRecord
from .models import OpportunityState as OpportunityState
from .models import PageCursor as PageCursor
from .models import VersionMismatch as VersionMismatch
from .persons import KeptLead as KeptLead
from .persons import Persons as Persons
from .persons import RowCounts as RowCounts
from .records import Read as Read
from .records import Records as Records
