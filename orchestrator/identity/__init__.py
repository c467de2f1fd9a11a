"""Company identity: the name as people write it in, the company key out. Pure, no I/O.

The company index, which reads the database, is imported as `orchestrator.identity.index`.
"""

from .company import (
    MAX_KEY_LENGTH,
    SURFSENSE_PREFIX,
    InvalidCompanyName,
    ParsedName,
    company_key,
    domain_key,
    entry_key,
    parse_name,
    step_key,
)
from .identify import (
    MAX_REFINED_LENGTH,
    Facts,
    Identity,
    Mention,
    as_key,
    company_domain,
    company_phone,
    identify,
    is_refined,
    mention_of,
)
from .stripping import Form, Removal

__all__ = [
    "MAX_KEY_LENGTH",
    "MAX_REFINED_LENGTH",
    "SURFSENSE_PREFIX",
    "Facts",
    "Form",
    "Identity",
    "InvalidCompanyName",
    "Mention",
    "ParsedName",
    "Removal",
    "as_key",
    "company_domain",
    "company_key",
    "company_phone",
    "domain_key",
    "entry_key",
    "identify",
    "is_refined",
    "mention_of",
    "parse_name",
    "step_key",
]
