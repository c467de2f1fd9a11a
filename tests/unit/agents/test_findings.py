"""Each fact has its points, a missing one has none, and the points add up to the score."""

import pytest

from agents.case import Claim
from agents.cdao import FindingName, build_profile, find, score_of
from tests.unit.agents.builders import (
    NO_TARGET_SECTORS,
    NOW,
    POLICY,
    case_of,
    claim,
    findings_of,
    findings_under,
    policy_with,
)

_CLOSED = claim("news", "closure: Acme shuts down")


@pytest.mark.parametrize(
    ("field", "value", "name", "points"),
    [
        ("sector", "retail", "sector_fit", 18),
        ("sector", "agriculture", "sector_misfit", -25),
        ("size_band", "51-200", "size_fit", 14),
        ("size_band", "1-10", "size_misfit", -15),
        ("headcount", 5, "size_misfit", -15),
        ("country", "ES", "country_fit", 10),
        ("country", "Alemania", "outside_market", -45),
        ("hiring", 10, "hiring", 6),
        ("hiring", 10_000, "hiring", 6),
        ("hiring", 5, "hiring", 3),
        ("technology", "SAP", "technology_fit", 3),
        ("phone", "+34 900 000 000", "contact_reachable", 4),
        ("email", "info@acme.example", "contact_reachable", 4),
        ("social", "https://social.example/acme", "contact_reachable", 4),
        ("website", "https://acme.example", "website_found", 3),
        ("news", "expansion: a new plant", "news_expansion", 8),
        ("news", "layoffs: 300 leave", "news_layoffs", -12),
        ("news", "concurso de acreedores: Acme", "news_insolvency", -50),
        ("news", "closure: Acme shuts down", "news_closure", -80),
    ],
)
def test_a_certain_fact_earns_its_weight(
    field: str, value: str | int, name: str, points: int
) -> None:
    """One certain claim of today makes one finding with the policy's points."""
    findings = findings_of(claim(field, value))

    earned = {found: f.points for found, f in findings.items() if found != FindingName.CLAMP}
    assert earned == {name: points}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_band", "11-50"),
        ("technology", "Excel"),
        ("news", "merger: Acme and Bolt"),
    ],
)
def test_a_neutral_fact_is_no_finding(field: str, value: str) -> None:
    """What the policy neither wants nor avoids has no say."""
    findings = findings_of(claim(field, value))

    assert findings == {}


@pytest.mark.parametrize(
    ("confidence", "expected"), [(0.5, [FindingName.SECTOR_NEUTRAL]), (0.49, [])]
)
def test_a_sector_that_is_not_targeted_is_found_without_points(
    confidence: float, expected: list[FindingName]
) -> None:
    """From the decisive trust on it is a finding; a doubtful one may turn out to be wanted."""
    findings = findings_of(claim("sector", "construction", confidence=confidence))

    assert [*findings] == expected
    assert all(finding.points == 0 for finding in findings.values())


def test_a_policy_that_targets_no_sector_finds_none_untargeted() -> None:
    """Where sectors do not matter, each is as good as the next."""
    findings = findings_under(policy_with(NO_TARGET_SECTORS), claim("sector", "construction"))

    assert findings == {}


def test_doubt_and_age_take_points_away() -> None:
    """Half the confidence is half the points, and so is half the weight of age."""
    doubtful = findings_of(claim("sector", "retail", confidence=0.5))
    old = findings_of(claim("sector", "retail", days_old=1095))

    assert doubtful[FindingName.SECTOR_FIT].points == 9
    assert old[FindingName.SECTOR_FIT].points == 9


def test_signals_age_faster_than_facts() -> None:
    """News of two years ago counts nothing; a sector of two years ago still counts."""
    findings = findings_of(
        claim("news", "funding: 10 M", days_old=730), claim("sector", "retail", days_old=730)
    )

    assert set(findings) == {FindingName.SECTOR_FIT, FindingName.STALE_EVIDENCE}


def test_old_evidence_is_named_without_costing_twice() -> None:
    """The finding about age lists what it concerns, and has no points of its own."""
    findings = findings_of(
        claim("sector", "retail", days_old=730), claim("size_band", "51-200", days_old=10)
    )

    stale = findings[FindingName.STALE_EVIDENCE]
    assert (stale.points, stale.params) == (0, {"findings": ["sector_fit"]})


def test_fresh_evidence_is_not_called_old_for_being_doubtful() -> None:
    """Only age makes a finding stale, beside doubtful and certain ones that are of today."""
    doubtful = claim("sector", "retail", confidence=0.6)
    old = claim("size_band", "51-200", confidence=0.6, days_old=730)

    assert FindingName.STALE_EVIDENCE not in findings_of(doubtful)
    stale = findings_of(doubtful, old)[FindingName.STALE_EVIDENCE]
    assert stale.params == {"findings": ["size_fit"]}


def test_many_headlines_of_a_kind_count_once() -> None:
    """Five articles about one event are not five events."""
    headlines = [claim("news", f"expansion: plant, says paper {n}") for n in range(5)]

    findings = findings_of(*headlines)

    assert findings[FindingName.NEWS_EXPANSION].points == 8


def test_job_titles_count_as_positions() -> None:
    """Five named positions are as good as a count of five."""
    titles = [claim("hiring", f"Analyst {n}") for n in range(5)]

    hiring = findings_of(*titles)[FindingName.HIRING]

    assert (hiring.points, hiring.params) == (3, {"open_positions": 5})


def test_positions_that_are_counted_and_named_are_the_same_ones() -> None:
    """A count of five and five names are five positions, not ten."""
    titles = [claim("hiring", f"Analyst {n}") for n in range(5)]

    hiring = findings_of(claim("hiring", 5), *titles)[FindingName.HIRING]

    assert (hiring.points, hiring.params) == (3, {"open_positions": 5})


def test_doubt_weighs_on_any_number_of_positions() -> None:
    """A doubtful thousand does not earn what a certain ten does."""
    hiring = findings_of(claim("hiring", 1000, confidence=0.5))[FindingName.HIRING]

    assert hiring.points == 3


def test_technologies_are_named_as_the_policy_spells_them() -> None:
    """However a source writes a product, the sentence about it is well spelt."""
    fit = findings_of(claim("technology", "SALESFORCE"), claim("technology", "sap"))

    assert fit[FindingName.TECHNOLOGY_FIT].points == 6
    assert fit[FindingName.TECHNOLOGY_FIT].params == {"technologies": ["Salesforce", "SAP"]}


def test_a_finding_about_news_names_the_sources_of_all_headlines() -> None:
    """Not of the one that its sentence quotes alone."""
    news = findings_of(
        claim("news", "expansion: a plant in Lugo", url="https://a.example"),
        claim("news", "expansion: a plant in Vigo", url="https://b.example", days_old=1),
    )[FindingName.NEWS_EXPANSION]

    assert news.sources == ("https://a.example", "https://b.example")


def test_a_finding_names_its_sources_once() -> None:
    """Sources are sorted, without repetition."""
    first = claim("phone", "+34 1", url="https://b.example")
    second = claim("email", "info@acme.example", url="https://a.example")
    third = claim("social", "@acme", url="https://b.example")

    contact = findings_of(first, second, third)[FindingName.CONTACT_REACHABLE]

    assert contact.sources == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("website", ["acme.example", "shop.acme.example"])
@pytest.mark.parametrize("email", ["ana@acme.example", "ana@shop.acme.example"])
def test_writing_from_the_company_domain_is_good(website: str, email: str) -> None:
    """Website and address belong together also across a subdomain."""
    findings = findings_of(claim("website", website), email=email)

    assert findings[FindingName.OWN_DOMAIN_EMAIL].points == 6


def test_writing_from_any_of_the_company_domains_is_good() -> None:
    """A company may have more websites than its best known one."""
    main = claim("website", "acme.example")
    other = claim("website", "acme-group.example", confidence=0.5)

    findings = findings_of(main, other, email="ana@acme-group.example")

    assert findings[FindingName.OWN_DOMAIN_EMAIL].points == 3


def test_writing_from_another_domain_is_no_fault() -> None:
    """An agency's or a parent company's address proves nothing."""
    findings = findings_of(claim("website", "acme.example"), email="ana@agency.example")

    assert set(findings) == {FindingName.WEBSITE_FOUND}


@pytest.mark.parametrize("domain", ["gmail.com", "mailinator.com", "ono.com", "correo.ono.com"])
def test_writing_from_free_mail_costs_points(domain: str) -> None:
    """A public mail address, by the lists or by the policy, is a known fact."""
    findings = findings_of(email=f"ana@{domain}")

    assert findings[FindingName.FREE_MAIL].points == -5


def test_a_weight_of_zero_switches_a_finding_off() -> None:
    """The policy can do without any finding."""
    policy = policy_with(("free_mail = -5 ", "free_mail = 0 "), ("hiring = 6 ", "hiring = 0 "))

    findings = findings_under(policy, claim("hiring", 10), email="ana@gmail.com")

    assert findings == {}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"email": "bo@emasai.com"}, "our_domain"),
        ({"email": "bo@sales.emasai.com"}, "our_domain"),
        ({"website": "https://www.emasai.com/es"}, "our_domain"),
        ({"email": "bo@competitor.example"}, "competitor_domain"),
        ({"website": "competitor.example"}, "competitor_domain"),
    ],
)
def test_our_own_and_competitors_are_recognised(changes: dict[str, str | None], name: str) -> None:
    """E-mail and website of the lead are compared with both lists, subdomains included."""
    findings = findings_of(**changes)

    assert findings[FindingName(name)].points == -100


def test_a_competitor_is_recognised_by_its_website_in_evidence() -> None:
    """A competitor that writes from free mail is still a competitor."""
    findings = findings_of(claim("website", "competitor.example"), email="bo@gmail.com")

    assert FindingName.COMPETITOR_DOMAIN in findings


def test_a_doubtful_website_makes_no_competitor() -> None:
    """A source that is not sure must not cost a customer."""
    findings = findings_of(claim("website", "competitor.example", confidence=0.45))

    assert FindingName.COMPETITOR_DOMAIN not in findings


@pytest.mark.parametrize(
    ("policy_change", "claims", "score"),
    [
        (("baseline = 30", "baseline = 30"), [], 30),
        (("baseline = 30", "baseline = 10"), [_CLOSED], 0),
        (("sector_fit = 18", "sector_fit = 90"), [claim("sector", "retail")], 100),
    ],
)
def test_the_points_add_up_to_the_score(
    policy_change: tuple[str, str], claims: list[Claim], score: int
) -> None:
    """What exceeds the range is taken back by a finding of its own."""
    policy = policy_with(policy_change)
    case = case_of(*claims)

    profile = build_profile(case.lead, case.evidence, policy.evidence, NOW)
    findings = find(profile, case.lead, policy)

    assert score_of(findings) == score
    assert (findings[-1].name is FindingName.CLAMP) == (score in {0, 100})


def test_nothing_known_is_the_baseline_alone() -> None:
    """No evidence at all costs nothing."""
    findings = findings_of()

    assert findings == {}
    assert POLICY.scoring.baseline < POLICY.scoring.threshold
