"""What holds for any lead and any evidence: determinism, and no fault in not knowing."""

from datetime import UTC, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from agents.case import Claim, ClaimField, Decision
from agents.cdao import AssessmentCode, CdaoAgent, FindingName, NewsCategory, Sector, SizeBand
from tests.unit.agents.builders import NOW, POLICY, case_of, findings_in

AGENT = CdaoAgent(POLICY)

_VALUES: dict[ClaimField, st.SearchStrategy[str | int]] = {
    ClaimField.SECTOR: st.sampled_from([*Sector, "astrology"]),
    ClaimField.HEADCOUNT: st.integers(-1, 10_000),
    ClaimField.SIZE_BAND: st.sampled_from([*SizeBand, "huge"]),
    ClaimField.COUNTRY: st.sampled_from(["ES", "mexico", "DE", "Atlantis"]),
    ClaimField.WEBSITE: st.sampled_from(["acme.example", "shop.acme.example", "bolt.example"]),
    ClaimField.DESCRIPTION: st.text(max_size=5),
    ClaimField.EMAIL: st.sampled_from(["info@acme.example", "hi@acme.example"]),
    ClaimField.PHONE: st.sampled_from(["+34 900", "+52 55"]),
    ClaimField.SOCIAL: st.sampled_from(["@acme", "@acme_es"]),
    ClaimField.HIRING: st.integers(0, 20) | st.sampled_from(["Analyst", "Engineer", "CTO"]),
    ClaimField.NEWS: st.sampled_from([f"{category}: Acme" for category in NewsCategory]),
    ClaimField.TECHNOLOGY: st.sampled_from(["SAP", "sap", "Odoo", "Salesforce", "Excel"]),
    ClaimField.TAX_ID: st.sampled_from(["B12345674", "A58818501"]),
}


def _claims_about(fields: list[ClaimField]) -> st.SearchStrategy[Claim]:
    return st.sampled_from(fields).flatmap(
        lambda field: st.builds(
            Claim,
            field=st.just(field),
            value=_VALUES[field],
            # Few values, so that ties are common.
            confidence=st.sampled_from([0, 0.4, 0.5, 0.9, 1]) | st.floats(0, 1),
            source_url=st.sampled_from([None, "https://a.example", "https://b.example"]),
            as_of=st.builds(
                lambda days, zone: (NOW - timedelta(days=days)).astimezone(zone),
                st.sampled_from([0, 0, 100, 500]) | st.integers(-10, 2500),
                st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
            ),
        )
    )


CLAIMS = st.lists(_claims_about(list(_VALUES)), max_size=14)
EMAILS = st.sampled_from(["ana@acme.example", "ana@gmail.com", "ana@other.example", "nonsense"])
COUNTRIES = st.sampled_from([None, "ES", "DE"])


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

    bad = {finding.name for finding in findings_in(decision) if finding.points < 0}
    assert decision.score is not None
    assert bad or decision.score >= POLICY.scoring.baseline
    assert bad - {FindingName.FREE_MAIL} or decision.code != AssessmentCode.POOR_FIT


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
