"""The Chief Data & Analytics Officer: is this lead's company worth a sales conversation?

profile (what is known) -> findings (what each fact is worth) -> assessment (what follows),
all under a policy that the sales organisation writes.
"""

from agents.case import Case, ClaimField, Decision, Verdict

from .assessment import assess
from .bounds import Bounds, plausible_bounds, score_bounds, wants
from .findings import Finding, find, listed_domain, score_of
from .policy import Policy, PolicyError, default_policy, default_policy_text, parse_policy
from .profile import CompanyProfile, Known, build_profile
from .vocabulary import AssessmentCode, FindingName, NewsCategory, Sector, SizeBand

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

RULES_VERSION = "2"
"""Raised when this package judges differently under the same policy."""


class CdaoAgent:
    """Judges whether a lead's company is worth a sales conversation.

    Everything it knows besides the case is *policy*; it holds no other state, so one
    instance may judge any number of cases at once.
    """

    name = "cdao"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.version = f"{RULES_VERSION}-{policy.version}"

    def __repr__(self) -> str:
        return f"<CdaoAgent {self.version}>"

    def wants_evidence(self, case: Case) -> bool:
        """Return False once evidence was sought, or if the lead's own domains decide."""
        is_decided = listed_domain(case.lead, self._policy.domains) is not None
        return not case.evidence_sought and not is_decided

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:
        """Return whether evidence about *fields* may change the verdict, or is required.

        How that is decided: `[opportunity]` of the policy.
        """
        return wants(case, self._policy, fields)

    def bounds(self, case: Case, fields: frozenset[ClaimField]) -> Bounds:
        """Return where the judgement is expected to end if evidence about *fields* is bought."""
        return plausible_bounds(case, self._policy, fields)

    @property
    def threshold(self) -> int:
        """The score, 0 to 100, from which a lead advances."""
        return self._policy.scoring.threshold

    def decide(self, case: Case) -> Decision:
        """Judge *case* with what evidence it has; none at all is a case of its own.

        The decision's `details` are JSON: `profile`, `findings`, `assessment`, `simulated`.
        They hold contact details, so they are stored but never logged.
        """
        policy = self._policy
        profile = build_profile(case.lead, case.evidence, policy.evidence, case.now)
        findings = find(profile, case.lead, policy)
        assessment = assess(case.lead.company, profile, findings, policy)
        return Decision(
            agent=self.name,
            version=self.version,
            verdict=Verdict.ADVANCE if assessment.is_viable else Verdict.DISCARD,
            code=assessment.code,
            reason=assessment.reason,
            score=assessment.score,
            draft=assessment.draft(),
            details={
                "simulated": case.evidence is not None and case.evidence.simulated,
                "profile": profile.model_dump(mode="json"),
                "findings": [finding.model_dump(mode="json") for finding in findings],
                "assessment": assessment.model_dump(mode="json"),
            },
        )
