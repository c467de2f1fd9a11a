"""The agent keeps the protocol: it buys only what it needs, and its decisions are inspectable."""

import json

import pytest

from agents.case import Agent, Case, Decision, Evidence, Pipeline, Verdict
from agents.cdao import RULES_VERSION, CdaoAgent, default_policy
from tests.unit.agents.builders import NOW, POLICY, case_of, claim, lead, policy_with

AGENT = CdaoAgent(POLICY)
_VIABLE = (claim("sector", "retail"), claim("size_band", "5001+"), claim("country", "Chile"))


def test_the_agent_fits_the_protocol() -> None:
    """It can take its place in a pipeline under its name."""
    agent: Agent = CdaoAgent(default_policy())

    pipeline = Pipeline(agents=(agent,))

    assert pipeline.agents[0].name == "cdao"


@pytest.mark.parametrize(
    ("changes", "is_wanted"),
    [
        ({}, True),
        ({"email": "ana@gmail.com"}, True),
        ({"country": "DE"}, True),
        ({"email": "bo@emasai.com"}, False),
        ({"website": "https://shop.emasai.com"}, False),
        ({"email": "bo@competitor.example"}, False),
        ({"website": "competitor.example/about"}, False),
    ],
)
def test_nothing_is_bought_for_a_lead_that_the_policy_rules_out(
    changes: dict[str, str | None],
    is_wanted: bool,  # noqa: FBT001 - a parametrised expectation
) -> None:
    """Only our own and competitors' domains decide without evidence."""
    case = Case(lead=lead(**changes), now=NOW)

    wants = AGENT.wants_evidence(case)

    assert wants is is_wanted


@pytest.mark.parametrize("evidence", [None, Evidence(company="Acme")])
def test_evidence_is_wanted_once(evidence: Evidence | None) -> None:
    """What was sought in vain is not sought again."""
    case = Case(lead=lead(), now=NOW).with_evidence(evidence)

    wants = AGENT.wants_evidence(case)

    assert wants is False


def test_a_viable_lead_advances_with_a_draft() -> None:
    """The sales agent receives score, value, probability and next step."""
    decision = AGENT.decide(case_of(*_VIABLE))

    assert decision.verdict is Verdict.ADVANCE
    assert decision.draft is not None
    assert decision.draft.score == decision.score == 72
    assert decision.draft.value.amount == 180_000
    assert decision.draft.next_step.in_language("es").startswith("Escribir")


def test_a_lead_that_is_not_viable_is_discarded_without_a_draft() -> None:
    """A discard creates no opportunity, by any path."""
    decision = AGENT.decide(Case(lead=lead(), now=NOW).with_evidence(None))

    assert decision.verdict is Verdict.DISCARD
    assert decision.draft is None
    assert decision.score == 30


def test_the_details_explain_the_score() -> None:
    """Profile, findings and assessment are there as JSON, and the points add up."""
    decision = AGENT.decide(case_of(*_VIABLE, email="ana@gmail.com"))

    details = json.loads(decision.model_dump_json())["details"]
    assert sum(finding["points"] for finding in details["findings"]) == decision.score
    assert details["profile"]["country"]["value"] == "CL"
    assert details["assessment"]["code"] == decision.code


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_evidence_stays_marked(simulated: bool) -> None:  # noqa: FBT001 - parametrised
    """A decision on invented data is marked as such."""
    evidence = Evidence(company="Acme", claims=_VIABLE, simulated=simulated)

    decision = AGENT.decide(Case(lead=lead(), now=NOW).with_evidence(evidence))

    assert decision.details["simulated"] is simulated


def test_a_decision_survives_storage() -> None:
    """What is read back equals what was decided."""
    decision = AGENT.decide(case_of(*_VIABLE))

    read_back = Decision.model_validate_json(decision.model_dump_json())

    assert read_back == decision


def test_the_version_is_of_rules_and_policy() -> None:
    """Another policy is another version; the same policy is the same."""
    other = CdaoAgent(policy_with(("hiring = 6", "hiring = 5")))

    assert AGENT.version == f"{RULES_VERSION}-{POLICY.version}"
    assert AGENT.decide(case_of()).version == AGENT.version
    assert other.version != AGENT.version
    assert AGENT.version in repr(AGENT)
