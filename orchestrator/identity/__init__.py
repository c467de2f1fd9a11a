"""Company identity: the name as people write it in, the company key out. Pure, no I/O.

The company index, which reads the database, is imported as `orchestrator.identity.index`.
"""

from .company import MAX_KEY_LENGTH as MAX_KEY_LENGTH
from .company import SURFSENSE_PREFIX as SURFSENSE_PREFIX
from .company import InvalidCompanyName as InvalidCompanyName
from .company import ParsedName as ParsedName
from .company import company_key as company_key
from .company import domain_key as domain_key
from .company import entry_key as entry_key
from .company import parse_name as parse_name
from .company import step_key as step_key
from .identify import MAX_REFINED_LENGTH as MAX_REFINED_LENGTH
from .identify import Facts as Facts
from .identify import Identity as Identity
from .identify import Mention as Mention
from .identify import as_key as as_key
from .identify import company_domain as company_domain
from .identify import company_phone as company_phone
from .identify import identify as identify
from .identify import is_refined as is_refined
from .identify import mention_of as mention_of
from .stripping import Form as Form
from .stripping import Removal as Removal
