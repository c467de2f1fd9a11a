"""From what SurfSense brought to the agent's verdict, under the policy as shipped."""

from uuid import UUID

import pytest

from agents.case import Case, Decision, Lead, Verdict
from agents.cdao import CdaoAgent, default_policy
from orchestrator.evidence.gate import Answers
from orchestrator.evidence.model import Step, Subject
from orchestrator.evidence.profile import assemble
from orchestrator.surfsense import evidence_from
from tests.unit.evidence.companies import (
    BOUGHT_AT,
    DOMAIN,
    KNOWN,
    NAME,
    NAMESAKE_PLACE,
    NOW,
    SUBJECT,
    hit,
    legal_page,
    page,
    place,
)

_AGENT = CdaoAgent(default_policy())


def decided(answers: Answers, subject: Subject = KNOWN, email: str = f"ana@{DOMAIN}") -> Decision:
    """Return the verdict on a lead of the company with this evidence."""
    payload = assemble(subject, answers, BOUGHT_AT).payload
    evidence = evidence_from(NAME, payload, NOW)
    lead = Lead(id=UUID(int=1), company=NAME, contact="Ana", email=email)
    return _AGENT.decide(Case(lead=lead, now=NOW).with_evidence(evidence))


@pytest.mark.parametrize(
    "answers",
    [
        Answers(maps=(place(),)),
        Answers(maps=(place(),), crawl=(page(), legal_page())),
        Answers(maps=(place(),), search=(hit(),), crawl=(page(), legal_page())),
    ],
)
def test_a_company_that_is_found_advances(answers: Answers) -> None:
    """A target sector, a country of ours, a site and a phone are enough; its size is unknown."""
    decision = decided(answers)

    assert decision.verdict is Verdict.ADVANCE
    assert decision.reason.en.startswith(
        f"{NAME} is worth a sales conversation: it works in manufacturing, is based in Spain"
    )
    assert "according to " in decision.reason.en


def test_another_company_of_the_name_counts_for_nothing() -> None:
    """The namesake's place has all that a lead needs, and is another company's."""
    decision = decided(Answers(maps=(NAMESAKE_PLACE,)), SUBJECT)

    assert decision.score == default_policy().scoring.baseline
    assert decision.code == "insufficient_evidence"


def test_a_closed_company_is_discarded_by_what_maps_says() -> None:
    """One field of a place ends the matter, and the reason names it."""
    decision = decided(Answers(maps=(place(permanently_closed=True),)))

    assert decision.code == "company_closed"
    as_of = BOUGHT_AT[Step.MAPS].date().isoformat()
    assert decision.reason.en == f"{NAME} has closed, according to Google Maps on {as_of}."
