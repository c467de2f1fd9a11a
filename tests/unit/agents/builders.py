"""Leads, claims and cases for the CDAO's tests; a test states only what it is about."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from agents.case import Case, Claim, ClaimField, Decision, Evidence, Lead
from agents.cdao import (
    CompanyProfile,
    Finding,
    FindingName,
    Policy,
    build_profile,
    default_policy_text,
    find,
    parse_policy,
)

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def policy_with(*replacements: tuple[str, str]) -> Policy:
    """Return the packaged policy after exact text replacements, each of which must apply."""
    text = default_policy_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return parse_policy(text)


POLICY = policy_with()
_TEXT = default_policy_text()
_TARGETS = _TEXT.index("target_sectors = [")
NO_TARGET_SECTORS = (_TEXT[_TARGETS : _TEXT.index("]", _TARGETS)], "target_sectors = [")
"""Changes the packaged policy to one that targets no sector."""


def lead(**changes: str | None) -> Lead:
    """Return a lead that by itself is no argument for or against its company."""
    fields = {"company": "Acme", "contact": "Ana", "email": "ana@mail.example"}
    return Lead.model_validate({"id": UUID(int=1), **fields, **changes})


def claim(
    field: str,
    value: str | int,
    *,
    confidence: float = 1.0,
    days_old: float = 0,
    url: str | None = "https://source.example/acme",
    now: datetime = NOW,
) -> Claim:
    """Return a claim that, unless stated otherwise, is certain and of today."""
    return Claim(
        field=ClaimField(field),
        value=value,
        confidence=confidence,
        source_url=url,
        as_of=now - timedelta(days=days_old),
    )


def case_of(*claims: Claim, **changes: str | None) -> Case:
    """Return a case with evidence of these claims, and a lead with these changes."""
    evidence = Evidence(company="Acme", claims=claims)
    return Case(lead=lead(**changes), now=NOW).with_evidence(evidence)


def profile_of(*claims: Claim, **changes: str | None) -> CompanyProfile:
    """Return the profile of a case."""
    case = case_of(*claims, **changes)
    return build_profile(case.lead, case.evidence, POLICY.evidence, NOW)


def findings_of(*claims: Claim, **changes: str | None) -> dict[FindingName, Finding]:
    """Return the findings of a case by name, the baseline left out."""
    return findings_under(POLICY, *claims, **changes)


def findings_under(
    policy: Policy, *claims: Claim, **changes: str | None
) -> dict[FindingName, Finding]:
    """Return what `findings_of` does, by another policy."""
    case = case_of(*claims, **changes)
    profile = build_profile(case.lead, case.evidence, policy.evidence, NOW)
    findings = find(profile, case.lead, policy)
    return {f.name: f for f in findings if f.name is not FindingName.BASELINE}


def findings_in(decision: Decision) -> list[Finding]:
    """Return the findings that a decision carries in its details."""
    findings = decision.details["findings"]
    assert isinstance(findings, list)
    return [Finding.model_validate(finding) for finding in findings]
