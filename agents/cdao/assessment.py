"""Findings into an assessment: advance or not, for which reason, worth what, and what next."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from agents.case import ClaimField, Localized, Money, OpportunityDraft

from .findings import HIGHEST_SCORE, Finding, score_of
from .phrases import reason_for
from .policy import Policy
from .profile import CompanyProfile
from .vocabulary import AssessmentCode, FindingName, StepCode

DECISIVE = {
    FindingName.OUR_DOMAIN: AssessmentCode.OWN_DOMAIN,
    FindingName.COMPETITOR_DOMAIN: AssessmentCode.COMPETITOR,
    FindingName.NEWS_CLOSURE: AssessmentCode.COMPANY_CLOSED,
    FindingName.NEWS_INSOLVENCY: AssessmentCode.COMPANY_INSOLVENT,
    FindingName.OUTSIDE_MARKET: AssessmentCode.OUTSIDE_MARKET,
}
"""Facts that end the matter whatever the score, the most final first."""

_NAMED_FINDINGS = 3
"""How many findings a reason names; a fourth is no longer read."""

_ARITHMETIC = frozenset({FindingName.BASELINE, FindingName.CLAMP, FindingName.STALE_EVIDENCE})
# Says something about an address, not about the company: alone it makes no poor fit.
_NOT_ABOUT_COMPANY = frozenset({FindingName.FREE_MAIL})

# The best reason to get in touch now comes first.
_OPENINGS = {
    FindingName.NEWS_FUNDING: Localized(
        en=", opening with the company's new funding",
        es=", empezando por la nueva financiación de la empresa",
    ),
    FindingName.NEWS_EXPANSION: Localized(
        en=", opening with the company's expansion",
        es=", empezando por la expansión de la empresa",
    ),
    FindingName.NEWS_PRODUCT: Localized(
        en=", opening with the company's new product",
        es=", empezando por el nuevo producto de la empresa",
    ),
    FindingName.NEWS_AWARD: Localized(
        en=", opening with the company's award",
        es=", empezando por el premio de la empresa",
    ),
    FindingName.HIRING: Localized(
        en=", opening with the positions the company wants to fill",
        es=", empezando por las vacantes que la empresa quiere cubrir",
    ),
}
_NO_OPENING = Localized(en="", es="")

_DISCARDED = {
    AssessmentCode.INSUFFICIENT_EVIDENCE: StepCode.ASK_FOR_DETAILS,
    AssessmentCode.POOR_FIT: StepCode.KEEP_ON_FILE,
    AssessmentCode.COMPANY_INSOLVENT: StepCode.KEEP_ON_FILE,
    AssessmentCode.OUTSIDE_MARKET: StepCode.NO_ACTION,
    AssessmentCode.OWN_DOMAIN: StepCode.NO_ACTION,
    AssessmentCode.COMPETITOR: StepCode.NO_ACTION,
    AssessmentCode.COMPANY_CLOSED: StepCode.NO_ACTION,
}


class NextStep(BaseModel):
    """One thing to do, for machines and for people."""

    model_config = ConfigDict(frozen=True)

    code: StepCode
    text: Localized


class Assessment(BaseModel):
    """The judgement on a lead.

    `score` runs from 0 to 100. `value` and `probability` (0 to 1) are None unless the lead
    is viable.
    """

    model_config = ConfigDict(frozen=True)

    code: AssessmentCode
    score: int
    reason: Localized
    next_step: NextStep
    value: Money | None = None
    probability: float | None = None

    @property
    def is_viable(self) -> bool:
        """Return whether the lead is worth a sales conversation."""
        return self.code is AssessmentCode.VIABLE

    def draft(self) -> OpportunityDraft | None:
        """Return what the sales agent receives; None for a lead that is not viable."""
        if self.value is None or self.probability is None:
            return None
        return OpportunityDraft(
            score=self.score,
            value=self.value,
            probability=self.probability,
            next_step=self.next_step.text,
        )


def assess(
    company: str, profile: CompanyProfile, findings: tuple[Finding, ...], policy: Policy
) -> Assessment:
    """Judge the lead of *company* by its findings."""
    score = score_of(findings)
    code, grounds = _judge(score, findings, policy)
    is_viable = code is AssessmentCode.VIABLE
    return Assessment(
        code=code,
        score=score,
        reason=reason_for(code, company, grounds),
        next_step=_next_step(code, profile, findings),
        value=_value_of(profile, policy) if is_viable else None,
        probability=_probability_at(score, policy) if is_viable else None,
    )


def _judge(
    score: int, findings: tuple[Finding, ...], policy: Policy
) -> tuple[AssessmentCode, Sequence[Finding]]:
    """Return the code and the findings it rests on, the weightiest first."""
    sure = {f.name: f for f in findings if f.trust >= policy.scoring.decisive_trust}
    for name, code in DECISIVE.items():
        if name in sure:
            return code, (sure[name],)
    by_weight = sorted((f for f in findings if f.name not in _ARITHMETIC), key=_weight)
    good = [f for f in by_weight if f.points > 0][:_NAMED_FINDINGS]
    bad = [f for f in by_weight if f.points < 0 or f.name is FindingName.SECTOR_NEUTRAL]
    bad.sort(key=_is_about_address)
    if score >= policy.scoring.threshold:
        return AssessmentCode.VIABLE, good
    if any(not _is_about_address(f) for f in bad):
        return AssessmentCode.POOR_FIT, bad[:_NAMED_FINDINGS]
    return AssessmentCode.INSUFFICIENT_EVIDENCE, good


def _is_about_address(finding: Finding) -> bool:
    return finding.name in _NOT_ABOUT_COMPANY


def _weight(finding: Finding) -> int:
    return -abs(finding.points)


def _value_of(profile: CompanyProfile, policy: Policy) -> Money:
    value = policy.value
    band = profile.size_band
    amount = value.by_size[band.value] if band else value.unknown_size
    return Money(amount=amount, currency=value.currency)


def _probability_at(score: int, policy: Policy) -> float:
    low, high = policy.probability.lowest, policy.probability.highest
    threshold = policy.scoring.threshold
    # A threshold at the very top leaves no room for steps: reaching it is everything.
    steps = HIGHEST_SCORE - threshold
    share = (score - threshold) / steps if steps else 1.0
    return round(low + share * (high - low), 2)


def _next_step(
    code: AssessmentCode, profile: CompanyProfile, findings: Sequence[Finding]
) -> NextStep:
    """Return what to do with a lead that got *code*."""
    found = {finding.name for finding in findings if finding.points > 0}
    step = _DISCARDED.get(code) or _way_to_reach(profile, findings)
    opening = next((text for name, text in _OPENINGS.items() if name in found), _NO_OPENING)
    text = step.phrase
    return NextStep(
        code=step,
        text=Localized(
            en=text.en.format(opening=opening.en), es=text.es.format(opening=opening.es)
        ),
    )


def _way_to_reach(profile: CompanyProfile, findings: Sequence[Finding]) -> StepCode:
    if any(finding.name is FindingName.FREE_MAIL for finding in findings):
        return StepCode.VERIFY_CONTACT
    has_phone = any(known.value.kind is ClaimField.PHONE for known in profile.contact_points)
    return StepCode.CALL if has_phone else StepCode.EMAIL
