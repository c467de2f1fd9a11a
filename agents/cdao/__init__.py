"""The Chief Data & Analytics Officer: is this lead's company worth a sales conversation?

profile (what is known) -> findings (what each fact is worth) -> assessment (what follows),
all under a policy that the sales organisation writes.
"""

from .agent import RULES_VERSION, CdaoAgent
from .bounds import Bounds, plausible_bounds, score_bounds
from .findings import Finding, find, score_of
from .policy import Policy, PolicyError, default_policy, default_policy_text, parse_policy
from .profile import CompanyProfile, Known, build_profile
from .vocabulary import (
    AssessmentCode,
    FindingName,
    NewsCategory,
    Sector,
    SizeBand,
)

__all__ = [
    "RULES_VERSION",
    "AssessmentCode",
    "Bounds",
    "CdaoAgent",
    "CompanyProfile",
    "Finding",
    "FindingName",
    "Known",
    "NewsCategory",
    "Policy",
    "PolicyError",
    "Sector",
    "SizeBand",
    "build_profile",
    "default_policy",
    "default_policy_text",
    "find",
    "parse_policy",
    "plausible_bounds",
    "score_bounds",
    "score_of",
]
