"""What holds for any lead and any evidence: determinism, and no fault in not knowing."""

from hypothesis import given
from hypothesis import strategies as st

from agents.case import Claim, ClaimField, Decision
from agents.cdao import AssessmentCode, CdaoAgent, FindingName
from tests.unit.agents.builders import NOW, POLICY, case_of, findings_in
from tests.unit.agents.strategies import CLAIMS, COUNTRIES, EMAILS

AGENT = CdaoAgent(POLICY)


def _decide(claims: list[Claim], email: str = "ana@acme.example") -> Decision:
    return AGENT.decide(case_of(*claims, email=email))


def _score(claims: list[Claim], email: str, country: str | None) -> int:
    score = AGENT.decide(case_of(*claims, email=email, country=country)).score
    assert score is not None
    return score


@given(claims=CLAIMS, email=EMAILS, data=st.data())
def test_the_order_of_claims_does_not_matter(
    claims: list[Claim], email: str, data: st.DataObject
) -> None:
    """The same case gives the same bytes, however the evidence was put together."""
    shuffled = data.draw(st.permutations(claims))
    doubled = [*shuffled, *claims]

    decisions = {_decide(c, email).model_dump_json() for c in (claims, shuffled, doubled)}

    assert len(decisions) == 1


@given(claims=CLAIMS, value=st.text() | st.integers(max_value=0), data=st.data())
def test_what_cannot_be_read_does_not_matter(
    claims: list[Claim], value: str | int, data: st.DataObject
) -> None:
    """A claim of unknown words leaves the decision as it is, byte for byte."""
    fields = [ClaimField.SECTOR, ClaimField.SIZE_BAND, ClaimField.HEADCOUNT, ClaimField.NEWS]
    field = data.draw(st.sampled_from([*fields, ClaimField.COUNTRY, ClaimField.DESCRIPTION]))
    unreadable = Claim(
        field=field, value=f"?{value}" if isinstance(value, str) else value, confidence=1, as_of=NOW
    )

    decision = _decide([*claims, unreadable])

    assert decision == _decide(claims)


@given(claims=CLAIMS, email=EMAILS, country=COUNTRIES, data=st.data())
def test_taking_a_good_claim_away_never_raises_the_score(
    claims: list[Claim], email: str, country: str | None, data: st.DataObject
) -> None:
    """A lead never scores higher for lacking a favourable claim."""
    alone = _score([], email, country)
    good = [c for c in claims if _score([c], email, country) > alone]
    if not good:
        return
    taken = data.draw(st.sampled_from(good))
    rest = [c for c in claims if c is not taken]

    scores = (_score(rest, email, country), _score(claims, email, country))

    assert scores[0] <= scores[1]


@given(claims=CLAIMS, email=EMAILS, hidden=st.sets(st.sampled_from(list(ClaimField))))
def test_a_missing_field_is_no_fault(
    claims: list[Claim], email: str, hidden: set[ClaimField]
) -> None:
    """Below the baseline are only leads with something bad that is known."""
    visible = [c for c in claims if c.field not in hidden]

    decision = _decide(visible, email)

    findings = findings_in(decision)
    bad = {finding.name for finding in findings if finding.points < 0}
    unfit = bad | {each.name for each in findings if each.name is FindingName.SECTOR_NEUTRAL}
    assert decision.score is not None
    assert bad or decision.score >= POLICY.scoring.baseline
    assert unfit - {FindingName.FREE_MAIL} or decision.code != AssessmentCode.POOR_FIT


@given(claims=CLAIMS, email=EMAILS)
def test_every_decision_is_whole(claims: list[Claim], email: str) -> None:
    """Points add up, only viable leads have a draft, and the reason is one line of words."""
    decision = _decide(claims, email)

    findings = findings_in(decision)
    assert sum(finding.points for finding in findings) == decision.score
    assert (decision.draft is not None) == (decision.code == AssessmentCode.VIABLE)
    for sentence in (decision.reason.en, decision.reason.es):
        assert sentence.endswith(".")
        assert not {"\n", "{", "}", "_"} & set(sentence)
