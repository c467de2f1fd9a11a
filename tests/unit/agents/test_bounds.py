"""The bounds of a judgement: never too narrow, reached, and what is bought because of them."""

from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.case import Case, Claim, ClaimField, Decision, Verdict
from agents.cdao import (
    AssessmentCode,
    CdaoAgent,
    CompanyProfile,
    NewsCategory,
    Policy,
    Sector,
    SizeBand,
    build_profile,
    plausible_bounds,
    score_bounds,
)
from agents.cdao.assessment import DECISIVE
from tests.unit.agents.builders import (
    NO_TARGET_SECTORS,
    NOW,
    POLICY,
    case_of,
    claim,
    lead,
    policy_with,
)
from tests.unit.agents.strategies import CLAIMS, COUNTRIES, EMAILS, VALUES, claims_about

F = ClaimField
EVERYTHING = frozenset(ClaimField)
NOTHING: frozenset[ClaimField] = frozenset()

POLICIES = st.sampled_from(
    [
        POLICY,
        # Doubtful facts end the matter, and little is left to the score.
        policy_with(
            ("decisive_trust = 0.5", "decisive_trust = 0.1"),
            ("baseline = 30", "baseline = 60"),
            ("closure = -80", "closure = -1"),
        ),
        # Hardly anything does; weights so small that they are rounded away, or of the other sign.
        policy_with(
            ("decisive_trust = 0.5", "decisive_trust = 1.0"),
            ("outside_market = -45", "outside_market = -1"),
            ("insolvency = -50", "insolvency = 0"),
            ("closure = -80", "closure = 20"),
            ("layoffs = -12", "layoffs = 12"),
        ),
        # No sector, size or domain is good or bad.
        policy_with(
            ('avoided_sizes = ["1-10"]', "avoided_sizes = []"),
            ('avoided_sectors = ["agriculture", "public_administration"]', "avoided_sectors = []"),
            ('own = ["emasai.com", "emasai.example"]', "own = []"),
        ),
        # No sector is wanted, and a sector that is doubtful counts as known.
        policy_with(NO_TARGET_SECTORS, ("decisive_trust = 0.5", "decisive_trust = 0.3")),
    ]
)
WEBSITES = st.sampled_from([None, None, "acme.example", "emasai.example"])
FIELDS = st.frozensets(st.sampled_from(list(ClaimField))) | st.just(EVERYTHING)
FEW_FIELDS = st.frozensets(st.sampled_from(list(ClaimField)), min_size=1, max_size=3)
CASES = st.builds(
    lambda claims, email, country, website: case_of(
        *claims, email=email, country=country, website=website
    ),
    st.lists(claims_about(list(VALUES)), max_size=6),
    EMAILS,
    COUNTRIES,
    WEBSITES,
)


def decided(case: Case, policy: Policy, *further: Claim) -> Decision:
    """Return the decision on *case* with further claims, which come first."""
    assert case.evidence is not None
    evidence = case.evidence.model_copy(update={"claims": (*further, *case.evidence.claims)})
    return CdaoAgent(policy).decide(case.with_evidence(evidence))


def further_claims(data: st.DataObject, fields: frozenset[ClaimField]) -> list[Claim]:
    """Return any further claims about *fields*, many of them more trusted than all others."""
    assume(fields)
    about = claims_about(sorted(fields))
    trusted = about.map(lambda claim: claim.model_copy(update={"confidence": 1, "as_of": NOW}))
    return data.draw(st.lists(about | trusted, max_size=8))


# --- The law --------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(case=CASES, policy=POLICIES, fields=FIELDS, data=st.data())
def test_no_further_claim_leads_out_of_the_bounds(
    case: Case, policy: Policy, fields: frozenset[ClaimField], data: st.DataObject
) -> None:
    """Whatever else is said about the open fields, score and verdict are among those foretold."""
    further = further_claims(data, fields)

    bounds = score_bounds(case, policy, fields)

    decision = decided(case, policy, *further)
    assert decision.score is not None
    assert bounds.lowest <= decision.score <= bounds.highest
    assert decision.code in bounds.verdicts


@given(case=CASES, policy=POLICIES)
def test_without_open_fields_the_bounds_are_the_decision(case: Case, policy: Policy) -> None:
    """If nothing more can be said, there is one score and one verdict: those of `decide`."""
    bounds = [
        score_bounds(case, policy, NOTHING),
        plausible_bounds(case, policy, NOTHING),
        score_bounds(case, policy, frozenset({F.DESCRIPTION, F.TAX_ID})),
    ]

    decision = decided(case, policy)
    assert {(b.lowest, b.highest) for b in bounds} == {(decision.score, decision.score)}
    assert {b.verdicts for b in bounds} == {frozenset({AssessmentCode(decision.code)})}


@given(case=CASES, policy=POLICIES, fields=FIELDS, fewer=FIELDS)
def test_fewer_open_fields_never_widen_the_bounds(
    case: Case, policy: Policy, fields: frozenset[ClaimField], fewer: frozenset[ClaimField]
) -> None:
    """Bounds are monotone in the open fields, plausible ones lie within, and `wants` follows."""
    agent = CdaoAgent(policy)
    wide = score_bounds(case, policy, fields)
    likely = plausible_bounds(case, policy, fields)

    for inner in (score_bounds(case, policy, fields & fewer), likely):
        assert wide.lowest <= inner.lowest <= inner.highest <= wide.highest
        assert inner.verdicts <= wide.verdicts
    assert agent.wants(case, fields) or not agent.wants(case, fields & fewer)


def _certain(field: ClaimField, *values: str | int) -> list[Claim]:
    # Of tomorrow: it wins against what is as trusted.
    return [Claim(field=field, value=v, confidence=1, as_of=NOW + timedelta(1)) for v in values]


_NEWS = [
    f"{category}: Acme"
    for category in sorted(NewsCategory, key=lambda each: -POLICY.weights.news[each])
]
# What moves the score furthest in either direction, claim by claim, under the packaged policy.
_EXTREMES = {
    F.SECTOR: [_certain(F.SECTOR, value) for value in Sector],
    F.SIZE_BAND: [_certain(F.SIZE_BAND, value) for value in SizeBand],
    F.HEADCOUNT: [_certain(F.HEADCOUNT, value) for value in (1, 20, 100)],
    F.COUNTRY: [_certain(F.COUNTRY, value) for value in ("ES", "DE")],
    F.WEBSITE: [_certain(F.WEBSITE, value) for value in ("acme.example", "gmail.com", "apollo.io")],
    F.EMAIL: [_certain(F.EMAIL, "info@acme.example")],
    F.PHONE: [_certain(F.PHONE, "+34 900")],
    F.SOCIAL: [_certain(F.SOCIAL, "@acme")],
    F.HIRING: [_certain(F.HIRING, 10)],
    F.TECHNOLOGY: [_certain(F.TECHNOLOGY, "SAP", "Odoo")],
    F.NEWS: [_certain(F.NEWS, *_NEWS[:4]), _certain(F.NEWS, *_NEWS[4:])],
}


@settings(max_examples=200)
@given(
    claims=CLAIMS,
    email=st.sampled_from(["ana@acme.example", "ana@gmail.com"]),
    country=COUNTRIES,
    field=st.sampled_from(list(_EXTREMES)),
)
def test_the_bounds_are_reached(
    claims: list[Claim], email: str, country: str | None, field: ClaimField
) -> None:
    """For each field there are claims with which the score is as low and as high as foretold.

    Only a competitor's website comes with points of its own, which the lowest score leaves out.
    """
    # Trust of the present fact matters: a claim that is as trusted can replace it.
    case = case_of(*claims, email=email, country=country)

    bounds = score_bounds(case, POLICY, frozenset({field}))

    scores = [decided(case, POLICY, *extreme).score or 0 for extreme in [[], *_EXTREMES[field]]]
    assert max(scores) == bounds.highest
    if field is not F.WEBSITE:
        assert _lowest(case, field, scores) == bounds.lowest


def _lowest(case: Case, field: ClaimField, scores: list[int]) -> int:
    """Return the lowest of *scores* and of those of claims that only just replace a good fact."""
    profile = _profile(case)
    known = {F.SECTOR: profile.sector, F.COUNTRY: profile.country}.get(field, profile.size_band)
    if field not in {F.SECTOR, F.COUNTRY, F.SIZE_BAND, F.HEADCOUNT} or known is None:
        return min(scores)
    just = [
        [each.model_copy(update={"confidence": known.trust}) for each in extreme]
        for extreme in _EXTREMES[field]
    ]
    return min(*scores, *(decided(case, POLICY, *extreme).score or 0 for extreme in just))


def _profile(case: Case) -> CompanyProfile:
    return build_profile(case.lead, case.evidence, POLICY.evidence, NOW)


# --- What the bounds are worth --------------------------------------------------------------------

_KNOWN = (
    claim("sector", "retail", confidence=0.7),
    claim("size_band", "51-200", confidence=0.7),
    claim("country", "ES", confidence=0.8),
    claim("website", "acme.example", confidence=0.9),
    claim("phone", "+34 900", confidence=0.8),
)
# 114 points before they are cut to 100; the country is in doubt.
_BEST = (
    claim("sector", "retail"),
    claim("size_band", "51-200"),
    claim("country", "ES", confidence=0.4),
    claim("website", "mail.example"),
    claim("phone", "+34 900"),
    claim("hiring", 10),
    claim("technology", "SAP"),
    claim("technology", "Odoo"),
    *(claim("news", f"{kind}: Acme") for kind in ("expansion", "funding", "product", "award")),
)
_ALL_SURE = tuple(each.model_copy(update={"confidence": 1}) for each in _KNOWN)


def test_known_facts_leave_little_open() -> None:
    """With sector, size and country known, a crawl may bring no more than their full trust."""
    case = case_of(*_KNOWN, email="ana@acme.example")
    assert decided(case, POLICY).score == 30 + 13 + 10 + 8 + 3 + 3 + 5

    bounds = plausible_bounds(case, POLICY, EVERYTHING - {F.NEWS, F.HIRING, F.TECHNOLOGY})

    assert (bounds.lowest, bounds.highest) == (72, 30 + 18 + 14 + 10 + 4 + 3 + 6)
    assert bounds.verdicts == {AssessmentCode.VIABLE}
    assert not bounds.may_be_discarded


@pytest.mark.parametrize(
    ("host", "code"),
    [("apollo.io", AssessmentCode.COMPETITOR), ("emasai.com", AssessmentCode.OWN_DOMAIN)],
)
def test_a_settled_website_may_still_become_decisive(host: str, code: AssessmentCode) -> None:
    """A listed website that is settled below the decisive trust ends the matter with more."""
    policy = policy_with(("settled_trust = 0.5", "settled_trust = 0.3"))
    case = case_of(claim("website", host, confidence=0.4))

    bounds = [plausible_bounds(case, policy, frozenset(fields)) for fields in ({F.WEBSITE}, ())]

    assert [each.verdicts.intersection(DECISIVE.values()) for each in bounds] == [{code}, set()]


def test_every_end_is_foretold() -> None:
    """Where nothing is known, anything may come out."""
    bounds = score_bounds(case_of(), POLICY, EVERYTHING)

    assert (bounds.lowest, bounds.highest) == (0, 100)
    assert bounds.verdicts == set(AssessmentCode)


def test_what_is_final_hides_what_comes_after() -> None:
    """A company that has closed may turn out a competitor, but neither insolvent nor viable."""
    case = case_of(claim("news", "closure: gone"))

    bounds = score_bounds(case, POLICY, EVERYTHING)

    assert bounds.verdicts == {
        AssessmentCode.OWN_DOMAIN,
        AssessmentCode.COMPETITOR,
        AssessmentCode.COMPANY_CLOSED,
    }


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        (claim("size_band", "1-10"), AssessmentCode.POOR_FIT),
        (claim("size_band", "11-50"), AssessmentCode.INSUFFICIENT_EVIDENCE),
        (claim("sector", "education"), AssessmentCode.POOR_FIT),
        (claim("sector", "education", confidence=0.4), AssessmentCode.INSUFFICIENT_EVIDENCE),
    ],
)
def test_a_misfit_tells_a_poor_fit_from_too_little_evidence(
    fact: Claim, code: AssessmentCode
) -> None:
    """What is known against the company stays known; without it, only evidence is missing."""
    bounds = score_bounds(case_of(fact), POLICY, frozenset({F.TECHNOLOGY}))

    assert bounds.verdicts == {code}


@pytest.mark.parametrize(
    ("facts", "verdicts"),
    [
        # The sector is unknown, or doubtful: it may be one that is wanted, or not.
        ((), {AssessmentCode.POOR_FIT, AssessmentCode.INSUFFICIENT_EVIDENCE}),
        (
            (claim("sector", "education", confidence=0.4),),
            {AssessmentCode.POOR_FIT, AssessmentCode.INSUFFICIENT_EVIDENCE},
        ),
        # It is settled, either way.
        ((claim("sector", "retail"),), {AssessmentCode.INSUFFICIENT_EVIDENCE}),
        ((claim("sector", "education"),), {AssessmentCode.POOR_FIT}),
    ],
)
def test_a_sector_that_is_not_targeted_is_no_lack_of_evidence(
    facts: tuple[Claim, ...], verdicts: set[AssessmentCode]
) -> None:
    """Where no sector is avoided, a known one without points is what makes a poor fit."""
    policy = policy_with(
        ('avoided_sectors = ["agriculture", "public_administration"]', "avoided_sectors = []")
    )

    bounds = plausible_bounds(case_of(*facts), policy, frozenset({F.SECTOR}))

    assert bounds.verdicts == verdicts


def test_only_a_misfit_is_in_the_way_of_a_good_lead() -> None:
    """A lead that is viable without its size is a poor fit with the wrong one, or viable."""
    bounds = score_bounds(
        case_of(_ALL_SURE[0], *_ALL_SURE[2:]), POLICY, frozenset({F.SIZE_BAND})
    )  # fmt: skip

    assert (bounds.lowest, bounds.highest) == (50, 79)
    assert bounds.verdicts == {AssessmentCode.VIABLE, AssessmentCode.POOR_FIT}


@pytest.mark.parametrize(
    ("known", "country", "is_poor"),
    [
        # 69 points; a claim of another country takes 2 to 22 without being decisive.
        (_ALL_SURE, claim("country", "ES", confidence=0.05), True),
        # Only a decisive claim is more trusted than what is known.
        (_ALL_SURE, claim("country", "ES", confidence=0.8), False),
        # 87 points without the country: enough, as long as nothing is decisive.
        (_BEST[:8], claim("country", "ES", confidence=0.3), False),
    ],
)
def test_a_doubtful_claim_costs_points_and_a_decisive_one_ends_the_matter(
    known: tuple[Claim, ...], country: Claim, *, is_poor: bool
) -> None:
    """A poor fit is foretold only if it can come about without a decisive fact."""
    claims = [each for each in known if each.field is not F.COUNTRY]

    bounds = score_bounds(case_of(*claims, country), POLICY, frozenset({F.COUNTRY}))

    expected = {AssessmentCode.VIABLE, AssessmentCode.OUTSIDE_MARKET}
    assert bounds.verdicts == expected | ({AssessmentCode.POOR_FIT} if is_poor else set())


def test_what_is_rounded_away_ends_nothing() -> None:
    """News that is trusted enough but comes to no points is no end, until it is trusted more."""
    policy = policy_with(
        ("decisive_trust = 0.5", "decisive_trust = 0.1"), ("closure = -80", "closure = -1")
    )
    case = case_of(claim("news", "closure: Acme", confidence=0.3))

    bounds = [plausible_bounds(case, policy, frozenset(fields)) for fields in ((), {F.NEWS})]

    assert [each.verdicts for each in bounds] == [
        {AssessmentCode.INSUFFICIENT_EVIDENCE},
        {AssessmentCode.INSUFFICIENT_EVIDENCE, AssessmentCode.COMPANY_CLOSED},
    ]


def test_a_policy_that_avoids_no_sector_takes_nothing_for_one() -> None:
    """Values that the policy does not list are no possibility."""
    policy = policy_with(
        ('avoided_sectors = ["agriculture", "public_administration"]', "avoided_sectors = []")
    )

    bounds = score_bounds(case_of(), policy, frozenset({F.SECTOR}))

    assert (bounds.lowest, bounds.highest) == (30, 48)


# --- What is bought -------------------------------------------------------------------------------


@given(case=CASES, policy=POLICIES, fields=FEW_FIELDS, data=st.data())
def test_what_is_not_bought_would_not_have_changed_the_verdict(
    case: Case, policy: Policy, fields: frozenset[ClaimField], data: st.DataObject
) -> None:
    """The verdict without unwanted evidence is the verdict with it, unless a settled fact falls."""
    assume(not CdaoAgent(policy).wants(case, fields))
    profile = build_profile(case.lead, case.evidence, policy.evidence, NOW)
    further = [
        each
        for each in further_claims(data, fields)
        if _is_expected(each, case, profile, policy)
    ]  # fmt: skip

    with_them = decided(case, policy, *further)

    assert with_them.verdict is decided(case, policy).verdict


def _is_expected(further: Claim, case: Case, profile: CompanyProfile, policy: Policy) -> bool:
    """Whether *further* leaves settled facts alone, and is no news that nothing is bought for."""
    if further.field is F.NEWS:
        return str(further.value).partition(":")[0] in policy.opportunity.rule_out
    alone = build_profile(
        case.lead.model_copy(update={"country": None, "website": None}),
        case_of(further).evidence,
        policy.evidence,
        NOW,
    )
    for name in ("sector", "size_band", "country", "website"):
        known, said = getattr(profile, name), getattr(alone, name)
        if known and said and known.trust >= policy.opportunity.settled_trust:
            return bool(known.value == said.value)
    return True


@pytest.mark.parametrize(
    ("claims", "fields", "is_wanted"),
    [
        # Nothing is known: much is needed, and open positions alone are not enough.
        ((), EVERYTHING, True),
        ((), {F.SECTOR, F.SIZE_BAND, F.COUNTRY}, True),
        ((), {F.SECTOR, F.SIZE_BAND}, False),
        ((), {F.HIRING, F.TECHNOLOGY}, False),
        # The matter has ended.
        ([claim("news", "closure: gone")], EVERYTHING, False),
        ([claim("news", "insolvency: gone")], EVERYTHING, False),
        ([claim("country", "DE", confidence=0.5)], EVERYTHING, False),
        ([claim("website", "apollo.io", confidence=0.5)], EVERYTHING, False),
        # Not yet: a doubtful source says so.
        ([claim("country", "DE", confidence=0.4)], EVERYTHING, True),
        ([claim("website", "apollo.io", confidence=0.4)], EVERYTHING, True),
        # Viable for certain, and everything is there: only a closure is still to be ruled out.
        (_ALL_SURE, EVERYTHING - {F.NEWS}, False),
        (_ALL_SURE, {F.NEWS}, True),
        # The size is unknown, and 1-10 would make it a poor fit; hiring takes nothing away.
        ((*_KNOWN[:1], *_KNOWN[2:], claim("hiring", 10), claim("technology", "SAP"),
          claim("technology", "Odoo")), {F.SIZE_BAND}, True),
        ((*_KNOWN[:1], *_KNOWN[2:], claim("hiring", 10), claim("technology", "SAP"),
          claim("technology", "Odoo")), {F.HEADCOUNT}, True),
        ((*_KNOWN[:1], *_KNOWN[2:], claim("hiring", 10), claim("technology", "SAP"),
          claim("technology", "Odoo")), {F.HIRING, F.EMAIL}, False),
        # Below the threshold by little: more trust in what is known is enough.
        (_KNOWN[:3], {F.SECTOR, F.SIZE_BAND}, True),
        (_KNOWN[:3], {F.SECTOR}, True),
        (_KNOWN[:2], {F.SECTOR, F.SIZE_BAND}, False),
        # An avoided sector is settled, and nothing makes up for it; it might be in doubt.
        ([claim("sector", "agriculture", confidence=0.6)], EVERYTHING, False),
        ([claim("sector", "agriculture", confidence=0.4)], EVERYTHING, True),
    ],
)  # fmt: skip
def test_evidence_is_wanted_while_it_can_change_the_verdict(
    claims: tuple[Claim, ...], fields: set[ClaimField], *, is_wanted: bool
) -> None:
    """A lead that cannot become viable buys nothing more, nor does one that certainly is."""
    case = case_of(*claims)

    wants = CdaoAgent(POLICY).wants(case, frozenset(fields))

    assert wants is is_wanted


@pytest.mark.parametrize(
    ("name", "index", "field"),
    [("website", 3, F.WEBSITE), ("contact", 4, F.EMAIL), ("sector", 0, F.SECTOR),
     ("size", 1, F.HEADCOUNT), ("country", 2, F.COUNTRY)],
)  # fmt: skip
def test_what_an_opportunity_must_have_is_bought_for_a_viable_lead(
    name: str, index: int, field: ClaimField
) -> None:
    """A viable lead that lacks something required, or knows it from a doubtful source, wants it."""
    # So high that no misfit matters, and nothing but what is required is left to want.
    needed, needless = (
        policy_with(
            ("baseline = 30", "baseline = 64"),
            ("outside_market = -45", "outside_market = 0"),
            ("sector_misfit = -25", "sector_misfit = 0"),
            ("size_misfit = -15", "size_misfit = 0"),
            ('"lusha.com", "zoominfo.com", "competitor.example"', ""),
            ('competitors = ["apollo.io", "cognism.com", ', "competitors = ["),
            ('own = ["emasai.com", "emasai.example"]', "own = []"),
            ('["website", "contact", "sector", "country"]', f"{[*required]}".replace("'", '"')),
        )
        for required in ({name}, {"website", "contact", "sector", "country", "size"} - {name})
    )
    rest = [each for place, each in enumerate(_ALL_SURE) if place != index]
    doubtful = _ALL_SURE[index].model_copy(update={"confidence": 0.49})
    settled = _ALL_SURE[index].model_copy(update={"confidence": 0.5})

    wants = [
        CdaoAgent(policy).wants(case_of(*claims), frozenset({field}))
        for policy, claims in (
            (needed, rest),
            (needed, [*rest, doubtful]),
            (needed, [*rest, settled]),
            (needless, rest),
        )
    ]

    assert wants == [True, True, False, False]
    assert not CdaoAgent(needed).wants(case_of(*rest), frozenset({F.DESCRIPTION}))


def test_no_score_makes_up_for_what_ends_the_matter() -> None:
    """A doubtful country is looked up though the score would be enough outside the market, too."""
    policy = policy_with(
        ('required = ["website", "contact", "sector", "country"]', "required = []")
    )

    assert plausible_bounds(case_of(*_BEST), policy, frozenset({F.COUNTRY})).lowest == 65
    assert CdaoAgent(policy).wants(case_of(*_BEST), frozenset({F.COUNTRY}))


def test_news_is_bought_only_to_rule_out_what_the_policy_names() -> None:
    """Without a kind of news to rule out, a viable lead is complete; a poor one buys no hope."""
    careless = policy_with(('rule_out = ["closure"]', "rule_out = []"))
    viable, poor = case_of(*_ALL_SURE), case_of(*_KNOWN[:3])
    assert CdaoAgent(POLICY).decide(poor).score == 61
    assert score_bounds(poor, POLICY, frozenset({F.NEWS})).highest == 61 + 23

    wants = [
        CdaoAgent(policy).wants(case, frozenset({F.NEWS}))
        for policy, case in ((POLICY, viable), (careless, viable), (POLICY, poor))
    ]

    assert wants == [True, False, False]


@pytest.mark.parametrize("changes", [{"email": "bo@emasai.com"}, {"website": "apollo.io"}])
def test_a_lead_that_the_policy_rules_out_wants_nothing(changes: dict[str, str | None]) -> None:
    """No evidence about the company makes a colleague or a competitor a customer."""
    case = Case(lead=lead(**changes), now=NOW)

    wants = CdaoAgent(POLICY).wants(case, EVERYTHING)

    assert wants is False
    assert score_bounds(case, POLICY, EVERYTHING).may_advance is False


@given(claims=CLAIMS, email=EMAILS, data=st.data())
def test_no_order_of_purchases_changes_the_verdict(
    claims: list[Claim], email: str, data: st.DataObject
) -> None:
    """Evidence that comes in steps leads to the same verdict in any order of the steps."""
    cut = data.draw(st.integers(0, len(claims)))
    first, second = claims[:cut], claims[cut:]

    verdicts = {
        decided(case_of(*one, email=email), POLICY, *other).model_dump_json()
        for one, other in ((first, second), (second, first))
    }

    assert len(verdicts) == 1


def test_the_agent_shows_its_bounds() -> None:
    """What `--show-evidence` prints are the plausible bounds and the threshold."""
    agent, case = CdaoAgent(POLICY), case_of(*_KNOWN)

    assert agent.bounds(case, EVERYTHING) == plausible_bounds(case, POLICY, EVERYTHING)
    assert agent.threshold == 65
    assert agent.decide(case).verdict is Verdict.ADVANCE
