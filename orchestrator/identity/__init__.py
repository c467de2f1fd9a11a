"""Company identity: the name as people write it in, the company key out. Pure, no I/O."""

from .company import KEY_VERSION, MAX_KEY_LENGTH, ParsedName, company_key, parse_name
from .domains import company_domain
from .errors import InvalidCompanyName
from .forms import Form
from .identify import MAX_REFINED_LENGTH, Facts, Identity, as_key, identify, is_refined
from .mention import Mention, mention_of
from .stripping import Removal

__all__ = [
    "KEY_VERSION",
    "MAX_KEY_LENGTH",
    "MAX_REFINED_LENGTH",
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
    "identify",
    "is_refined",
    "mention_of",
    "parse_name",
]
