"""Which company a name means, beyond the name: what leads have claimed, what people decided.

The rules are `identity`'s, and pure; this package keeps what they are applied to.
"""

from orchestrator.company_index.decisions import IdentityDecisions
from orchestrator.company_index.index import REFRESH_AFTER, CompanyIndex

__all__ = ["REFRESH_AFTER", "CompanyIndex", "IdentityDecisions"]
