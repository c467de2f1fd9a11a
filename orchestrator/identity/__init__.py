"""Company identity: the name as people write it in, the company key out. Pure, no I/O."""

from .company import KEY_VERSION, MAX_KEY_LENGTH, ParsedName, company_key, parse_name
from .errors import InvalidCompanyName
from .forms import Form
from .stripping import Removal

__all__ = [
    "KEY_VERSION",
    "MAX_KEY_LENGTH",
    "Form",
    "InvalidCompanyName",
    "ParsedName",
    "Removal",
    "company_key",
    "parse_name",
]
